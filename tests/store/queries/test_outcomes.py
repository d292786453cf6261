"""What versions answered, as columns."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from ride_duration.pipelines.monitoring.label_delays import LabelCounts, is_labelled
from ride_duration.store import ActualRecord
from ride_duration.store.database import migrate, open_reading_engine, open_writing_engine
from ride_duration.store.log_records import PredictionRecord, Record
from ride_duration.store.queries.ground_truth import load_joined
from ride_duration.store.queries.logged_rides import iterate_rides
from ride_duration.store.queries.outcomes import (
    PredictionFilter,
    count_out_of_range_actuals,
    count_predictions,
    find_latency,
    load_outcomes,
    sum_daily_errors,
    sum_paired_errors,
)
from ride_duration.store.writer.insertion import Insertion
from ride_duration.trips.records import DURATION
from tests.support.store.samples import PICKUP, prediction

VALID_RANGE = (1.0, 60.0)


def filled(store_url: str, records: list[Record]) -> None:
    engine = open_writing_engine(store_url)
    migrate(engine)
    Insertion(engine).insert(records, lambda record, why: pytest.fail(f"{record}: {why}"))
    engine.dispose()


def timed(number: int, milliseconds: float) -> PredictionRecord:
    return PredictionRecord(
        f"s{number}", f"{number}", 50.0, PICKUP, 10, 50, None, 20.0, 10.0, 30.0, 3, "shadow", milliseconds, "green"
    )


def is_of(answers: PredictionFilter, row: PredictionRecord) -> bool:
    return (row.model, row.variant, row.model_version) == (answers.model, answers.variant, answers.model_version)


def test_outcomes_agree_with_the_joined_records(store_url: str) -> None:
    rides = [prediction(f"p{i}", f"ride {i}", float(i), 10.0 + i) for i in range(8)]
    actuals = [
        ActualRecord("a0", "ride 0", 1.0, 12.0),
        ActualRecord("a1", "ride 1", 1.0, None, PICKUP + timedelta(minutes=60)),
        ActualRecord("a2", "ride 2", 1.0, None, PICKUP + timedelta(minutes=60, seconds=1)),
        ActualRecord("a3", "ride 3", 1.0, 30.0),
        ActualRecord("a3 again", "ride 3", 2.0, 0.5),
        ActualRecord("a4", "ride 4", 1.0, None, PICKUP + timedelta(minutes=1)),
        ActualRecord("a9", "nobody asked", 1.0, 9.0),
    ]
    others = [
        prediction("again", "ride 0", 20.0, 99.0),
        prediction("other", "ride 5", 3.0, model_version=2),
        prediction("yellow", "ride 1", 9.0, 50.0, model="yellow"),
    ]
    filled(store_url, [*rides, *actuals, *others])
    engine = open_reading_engine(store_url)
    answers = PredictionFilter("green", 1, "champion", 1.0)
    found = load_outcomes(engine, answers, VALID_RANGE)
    rows = [row for row in load_joined(engine, 1.0) if row.counts and is_of(answers, row.prediction)]
    assert found.ride_id.tolist() == [row.prediction.ride_id for row in rows]
    assert found.asked_at.tolist() == [row.prediction.asked_at for row in rows]
    assert found.duration.tolist() == [row.prediction.duration for row in rows]
    valid = [row.actual if row.actual and 1 <= row.actual <= 60 else np.nan for row in rows]
    np.testing.assert_array_equal(found.actual, np.array(valid))
    assert found.out_of_range.tolist() == [bool(row.actual) and not 1 <= row.actual <= 60 for row in rows]
    assert count_out_of_range_actuals(engine, answers, VALID_RANGE) == found.out_of_range.sum() == 2
    off = np.abs(found.duration - found.actual)[~np.isnan(found.actual)]
    assert off.tolist() == [49.0, 13.0, 87.0]
    assert sum_daily_errors(engine, answers, VALID_RANGE) == [("2021-02-01", 3, np.sum(off**2), off.sum())]
    assert sum_daily_errors(engine, PredictionFilter("green", 7, "champion", 0.0), VALID_RANGE) == []
    assert set(found.day) == {"2021-02-01"}
    assert load_outcomes(engine, PredictionFilter("green", 1, "champion", 1.0, 3.0), VALID_RANGE).ride_id.tolist() == [
        "ride 1",
        "ride 2",
    ]
    assert load_outcomes(engine, PredictionFilter("green", 1, "champion", 0.0, 9.0), VALID_RANGE).duration[0] == 10.0, (
        "what came later"
    )
    assert load_outcomes(engine, PredictionFilter("green", 7, "champion", 0.0), VALID_RANGE).actual.shape == (0,)
    engine.dispose()


def test_a_drop_off_before_the_pick_up_is_kept_as_out_of_range_until_it_is_corrected(store_url: str) -> None:
    instant = 1_612_218_600.0
    before = PICKUP - timedelta(minutes=15)
    rides = [prediction(f"p{i}", f"ride {i}", 5.0, pickup_at=at) for i, at in enumerate((instant, None, instant))]
    reports: list[Record] = [
        ActualRecord("a0", "ride 0", 6.0, None, before, instant - 900),
        ActualRecord("a1", "ride 1", 6.0, None, before),
        ActualRecord("a2", "ride 2", 1.0, None, before, instant - 900),  # before its ride was asked about, too
    ]
    filled(store_url, [*rides, *reports])
    engine = open_reading_engine(store_url)
    answers = PredictionFilter("green", 1, "champion", 0.0)
    assert [row.actual for row in load_joined(engine)] == [-15.0] * 3
    assert count_out_of_range_actuals(engine, answers, DURATION) == 3
    assert sum_daily_errors(engine, answers, DURATION) == []
    assert np.isnan(load_outcomes(engine, answers, DURATION).actual).all()
    [batch] = iterate_rides(engine, "green", "2021-02-01", 10)
    assert not is_labelled(batch).any()
    counts = LabelCounts()
    counts.add(batch)
    labels = counts.to_row()
    assert (labels["rides"], labels["labelled"], labels["out_of_range"], sum(labels["delays"])) == (3, 0, 3, 0)

    filled(store_url, [ActualRecord("corrected", "ride 0", 7.0, None, PICKUP + timedelta(minutes=15), instant + 900)])
    assert count_out_of_range_actuals(engine, answers, DURATION) == 2
    assert [(day.day, day.rides, day.squared) for day in sum_daily_errors(engine, answers, DURATION)] == [
        ("2021-02-01", 1, 25.0)
    ]
    engine.dispose()


def test_errors_are_summed_up_by_the_new_york_day_of_the_pick_up(store_url: str) -> None:
    """Pick-ups just before and after midnight in New York, asked for at the same time, some with an offset."""
    last, first = datetime(2021, 2, 28, 23, 59, 59), datetime(2021, 3, 1)
    rides = [(last, 1.0), (first, 2.0), (last, 3.0), (first, 5.0)]
    records: list[Record] = []
    for number, (pickup, off) in enumerate(rides):
        instant = 1_614_574_799.0 if number == 0 else None
        for version, variant, minutes in ((1, "champion", 20.0), (2, "shadow", 20.0 + off)):
            answer = (minutes, 10.0, 30.0, version, variant, 1.0, "green", instant)
            records.append(PredictionRecord(f"{number} {variant}", f"{number}", 9.0, pickup, 10, 50, None, *answer))
        records.append(ActualRecord(f"{number}", f"{number}", 99.0, 19.0))
    filled(store_url, records)
    engine = open_reading_engine(store_url)
    champion, shadow = (
        PredictionFilter("green", version, name, 0.0) for version, name in ((1, "champion"), (2, "shadow"))
    )
    of_shadow = [("2021-02-28", 2, 4.0 + 16.0, 6.0), ("2021-03-01", 2, 9.0 + 36.0, 9.0)]
    assert sum_daily_errors(engine, shadow, VALID_RANGE) == of_shadow
    both = sum_paired_errors(engine, champion, shadow, VALID_RANGE)
    assert [one for one, _ in both] == [("2021-02-28", 2, 2.0, 2.0), ("2021-03-01", 2, 2.0, 2.0)]
    assert [other for _, other in both] == of_shadow
    assert load_outcomes(engine, shadow, VALID_RANGE).day.tolist() == ["2021-02-28", "2021-03-01"] * 2
    engine.dispose()


def test_the_slowest_answers(store_url: str) -> None:
    filled(store_url, [timed(number, float(number)) for number in range(1, 201)])
    engine = open_reading_engine(store_url)
    answers = PredictionFilter("green", 3, "shadow", 50.0)
    assert count_predictions(engine, answers) == 200
    assert find_latency(engine, answers, 0.01) == 198.0
    assert find_latency(engine, PredictionFilter("green", 3, "shadow", 51.0), 0.01) is None
    engine.dispose()
