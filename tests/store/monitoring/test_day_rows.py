from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from ride_duration.errors import RideDurationError
from ride_duration.store.monitoring import (
    DayEvidence,
    DayState,
    Evidence,
    Progress,
    Watermark,
    claim_log,
    load_days,
    load_labels,
    load_progress,
    load_snapshot,
    open_monitoring,
    replace_days,
    set_states,
)

SUMS = ("rides", "labelled", "actual", "predicted", "absolute", "squared", "product", "actual_squared",
        "predicted_squared", "expected", "covered", "width", "within_5")  # fmt: skip
LABELS = {
    "rides": 9, "labelled": 8, "out_of_range": 0, "reports": 9, "doubled": 1, "corrected": 0, "delays": [1, 7],
    "hours": [[9, 8]], "state": "open", "no_pickup_zone": 1, "no_dropoff_zone": None,
}  # fmt: skip


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    opened = open_monitoring(store_url)
    yield opened
    opened.dispose()


def row(slice_: str = "all", rides: float = 10.0) -> dict[str, object]:
    key = {"version": 1, "variant": "champion", "moment": "at_request_time", "slice": slice_}
    return key | dict.fromkeys(SUMS, 1.0) | {"rides": rides, "expected": None}


def test_a_day_is_replaced_as_a_whole_and_other_models_and_evidence_stay(engine: Engine) -> None:
    first = DayEvidence("2021-03-01", [row(), row("late")], LABELS, [
        {"version": 1, "feature": "hour", "counts": [1, 2], "quantiles": [0.5]},
    ])  # fmt: skip
    replace_days(engine, "green", Evidence.LOG, [first, DayEvidence("2021-03-02", [row()])], at=1.0)
    replace_days(engine, "green", Evidence.SCORED, [DayEvidence("2021-03-01", [row(rides=7.0)])], at=1.0)
    replace_days(engine, "yellow", Evidence.LOG, [DayEvidence("2021-03-01", [row(rides=8.0)])], at=1.0)
    replace_days(engine, "green", Evidence.LOG, [DayEvidence("2021-03-01", [row(rides=11.0)], LABELS)], at=2.0)
    found = load_days(engine, "green", Evidence.LOG)
    assert [(day["day"], day["slice"], day["rides"], day["expected"]) for day in found] == [
        ("2021-03-01", "all", 11.0, None),
        ("2021-03-02", "all", 10.0, None),
    ]
    assert [day["rides"] for day in load_days(engine, "green", Evidence.SCORED)] == [7.0]
    assert [day["rides"] for day in load_days(engine, "yellow", Evidence.LOG, "2021-03-01", "2021-03-01")] == [8.0]
    [labels] = load_labels(engine, "green")
    assert (labels["delays"], labels["hours"], labels["computed_at"]) == ([1, 7], [[9, 8]], 2.0)
    assert load_snapshot(engine, "green", [], ("", "9999")).features == []


def test_what_a_failing_day_would_replace_stays_as_it_was(engine: Engine) -> None:
    replace_days(engine, "green", Evidence.LOG, [DayEvidence("2021-03-01", [row()])], at=1.0)
    with pytest.raises(RideDurationError):
        replace_days(engine, "green", Evidence.LOG, [DayEvidence("2021-03-01", [row(), row()])], at=2.0)
    assert [day["computed_at"] for day in load_days(engine, "green", Evidence.LOG)] == [1.0]


def test_states_are_noted(engine: Engine) -> None:
    replace_days(engine, "green", Evidence.LOG, [DayEvidence("2021-03-01", [row()], LABELS)], at=1.0)
    set_states(engine, "green", {"2021-03-01": DayState.FINAL, "2021-03-02": DayState.OPEN})
    assert [labels["state"] for labels in load_labels(engine, "green")] == ["final"]


def test_a_run_that_was_overtaken_writes_nothing_more(engine: Engine) -> None:
    assert load_progress(engine, "green") == Progress(Watermark(0, 0))
    day = DayEvidence("2021-03-01", [row()])
    days = ["2021-03-01", "2021-03-02"]
    claim_log(engine, "green", "first", Watermark(0, 0), Watermark(9, 4), days, 1.0, 7.0, 8.0)
    replace_days(engine, "green", Evidence.LOG, [day], 1.0, "first")
    assert load_progress(engine, "green") == Progress(Watermark(9, 4), 7.0, 8.0, ("2021-03-02",))
    claim_log(engine, "green", "second", Watermark(9, 4), Watermark(10, 5), days, 2.0, 6.0, 9.0)
    with pytest.raises(RideDurationError, match="another run of the monitoring has begun"):
        replace_days(engine, "green", Evidence.LOG, [DayEvidence("2021-03-02", [row()])], 2.0, "first")
    replace_days(engine, "green", Evidence.LOG, [day], 3.0, "second")
    with pytest.raises(RideDurationError, match="another run of the monitoring has begun"):
        claim_log(engine, "green", "third", Watermark(9, 4), Watermark(10, 5), [], 3.0)  # its news are older
    assert load_progress(engine, "green") == Progress(Watermark(10, 5), 7.0, 9.0, ("2021-03-02",))
    assert load_progress(engine, "yellow") == Progress(Watermark(0, 0))
    assert [day["computed_at"] for day in load_days(engine, "green", Evidence.LOG)] == [3.0]
