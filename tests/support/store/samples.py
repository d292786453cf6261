"""Records, and what the tests of the store ask of a log and of its database."""

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import text

from ride_duration.store import ActualRecord, PredictionRecord
from ride_duration.store.database import open_reading_engine

PICKUP = datetime(2021, 2, 1, 17, 30)


def prediction(
    prediction_id: str,
    ride_id: str = "ride",
    asked_at: float = 0.0,
    duration: float = 20.0,
    model_version: int = 1,
    variant: str = "champion",
    model: str = "green",
    pickup_at: float | None = None,
    pickup_datetime: datetime = PICKUP,
) -> PredictionRecord:
    """An answer about a ride from zone 10 to zone 50."""
    answer = (duration, 10.0, 30.0, model_version, variant, 0.5, model)
    return PredictionRecord(prediction_id, ride_id, asked_at, pickup_datetime, 10, 50, None, *answer, pickup_at)


def predictions(count: int, prefix: str = "p") -> list[PredictionRecord]:
    """Answers about as many rides."""
    return [prediction(f"{prefix}{i}", f"ride {i}", float(i)) for i in range(count)]


def actual(actual_id: str, ride_id: str, received_at: float, duration: float = 25.0) -> ActualRecord:
    """A report about a ride."""
    return ActualRecord(actual_id, ride_id, received_at, duration)


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for what must come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it has not come true"
        time.sleep(0.005)


def kept(store_url: str, table: str = "predictions") -> list[str]:
    """Ids in a table, sorted."""
    engine = open_reading_engine(store_url)
    with engine.connect() as connection:
        found = connection.scalars(text(f"SELECT {table[:-1]}_id FROM {table}"))
        ids = sorted(found)
    engine.dispose()
    return ids
