from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from ride_duration.store import ActualRecord, PredictionRecord
from ride_duration.store.database import migrate, open_reading_engine, open_writing_engine
from ride_duration.store.log_records import Record
from ride_duration.store.queries.ground_truth import load_joined
from ride_duration.store.writer.insertion import Insertion
from tests.support.store.samples import PICKUP, kept, prediction, predictions


@pytest.fixture
def insertion(store_url: str) -> Iterator[Insertion]:
    """Inserts into an empty store."""
    engine = open_writing_engine(store_url)
    migrate(engine)
    yield Insertion(engine)
    engine.dispose()


def nothing_refused(record: Record, error: Exception) -> None:
    raise AssertionError(record) from error


def test_every_value_arrives_as_it_was(insertion: Insertion, store_url: str) -> None:
    full = PredictionRecord(
        "p", 'Zoë\'s «ride» "1"', 1.5, PICKUP, 1, 2, 3.25, 4.5, 5.5, 6.5, 7, "shadow", 0.125, "green", 8.5
    )
    later = PICKUP.replace(microsecond=500)
    sparse = PredictionRecord("q", "", -1e-300, later, None, None, None, 1e300, 0.25, 0.0, 2, "champion", 0.0)
    levelled = replace(
        full, prediction_id="r", asked_at=2.5, duration_raw=4.25, lower_raw=5.25, upper_raw=6.25, level=3
    )
    insertion.insert([full, sparse, levelled], nothing_refused)
    engine = open_reading_engine(store_url)
    assert [row.prediction for row in load_joined(engine)] == [sparse, full, levelled]
    engine.dispose()


def test_what_comes_twice_is_kept_once(insertion: Insertion, store_url: str) -> None:
    insertion.insert(predictions(10), nothing_refused)
    insertion.insert([*predictions(20), *predictions(20)], nothing_refused)
    assert kept(store_url) == sorted(f"p{i}" for i in range(20))


def test_one_refused_record_does_not_hold_up_the_others(insertion: Insertion, store_url: str) -> None:
    refused: list[Record] = []
    nowhere = prediction("nowhere", duration=float("nan"))  # the column wants a number
    late = ActualRecord("late", "ride", 1.0, 2.0)
    insertion.insert([*predictions(50), nowhere, *predictions(50, "q"), late], lambda record, _: refused.append(record))
    assert refused == [nowhere]
    assert len(kept(store_url)) == 100
    assert kept(store_url, "actuals") == ["late"]


def test_arrival_counts_rows_in_the_order_of_the_batch(insertion: Insertion, store_url: str) -> None:
    names = [f"p{i * 7919 % 1000:04d}" for i in range(1000)]
    insertion.insert([prediction(name) for name in names], nothing_refused)
    engine = open_reading_engine(store_url)
    with engine.connect() as connection:
        assert list(connection.scalars(text("SELECT prediction_id FROM predictions ORDER BY arrival"))) == names
    engine.dispose()
