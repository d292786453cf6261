"""One figure of whether a classifier distinguishes rides from those of the reference."""

import numpy as np
import pandas as pd
import pytest

from ride_duration.pipelines.monitoring.comparable_days import CALENDAR
from ride_duration.pipelines.monitoring.separation import measure_separation, take_logged_rides
from ride_duration.store.queries.sampled_answers import SampledAnswers
from ride_duration.trips.features import METERED
from tests.support.packages import package


def rides_of(days: int, seed: int, shift: float = 0.0, a_day: int = 100) -> pd.DataFrame:
    """Rides of two features that move together by the day, one of them shifted."""
    rng = np.random.default_rng(seed)
    mood = np.repeat(rng.normal(0, 0.5, days), a_day)
    day = np.repeat(np.datetime64("2021-03-01") + np.arange(days), a_day)
    x, y = rng.normal(size=(2, days * a_day))
    return pd.DataFrame({"day": day, "x": x + mood, "y": x + y + shift, "z": np.nan})


def test_rides_of_one_city_cannot_be_told_apart_though_days_differ() -> None:
    found = [measure_separation(rides_of(28, seed), rides_of(28, seed + 100)) for seed in range(4)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_other_rides_can_be_told_apart_by_features_together() -> None:
    assert measure_separation(rides_of(28, 1), rides_of(28, 2, shift=2.0)) > 0.85


def test_what_is_missing_in_the_window_tells_nothing() -> None:
    known = rides_of(14, 1).assign(z=1.0)
    unknown = rides_of(14, 2)
    assert measure_separation(known, unknown) == pytest.approx(
        measure_separation(known[["day", "x", "y"]], unknown[["day", "x", "y"]])
    )


def test_too_few_days_tell_nothing() -> None:
    assert np.isnan(measure_separation(rides_of(28, 1), rides_of(3, 2)))


def test_many_rides_are_sampled_the_same_way_each_time() -> None:
    many, others = rides_of(30, 3, a_day=500), rides_of(14, 4, a_day=900)
    assert measure_separation(many, others) == measure_separation(many, others)


def draw_answers(seed: int, zones: list[int], hours: tuple[int, int] = (0, 24)) -> dict[str, SampledAnswers]:
    """Answers of a week, as they are drawn from the log: some with a distance, one of each day by the shadow, too."""
    rng, rides = np.random.default_rng(seed), 100
    found = {}
    for day in np.datetime64("2021-03-01") + np.arange(7):
        when = day.astype("datetime64[s]") + rng.integers(3600 * hours[0], 3600 * hours[1], rides)
        ends = rng.choice(zones, (2, rides)).astype(float)
        distance = np.where(rng.random(rides) < 0.5, np.nan, 3.0)
        columns = (when, *ends, distance, rng.uniform(5, 30, rides), np.ones(rides, dtype=np.int64))
        found[str(day)] = SampledAnswers._make(np.concatenate([values, values[:1]]) for values in columns)
    return found


def test_rides_drawn_from_the_log_are_compared_without_what_the_meter_knows_and_without_their_hours() -> None:
    week = np.datetime64("2021-03-01") + np.arange(7)
    past, same, others, of_the_evening = (
        take_logged_rides(draw_answers(seed, zones, hours), package(), week)
        for seed, zones, hours in (
            (1, [74, 75, 138], (0, 24)),
            (2, [74, 75, 138], (0, 24)),
            (3, [7, 41, 42], (0, 24)),
            (4, [74, 75, 138], (18, 24)),
        )
    )
    assert past is not None
    assert same is not None
    assert others is not None
    assert of_the_evening is not None
    assert len(past) == len(same) == 700  # what the shadow has answered as well counts once
    assert not {*METERED, *CALENDAR, "trip_distance_raw"} & set(past.columns)
    assert measure_separation(past, same) < 0.6
    assert measure_separation(past, of_the_evening) < 0.6, "when answers are drawn is no drift"
    assert measure_separation(past, others) > 0.9


def test_a_log_without_drawn_answers_is_not_compared() -> None:
    assert take_logged_rides({}, package(), np.datetime64("2021-03-01") + np.arange(7)) is None
