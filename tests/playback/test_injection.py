"""Each fault changes the days that it is at work on, as the scenarios of the city do, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from ride_duration.clock import ClockKind
from ride_duration.errors import NotFound
from ride_duration.playback.injection import inject_fault
from ride_duration.store.database import open_writing_engine
from ride_duration.store.log_records import ActualRecord, PredictionRecord
from ride_duration.store.tables import actuals, predictions
from ride_duration.trips.simulation import Kind, Scenario
from ride_duration.trips.simulation.scenarios import NEW_ZONE
from tests.store.conftest import postgres, store_url  # noqa: F401
from tests.support.logged_rides import LogWriter, make_log
from tests.support.packages import package

DAYS, RIDES = 5, 40
Rows = dict[str, dict[str, Any]]


def write_log(url: str) -> Engine:
    """Log rides with a shadow's answers, reported as a duration, or as a drop-off."""
    records: list[PredictionRecord | ActualRecord] = []
    pickups = {}
    for arrival in make_log("green", days=DAYS, rides=RIDES):
        record = arrival.record
        records.append(record)
        if isinstance(record, PredictionRecord):
            pickups[record.ride_id] = record
            shadow = {"prediction_id": f"{record.prediction_id}-shadow", "variant": "shadow"}
            records.append(msgspec.structs.replace(record, **shadow))
        elif int(record.ride_id.rpartition("-")[2]) % 2:
            ride = pickups[record.ride_id]
            assert record.duration is not None
            assert ride.pickup_at is not None
            seconds = round(60 * record.duration)
            end = {"dropoff_datetime": ride.pickup_datetime + timedelta(seconds=seconds)}
            at = {"dropoff_at": ride.pickup_at + seconds, "duration": None}
            records[-1] = msgspec.structs.replace(record, **end, **at)
    writer = LogWriter(url, ClockKind.SIMULATED)
    writer.write(records)
    writer.write([arrival.record for arrival in make_log("yellow", days=DAYS, rides=3)])
    writer.close()
    return open_writing_engine(url)


def read_log(engine: Engine) -> tuple[Rows, Rows]:
    """Answers and reports by their ids."""
    with engine.connect() as connection:
        return tuple(  # type: ignore[return-value]
            {row[key]: dict(row) for row in connection.execute(select(table)).mappings()}
            for table, key in ((predictions, "prediction_id"), (actuals, "actual_id"))
        )


def minutes_of(report: dict[str, Any], answers: Rows) -> float:
    if report["duration"] is not None:
        return float(report["duration"])
    at = next(row["pickup_at"] for row in answers.values() if row["ride_id"] == report["ride_id"])
    return float(report["dropoff_at"] - at) / 60


STRENGTH = {
    "speed_limit": 0.12, "winter": 0.12, "demand_shift": 1.0, "new_zone": 0.3, "broken_meter": 0.5,
    "doubled_records": 0.4, "silent_source": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("fault", list(Kind))
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, DAYS - 1), length=st.integers(1, DAYS), seed=st.integers(0, 100))
def test_a_fault_changes_its_days_and_no_others(
    fault: Kind, start: int, length: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    engine = write_log(f"sqlite:///{tmp_path_factory.mktemp('copy')}/copy.db")
    check_fault(engine, fault, start, length, seed)
    engine.dispose()


def test_the_same_on_a_server(store_url: str) -> None:  # noqa: F811
    engine = write_log(store_url)
    for fault in (Kind.SPEED_LIMIT, Kind.DEMAND_SHIFT):
        check_fault(engine, fault, 2, 2, 1)
    engine.dispose()


def check_fault(engine: Engine, fault: Kind, start: int, length: int, seed: int) -> None:
    before, reports_before = read_log(engine)
    scenario = Scenario.begin_at(np.datetime64("2021-02-01"), fault, start, start + length, STRENGTH[fault])
    noted: list[str] = []
    with engine.begin() as connection:
        done = inject_fault(connection, "green", scenario, seed, lambda _: package(), noted.append)
    after, reports = read_log(engine)
    assert noted == [f"2021-02-0{1 + day}" for day in range(start, min(start + length, DAYS))]
    assert done.days == len(noted)

    first, end = (datetime(2021, 2, 1) + timedelta(days=days) for days in (start, start + length))
    struck = {
        row["ride_id"] for row in before.values() if row["model"] == "green" and first <= row["pickup_datetime"] < end
    }
    for old, new in ((before, after), (reports_before, reports)):
        own = [key for key, row in new.items() if "injected" in key]
        assert {new[key]["ride_id"].partition("-injected")[0] for key in own} <= struck
        for key, row in old.items():
            if row["ride_id"] not in struck:
                assert new[key] == row
    kept = [key for key in reports_before if reports_before[key]["ride_id"] in struck and key in reports]
    factors = {key: minutes_of(reports[key], after) / minutes_of(reports_before[key], before) for key in kept}
    answers = [row for key, row in before.items() if row["ride_id"] in struck]
    match fault:
        case Kind.SPEED_LIMIT:
            assert list(factors.values()) == pytest.approx([1.12] * len(struck), rel=0.01)
            assert all(reports[key]["received_at"] > reports_before[key]["received_at"] for key in kept)
            assert done.changed == len(struck)
        case Kind.WINTER:
            assert all(1.0 < factor < 1.13 for factor in factors.values())
        case Kind.BROKEN_METER:
            slow = [factor for factor in factors.values() if factor > 1.4]
            assert done.changed == len(slow) > 0
            assert len(slow) < len(struck)
        case Kind.DOUBLED_RECORDS:
            assert done.added == len(reports) - len(reports_before) > 0
            assert after == before
        case Kind.SILENT_SOURCE:
            assert done.removed == len(before) + len(reports_before) - len(after) - len(reports) > 0
            gone = {row["ride_id"] for row in before.values()} - {row["ride_id"] for row in after.values()}
            assert gone == {row["ride_id"] for row in reports_before.values()} - {
                row["ride_id"] for row in reports.values()
            }
        case Kind.NEW_ZONE:
            sent = [row for row in after.values() if row["ride_id"] in struck and row["dropoff_zone"] == NEW_ZONE + 1]
            assert len(sent) > 2
            assert len(sent) % 2 == 0, "the shadow answers the same ride"
        case Kind.DEMAND_SHIFT:
            assert len([row for row in after.values() if row["model"] == "green"]) == 2 * DAYS * RIDES
            assert done.added > 0
            assert done.removed > 0
    assert answers


def test_a_version_that_is_not_registered_cannot_answer_rides_to_a_new_zone(tmp_path_factory: Any) -> None:
    engine = write_log(f"sqlite:///{tmp_path_factory.mktemp('copy')}/copy.db")
    scenario = Scenario.begin_at(np.datetime64("2021-02-01"), "new_zone", 0, None, 0.5)
    with (
        pytest.raises(NotFound, match="need answers of version 1, which is not registered here"),
        engine.begin() as connection,
    ):
        inject_fault(connection, "green", scenario, 1, lambda _: None, print)
    engine.dispose()
