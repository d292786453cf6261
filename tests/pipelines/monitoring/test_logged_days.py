"""The log, computed day by day as records come in: the same rows as of the whole log at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ride_duration.datasets.prediction_log import MonitoredStore
from ride_duration.pipelines.monitoring.daily_sums import SUMS
from ride_duration.store.log_records import ActualRecord, PredictionRecord
from ride_duration.store.monitoring import Evidence, load_days
from tests.support.logged_rides import LogWriter, disturb, make_log, open_store, run_increment

KEY = ("day", "version", "variant", "moment", "slice")


def rows_of(store: MonitoredStore) -> dict[tuple[Any, ...], list[float]]:
    """Rows by key; None as -1."""
    rows = load_days(store.engine, store.model, Evidence.LOG)
    return {
        tuple(row[name] for name in KEY): [-1.0 if row[name] is None else row[name] for name in SUMS] for row in rows
    }


def assert_same(one: MonitoredStore, other: MonitoredStore) -> None:
    found, expected = rows_of(one), rows_of(other)
    assert found.keys() == expected.keys()
    for key, sums in expected.items():
        assert found[key] == pytest.approx(sums), key


@pytest.fixture
def writer(store_url: str) -> Iterator[LogWriter]:
    opened = LogWriter(store_url)
    yield opened
    opened.close()


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1_000), cuts=st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_after_the_last_late_report_and_one_more_run_the_rows_are_those_of_the_clean_log(
    store_url: str, writer: LogWriter, seed: int, cuts: list[float]
) -> None:
    clean, disturbed = (open_store(store_url, f"{name}-{uuid4().hex}") for name in ("clean", "disturbed"))
    writer.write([arrival.record for arrival in make_log(clean.model, seed=seed)])
    run_increment(clean)
    arrivals = disturb(make_log(disturbed.model, seed=seed), seed, late=0.3, doubled=0.1, wrong=0.1)
    ends = sorted(int(cut * len(arrivals)) for cut in cuts)
    for begin, end in zip([0, *ends], [*ends, len(arrivals)], strict=True):
        writer.write([arrival.record for arrival in arrivals[begin:end]])
        run_increment(disturbed)
    assert run_increment(disturbed) == ()
    assert_same(disturbed, clean)
    clean.close()
    disturbed.close()


def test_only_days_with_news_are_computed_again(store_url: str, writer: LogWriter) -> None:
    store = open_store(store_url, "green")
    log = make_log("green", days=3)
    writer.write([arrival.record for arrival in log])
    assert run_increment(store) == ("2021-02-01", "2021-02-02", "2021-02-03")
    assert run_increment(store) == ()
    writer.write([ActualRecord("late", "green-25", 0.0, 10.0)])  # of a clock that is wrong, and another journal
    writer.write([ActualRecord("nobody", "no such ride", 0.0, 10.0)])
    assert run_increment(store) == ("2021-02-02",)
    first = log[0].record
    assert isinstance(first, PredictionRecord)
    moved = {"asked_at": first.asked_at + 1, "pickup_datetime": datetime(2021, 2, 3, 12)}
    writer.write([msgspec.structs.replace(first, prediction_id="again", **moved)], source="host/2")
    assert set(run_increment(store)) == {"2021-02-01", "2021-02-03"}
    store.close()
