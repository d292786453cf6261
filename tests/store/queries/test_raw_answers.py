"""Where the live level has changed answers, monitoring and comparisons read what the models answered."""

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from ride_duration.store.database import open_reading_engine, open_writing_engine
from ride_duration.store.queries.logged_rides import iterate_rides
from ride_duration.store.queries.outcomes import (
    PredictionFilter,
    load_outcomes,
    sum_daily_errors,
    sum_paired_errors,
)
from ride_duration.store.queries.sampled_answers import sample_answers
from tests.store.queries.test_outcomes import VALID_RANGE, filled
from tests.support.store.samples import PICKUP, actual, prediction

DAY = str(PICKUP.date())
RAW = {"duration_raw": 20.0, "lower_raw": 10.0, "upper_raw": 30.0, "level": 3}
CHAMPION = PredictionFilter("green", 1, "champion", 0.0)
SHADOW = PredictionFilter("green", 2, "shadow", 0.0)


@pytest.fixture
def levelled(store_url: str) -> str:
    """A store with a ride answered with a level of 1.25, its shadow with 1.1, and a ride of a former service."""
    changed = replace(prediction("a", "levelled"), duration=25.0, lower=12.5, upper=37.5, **RAW)
    shadow = prediction("b", "levelled", model_version=2, variant="shadow")
    shadow = replace(shadow, duration=22.0, lower=11.0, upper=33.0, **RAW)
    records = [changed, shadow, prediction("c", "former", duration=21.0), actual("x", "levelled", 9.0, 24.0)]
    filled(store_url, [*records, actual("y", "former", 9.0, 24.0)])
    return store_url


def test_monitoring_reads_the_raw_answer(levelled: str) -> None:
    engine = open_reading_engine(levelled)
    [rides] = iterate_rides(engine, "green", DAY, 10)
    champion = rides.version == 1
    assert sorted(rides.predicted[champion].tolist()) == [20.0, 21.0]
    assert set(rides.lower.tolist()) == {10.0}
    assert set(rides.upper.tolist()) == {30.0}
    drawn = sample_answers(engine, "green", DAY, 40)
    assert set(drawn.duration.tolist()) <= {20.0, 21.0}
    engine.dispose()


def test_rollouts_compare_raw_with_raw_and_shown_with_shown(levelled: str) -> None:
    engine = open_reading_engine(levelled)
    assert load_outcomes(engine, CHAMPION, VALID_RANGE).duration.tolist() == [20.0, 21.0]
    shown = load_outcomes(engine, CHAMPION._replace(shown=True), VALID_RANGE)
    assert (shown.duration.tolist(), shown.upper.tolist()) == ([25.0, 21.0], [37.5, 30.0])
    [both] = sum_paired_errors(engine, CHAMPION, SHADOW, VALID_RANGE)
    assert [day.absolute for day in both] == [4.0, 4.0]
    [both] = sum_paired_errors(engine, CHAMPION._replace(shown=True), SHADOW._replace(shown=True), VALID_RANGE)
    assert [day.absolute for day in both] == [1.0, 2.0]
    engine.dispose()


def test_a_store_that_a_former_service_keeps_is_compared_as_it_is(levelled: str) -> None:
    writing = open_writing_engine(levelled)
    with writing.begin() as connection:
        for column in RAW:
            connection.execute(text(f"ALTER TABLE predictions DROP {column}"))
    writing.dispose()
    engine = open_reading_engine(levelled)
    np.testing.assert_array_equal(load_outcomes(engine, CHAMPION, VALID_RANGE).duration, [25.0, 21.0])
    [day] = sum_daily_errors(engine, CHAMPION, VALID_RANGE)
    assert day.absolute == 4.0
    engine.dispose()
