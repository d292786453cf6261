"""A prediction log of some days, and what happens to reports on their way, for the tests of the monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ride_duration.clock import ClockKind
from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.datasets.prediction_log import keep_increment
from ride_duration.pipelines.monitoring.logged_days import compute_increment
from ride_duration.store.database import migrate, open_writing_engine
from ride_duration.store.log_records import ActualRecord, PredictionRecord, Record
from ride_duration.store.writer.insertion import Insertion
from tests.support.monitoring import monitored

#: Times of the log are New York's winter time: five hours behind UTC.
_BEHIND = 5 * 3600


class Arrival(NamedTuple):
    """A record and when it arrives."""

    at: float
    record: Record


def make_log(
    model: str, first: str = "2021-02-01", days: int = 3, rides: int = 20, seed: int = 1, metered: bool = False
) -> list[Arrival]:
    """Make predictions for rides of some days, a minute before the pick-up, and a report for each, an hour after it."""
    rng = np.random.default_rng(seed)
    begin = datetime.fromisoformat(first)
    arrivals = []
    for number in range(days * rides):
        pickup = begin + timedelta(days=number // rides, seconds=int(rng.integers(0, 86_400)))
        at = pickup.replace(tzinfo=UTC).timestamp() + _BEHIND
        minutes = float(rng.uniform(5, 40))
        actual = float(np.clip(minutes * np.exp(rng.normal(0, 0.25)), 1, 70))
        zones = [int(zone) for zone in rng.integers(1, 264, 2)]
        ride = f"{model}-{number}"
        answer = (minutes, 0.7 * minutes, 1.4 * minutes, 1, "champion", 0.5, model, at)
        prediction = PredictionRecord(f"{ride}-p", ride, at - 60, pickup, *zones, None, *answer)
        miles = float(rng.uniform(1, 10)) if metered else None
        arrivals.append(Arrival(at - 60, prediction))
        received = at + 60 * actual + 3600
        arrivals.append(Arrival(received, ActualRecord(f"{ride}-a", ride, received, actual, None, None, miles)))
    return sorted(arrivals, key=lambda arrival: arrival.at)


def disturb(
    log: Sequence[Arrival], seed: int, late: float = 0.03, doubled: float = 0.01, wrong: float = 0.005
) -> list[Arrival]:
    """Let some reports be up to ten days late, come twice, or be wrong at first."""
    rng = np.random.default_rng(seed)
    arrivals = []
    for arrival in log:
        record, at = arrival.record, arrival.at
        if isinstance(record, PredictionRecord):
            arrivals.append(arrival)
            continue
        if rng.random() < late:
            at += float(rng.uniform(0, 10 * 86_400))
        actual = record.duration
        if rng.random() < wrong:
            before = ActualRecord(f"{record.actual_id}-w", record.ride_id, at, actual and actual * 2)
            arrivals.append(Arrival(at, before))
            at += float(rng.uniform(60, 86_400))
        arrivals.append(Arrival(at, ActualRecord(record.actual_id, record.ride_id, at, *_rest(record))))
        if rng.random() < doubled:
            at += float(rng.uniform(1, 86_400))
            arrivals.append(Arrival(at, ActualRecord(f"{record.actual_id}-d", record.ride_id, at, *_rest(record))))
    return sorted(arrivals, key=lambda arrival: arrival.at)


def _rest(record: ActualRecord) -> tuple[float | None, datetime | None, float | None, float | None]:
    return record.duration, record.dropoff_datetime, record.dropoff_at, record.trip_distance


class LogWriter:
    """Writes records into a store, as the service does.

    Args:
        store_url: Of the store; its tables are made.
        clock: Which clock it is on.
    """

    def __init__(self, store_url: str, clock: ClockKind = ClockKind.REAL) -> None:
        self._engine = open_writing_engine(store_url)
        migrate(self._engine, clock)
        self._insertion = Insertion(self._engine)

    def write(self, records: Sequence[Record], source: str = "host/1") -> None:
        """Insert records in their order."""

        def refuse(record: Record, why: Exception) -> None:
            raise AssertionError(f"{record}: {why}")

        self._insertion.insert(records, refuse, source)

    def close(self) -> None:
        """Let the connection go."""
        self._engine.dispose()


def run_increment(store: MonitoredStore, packages: dict | None = None, **changed: object) -> tuple[str, ...]:
    """Compute what has news, keep it, and return the days."""
    increment = compute_increment(store, packages or {}, monitored(window="last_28d", **changed))
    assert increment.news is not None
    keep_increment(store, increment)
    return increment.news.days


def open_store(store_url: str, model: str, clock: Path | None = None) -> MonitoredStore:
    """Return the store of a model as the catalog hands it to nodes."""
    return MonitoredStore(store_url, clock, model)
