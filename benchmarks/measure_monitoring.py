"""A daily increment of the monitoring, and the report from its rows, on a long prediction log in a real PostgreSQL.

Run `kedro run` first, whose package answers; then, in the folder of the project,
`python benchmarks/measure_monitoring.py [--rows 10000000] [--days 100]`. The log has as many predictions every day, and
a report for each: 3 % up to ten days late, 1 % twice, 0.5 % corrected. All days but the last are taken as computed; the
increment is what came in on the last one. Filling ten million rows takes some ten minutes and 5 GB of disk in the
temporary folder. `--keep FILE` writes the address of the server there and keeps it running until Enter, to look at
plans; `--store URL` measures again on it.
"""

import argparse
import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.monitoring import monitored
from tests.support.store.postgres import Postgres

from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.datasets.prediction_log import keep_increment
from ride_duration.model_package import ModelPackage, Rides
from ride_duration.store.database import migrate, open_writing_engine
from ride_duration.store.monitoring import DayEvidence, Evidence, claim_log, load_days, replace_days
from ride_duration.store.queries.news import find_news

MODEL = "ride-duration-green-simulated"
FIRST = np.datetime64("2021-01-04")
PREDICTIONS = (
    "prediction_id", "ride_id", "asked_at", "pickup_datetime", "pickup_zone", "dropoff_zone", "duration", "lower",
    "upper", "model_version", "variant", "milliseconds", "model", "pickup_at", "source",
)  # fmt: skip
ACTUALS = ("actual_id", "ride_id", "received_at", "duration", "source")
NEW_YORK_WINTER, DAY = 5 * 3600.0, 86_400.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="predictions")
    parser.add_argument("--days", type=int, default=100, help="New York days that they are of")
    parser.add_argument("--package", default="data/06_models/model_package")
    parser.add_argument("--store", default="", help="URL of a store that was filled before")
    parser.add_argument("--keep", default="", help="file for the URL; the server goes on until Ctrl-C")
    given = parser.parse_args()
    package = ModelPackage.load(given.package)
    server = None if given.store else Postgres()
    try:
        url = given.store or server.database()  # type: ignore[union-attr]
        if server:
            with measured("filling the log"):
                fill(url, package, given.rows // given.days, given.days)
        # In a process of its own, whose memory is that of the monitoring alone.
        measuring = get_context("spawn").Process(target=measure, args=(url, given.package, given.days))
        measuring.start()
        measuring.join()
        if measuring.exitcode:
            sys.exit("the measurement has failed")
        if given.keep:
            Path(given.keep).write_text(url)
            input(f"{url} goes on until Enter")
    finally:
        if server:
            server.end()


def measure(url: str, folder: str, days: int) -> None:
    """Measure an increment of the last day, and the report."""
    package = ModelPackage.load(folder)
    last = str(FIRST + days - 1)
    store = MonitoredStore(url, None, MODEL)
    seen = take_as_computed(store, last)
    asked = monitored(window=f"{FIRST + days - 29}..{FIRST + days - 2}", source="simulated")
    from ride_duration.pipelines.monitoring.logged_days import compute_increment

    packages = {1: lambda: package}
    with measured("daily increment (bar: 20 s, 500 MB)"):
        increment = compute_increment(store, packages, asked)
        assert increment.news is not None
        assert increment.news.seen == seen
        keep_increment(store, increment)
    print(f"  {len(increment.news.days)} days with news: {', '.join(increment.news.days)}")
    copy_rows(store, last, days)
    measure_report(store, packages, asked)


def take_as_computed(store: MonitoredStore, last: str) -> tuple[int, int]:
    """Set the watermark before everything that came in on the last day."""
    from sqlalchemy import text

    from ride_duration.store.monitoring import Progress, Watermark, load_progress

    begin = float(np.datetime64(last, "s").astype(int)) + NEW_YORK_WINTER
    with store.reading.connect() as connection:
        newest = [
            connection.scalar(text(f"SELECT max(arrival) FROM {table} WHERE {column} < {begin}"))
            for table, column in (("predictions", "asked_at"), ("actuals", "received_at"))
        ]
    watermark = Watermark(*newest)
    claim_log(store.engine, MODEL, "fill", load_progress(store.engine, MODEL).watermark, watermark, [], 0.0)
    assert find_news(store.reading, MODEL, Progress(watermark, 0.0)).days
    return watermark


def copy_rows(store: MonitoredStore, last: str, days: int) -> None:
    """Let the rows of one whole day stand for those of all days before, as a report needs them."""
    from ride_duration.store.monitoring import load_features, load_labels

    whole = str(np.datetime64(last) - 1)
    sums = load_days(store.engine, MODEL, Evidence.LOG, whole, whole)
    labels, features = (
        load_labels(store.engine, MODEL, whole, whole),
        load_features(store.engine, MODEL, 1, whole, whole),
    )
    for rows in (sums, labels, features):
        for row in rows:
            for name in ("model", "evidence", "day", "computed_at"):
                row.pop(name, None)
    computed = {row["day"] for row in load_days(store.engine, MODEL, Evidence.LOG)}
    every = (str(FIRST + number) for number in range(days - 1))
    missing = (DayEvidence(day, sums, labels[0], features) for day in every if day not in computed)
    replace_days(store.engine, MODEL, Evidence.LOG, missing, 0.0)


def measure_report(store: MonitoredStore, packages: dict, asked: object) -> None:
    """Measure what follows from the rows: sums, drift, verdict, summary and page."""
    from ride_duration.pipelines.monitoring.daily_sums import sum_days
    from ride_duration.pipelines.monitoring.drift import measure_drift
    from ride_duration.pipelines.monitoring.evaluated import find_evaluated
    from ride_duration.pipelines.monitoring.label_delays import summarise_labels
    from ride_duration.pipelines.monitoring.logged_evidence import read_logged_evidence
    from ride_duration.pipelines.monitoring.report import write_report
    from ride_duration.pipelines.monitoring.verdict_text import summarise_verdict
    from ride_duration.pipelines.monitoring.window_verdict import evaluate_window

    with measured("report from the rows (bar: 3 s)"):
        evidence = read_logged_evidence(store, asked)
        labels = summarise_labels(evidence, asked)
        sums = sum_days({}, asked, evidence)
        evaluated = find_evaluated(sums, asked)
        scores = measure_drift({}, packages, evaluated, asked, evidence)
        verdict = evaluate_window(sums, scores, evaluated, asked)
        page = write_report(verdict, sums, scores, evaluated, asked, labels)
    print(summarise_verdict(verdict, labels))
    print(f"  page of {len(page) / 1e3:,.0f} kB")


def fill(url: str, package: ModelPackage, rides: int, days: int) -> None:
    """Write the log day by day; reports arrive in the order in which they are received."""
    engine = open_writing_engine(url)
    migrate(engine)
    rng = np.random.default_rng(1)
    waiting = pd.DataFrame(columns=list(ACTUALS))
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        cursor = driver.cursor()
        cursor.execute("SET statement_timeout = 0; SET synchronous_commit = off")
        for number in range(days):
            predictions, actuals = make_day(rng, package, number, rides)
            waiting = pd.concat([waiting, actuals], ignore_index=True)
            end = float((FIRST + number + 1).astype("datetime64[s]").astype(int)) + NEW_YORK_WINTER
            arrived = waiting["received_at"] < end
            copy(cursor, "predictions", predictions)
            copy(cursor, "actuals", waiting[arrived].sort_values("received_at"))
            waiting = waiting[~arrived]
            driver.commit()
            if number % 10 == 9:
                print(f"  {number + 1} of {days} days", file=sys.stderr, flush=True)
        cursor.execute("ANALYZE predictions; ANALYZE actuals")
        driver.commit()
    engine.dispose()


def make_day(
    rng: np.random.Generator, package: ModelPackage, number: int, rides: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the predictions of a day, and the reports about its rides."""
    when = (FIRST + number).astype("datetime64[s]") + np.sort(rng.integers(0, int(DAY), rides))
    at = when.astype(np.int64) + NEW_YORK_WINTER
    ends = rng.integers(1, 264, (2, rides)).astype(np.float64)
    answers = package.answer(Rides(*ends, when, np.full(rides, np.nan)), intervals=False)
    actual = np.clip(answers.duration * np.exp(rng.normal(0, 0.25, rides)), 1, 60).round(2)
    ride = [f"r{number * rides + one}" for one in range(rides)]
    predictions = pd.DataFrame(
        {
            "prediction_id": [f"p{name}" for name in ride], "ride_id": ride, "asked_at": at - 60,
            "pickup_datetime": when.astype(str), "pickup_zone": ends[0].astype(int),
            "dropoff_zone": ends[1].astype(int), "duration": answers.duration, "lower": answers.duration * 0.7,
            "upper": answers.duration * 1.4, "model_version": 1, "variant": "champion", "milliseconds": 0.5,
            "model": MODEL, "pickup_at": at, "source": "host/1",
        }
    )  # fmt: skip
    delay = np.where(rng.random(rides) < 0.03, rng.uniform(0, 10 * DAY, rides), rng.exponential(2 * 3600, rides))
    reports = pd.DataFrame(
        {
            "actual_id": [f"a{name}" for name in ride], "ride_id": ride, "received_at": at + 60 * actual + delay,
            "duration": actual, "source": "host/1",
        }
    )  # fmt: skip
    again, wrong = reports[rng.random(rides) < 0.01], reports[rng.random(rides) < 0.005]
    again = again.assign(actual_id=again["actual_id"] + "d", received_at=again["received_at"] + 600)
    wrong = wrong.assign(
        actual_id=wrong["actual_id"] + "w", received_at=wrong["received_at"] - 1, duration=wrong["duration"] * 2
    )
    return predictions, pd.concat([reports, again, wrong], ignore_index=True)


def copy(cursor: object, table: str, rows: pd.DataFrame) -> None:
    """Send rows by COPY."""
    columns = PREDICTIONS if table == "predictions" else ACTUALS
    text = io.StringIO()
    rows[list(columns)].to_csv(text, index=False, header=False)
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)") as sent:  # type: ignore[attr-defined]
        sent.write(text.getvalue())


def read_peak_memory() -> float:
    """Return the most memory of this process in MB; `getrusage` would count that of the process it came from."""
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return float(peak.split()[1]) / 1e3


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print how long something took, and the most memory that this process has had."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    memory = read_peak_memory()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what}: {wall:.1f} s (this process {cpu:.1f} s of CPU), at most {memory:,.0f} MB so far", flush=True)


if __name__ == "__main__":
    main()
