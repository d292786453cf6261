"""What anyone who has taken a taxi expects of an answer, on models that trained on simulated trips."""

from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.training import fit_model
from ride_duration.trips.rides import features_of_ride, find_distance_problem
from tests.support.models import BOOSTED, simulated_features, training

TREES = (*BOOSTED, "random_forest")
ROUNDS: dict[str, dict[str, Any]] = {
    "xgboost": {"n_estimators": 150, "learning_rate": 0.1},
    "lightgbm": {"n_estimators": 60, "learning_rate": 0.2},
    "hist_gradient_boosting": {"max_iter": 60, "learning_rate": 0.2},
    "random_forest": {"n_estimators": 20},
}

JFK, LAGUARDIA, TIMES_SQUARE, EAST_HARLEM_NORTH, EAST_HARLEM_SOUTH = 132, 138, 230, 74, 75
WEDNESDAY = datetime(2021, 2, 3)
NIGHT, RUSH = WEDNESDAY.replace(hour=3), WEDNESDAY.replace(hour=17)

Ride = tuple[int | None, int | None, datetime, float | None]


@cache
def fitted(name: str) -> DurationModel:
    """A model that has been trained on 20,000 simulated trips."""
    return fit_model(simulated_features(20_000), training(name, **ROUNDS[name]))


def rows_of(*rides: Ride) -> pd.DataFrame:
    """Feature rows of rides."""
    return pd.DataFrame([features_of_ride(*ride) for ride in rides])


def minutes(name: str, *rides: Ride) -> NDArray[np.float64]:
    """What a model answers."""
    return fitted(name).predict(rows_of(*rides))


def popular_rides(when: datetime, *, metered: bool) -> list[Ride]:
    """The 40 most popular rides from one zone to another, at this time, over their usual distance."""
    trips = simulated_features(20_000)
    trips = trips[(trips["pickup_zone"] != trips["dropoff_zone"]) & trips["trip_distance"].notna()]
    usual = trips.groupby(["pickup_zone", "dropoff_zone"])["trip_distance"].agg(["size", "median"])
    popular = usual.sort_values("size", ascending=False, kind="stable").head(40)["median"]
    return [(int(start), int(end), when, miles if metered else None) for (start, end), miles in popular.items()]


ZONES = st.integers(1, 265) | st.none()
TIMES = st.datetimes(datetime(2021, 1, 1), datetime(2021, 12, 31))
DISTANCES = st.lists(st.floats(0.01, 100), min_size=2, max_size=20).map(sorted)


@pytest.mark.parametrize("name", BOOSTED)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(pickup=ZONES, dropoff=ZONES, when=TIMES, distances=DISTANCES)
def test_a_longer_distance_never_shortens_a_ride(
    name: str, pickup: int | None, dropoff: int | None, when: datetime, distances: list[float]
) -> None:
    possible = [miles for miles in distances if find_distance_problem(pickup, dropoff, miles) is None]
    if possible:
        answers = minutes(name, *((pickup, dropoff, when, miles) for miles in possible))
        assert (np.diff(answers) >= -1e-9).all()


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("metered", [True, False])
def test_most_popular_rides_are_faster_at_three_in_the_night_than_at_five_in_the_afternoon(
    name: str, metered: bool
) -> None:
    night = minutes(name, *popular_rides(NIGHT, metered=metered))
    rush = minutes(name, *popular_rides(RUSH, metered=metered))
    assert np.mean(night < rush) >= 0.9
    assert np.median(night / rush) < 0.9


@pytest.mark.parametrize("name", TREES)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.tuples(ZONES | st.sampled_from([0, 266, 999]), ZONES, TIMES, st.none() | st.floats()), min_size=1))
def test_every_ride_gets_a_finite_positive_answer(name: str, rides: list[Ride]) -> None:
    answers = minutes(name, *rides)
    assert np.isfinite(answers).all()
    assert (answers > 0).all()


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize(("pickup", "dropoff"), [(264, 265), (None, None), (999, 0), (JFK, 265), (264, JFK)])
def test_unknown_zones_are_still_answered_by_the_distance(name: str, pickup: int | None, dropoff: int | None) -> None:
    short, long, unknown = minutes(name, *((pickup, dropoff, RUSH, miles) for miles in (1.0, 15.0, None)))
    assert 0 < short < long < 90
    assert 0 < unknown < 90


@pytest.mark.parametrize("name", TREES)
def test_what_is_no_feature_changes_nothing(name: str) -> None:
    rows = simulated_features(500, "2021-02")
    strange = rows.assign(
        ride_id=rows["ride_id"].to_numpy()[::-1],
        month="1999-12",
        service="yellow",
        pickup_datetime=datetime(1999, 12, 31),
        pickup_zone=1,
        dropoff_zone=2,
        zone_pair="1_2",
        borough_pair="EWR - Queens",
        duration=-1.0,
        trip_distance_raw=1e5,
    )
    assert np.array_equal(fitted(name).predict(rows), fitted(name).predict(strange))
    assert np.array_equal(fitted(name).predict_without_distance(rows), fitted(name).predict_without_distance(strange))


@pytest.mark.parametrize("name", TREES)
def test_the_answer_to_a_ride_does_not_depend_on_those_asked_beside_it(name: str) -> None:
    rows = simulated_features(200, "2021-02")
    together = fitted(name).predict(rows)
    assert np.array_equal(fitted(name).predict(rows.iloc[::-1])[::-1], together)
    assert np.array_equal(np.concatenate([fitted(name).predict(rows.iloc[[row]]) for row in range(20)]), together[:20])


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("metered", [True, False])
def test_a_ride_around_the_corner_is_short_and_one_to_the_airport_is_long(name: str, metered: bool) -> None:
    corner, uptown, airport = minutes(
        name,
        (EAST_HARLEM_NORTH, EAST_HARLEM_SOUTH, RUSH, 1.0 if metered else None),
        (EAST_HARLEM_NORTH, TIMES_SQUARE, RUSH, 4.5 if metered else None),
        (EAST_HARLEM_NORTH, JFK, RUSH, 17.0 if metered else None),
    )
    assert 2 < corner < 15
    assert corner < uptown < airport
    assert 25 < airport < 75


@pytest.mark.parametrize("name", TREES)
def test_the_metered_distance_makes_the_answers_better(name: str) -> None:
    rows = simulated_features(5_000, "2021-02")
    after = fitted(name).predict(rows) - rows["duration"]
    before = fitted(name).predict_without_distance(rows) - rows["duration"]
    assert np.mean(after**2) < np.mean(before**2)


@pytest.mark.parametrize("name", TREES)
def test_a_ride_from_laguardia_takes_longer_at_rush_hour_than_on_a_sunday_morning(name: str) -> None:
    sunday, rush = minutes(
        name, (LAGUARDIA, TIMES_SQUARE, datetime(2021, 2, 7, 7), None), (LAGUARDIA, TIMES_SQUARE, RUSH, None)
    )
    assert sunday < rush
