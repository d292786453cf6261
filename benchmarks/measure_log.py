"""The prediction log: what an append costs the service, and how fast records reach the database.

`python benchmarks/measure_log.py [--records 50000] [--store postgresql+psycopg://…]` (default: SQLite in a temporary
folder). Three figures for each durability: microseconds of one append while nothing else goes on, appends a second that
64 waiting clients reach together (each waits until its own record is as durable as promised), and rows a second into
the database from the first append to the last commit.
"""

import argparse
import asyncio
import tempfile
import time
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from ride_duration.store import PredictionLog, PredictionRecord

CLIENTS = 64
PICKUP = datetime(2021, 2, 1, 17, 30)
MODEL = "ride-duration-green-simulated"


def records(count: int) -> list[PredictionRecord]:
    return [
        PredictionRecord(
            uuid4().hex, f"ride {i}", 1e9 + i, PICKUP, 10, 50, 2.5, 20.0, 10.0, 30.0, 1, "champion", 0.5, MODEL
        )
        for i in range(count)
    ]


async def ask(log: PredictionLog, share: list[PredictionRecord]) -> None:
    for record in share:
        log.append([record])
        await log.durable()
        await asyncio.sleep(0)


async def ask_all(log: PredictionLog, asked: list[PredictionRecord]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(ask(log, asked[client::CLIENTS]) for client in range(CLIENTS)))
    return len(asked) / (time.perf_counter() - began)


def drain(log: PredictionLog) -> None:
    while log.queue_depth:
        time.sleep(0.001)


def measure(store: str, folder: Path, durability: str, count: int) -> tuple[float, float, float]:
    log = PredictionLog(store, folder, durability, capacity=2 * count)  # type: ignore[arg-type]
    log.append(records(1))
    drain(log)  # migrated, and warm
    asked = records(count)
    began = time.perf_counter()
    for record in asked:
        log.append([record])
    appended = time.perf_counter()
    drain(log)
    drained = time.perf_counter()
    together = asyncio.run(ask_all(log, records(count)))
    log.close(patience=600.0)
    return 1e6 * (appended - began) / count, together, count / (drained - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--store", default="")
    options = parser.parse_args()
    print(f"{'durability':<12}{'µs an append':>14}{'appends/s together':>20}{'rows/s kept':>14}")
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or f"sqlite:///{folder}/predictions.db"
        for durability in ("memory", "journal", "sync"):
            alone, together, kept = measure(store, Path(folder), durability, options.records)
            print(f"{durability:<12}{alone:>14.1f}{together:>20,.0f}{kept:>14,.0f}")


if __name__ == "__main__":
    main()
