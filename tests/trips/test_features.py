"""The feature definition, on plain numbers."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.trips.features import FEATURES, HALF_ZONE, METERED, ride_features

REPEATABLE = settings(derandomize=True, deadline=None)

MILES = st.floats(-40, 40)


def features(
    pickup: tuple[float, float] = (0, 0),
    dropoff: tuple[float, float] = (3, 4),
    clock: tuple[float, float, float] = (2, 17, 30),
    trip_distance: float = 10.5,
) -> dict[str, float]:
    """Features of one ride: three across, four along, on a Wednesday at half past five."""
    return ride_features(*pickup, *dropoff, *clock, trip_distance)


def test_features_come_in_the_order_in_which_models_read_them() -> None:
    assert tuple(features()) == FEATURES


def test_a_ride_has_the_features_that_one_computes_by_hand() -> None:
    assert features() == {
        "pickup_x": 0,
        "pickup_y": 0,
        "dropoff_x": 3,
        "dropoff_y": 4,
        "manhattan_distance": 7,
        "straight_distance": 5,
        "hour": 17.5,
        "weekday": 2,
        "hour_of_week": 65.5,
        "trip_distance": 10.5,
        "detour": 2,
    }


@REPEATABLE
@given(MILES, MILES, MILES, MILES)
def test_the_way_along_the_streets_lies_between_the_straight_line_and_root_two_of_it(
    pickup_x: float, pickup_y: float, dropoff_x: float, dropoff_y: float
) -> None:
    ride = features((pickup_x, pickup_y), (dropoff_x, dropoff_y))
    straight, streets = ride["straight_distance"], ride["manhattan_distance"]
    assert straight * (1 - 1e-9) <= streets <= straight * math.sqrt(2) * (1 + 1e-9) + 1e-150


@REPEATABLE
@given(MILES, MILES, MILES, MILES)
def test_the_way_back_is_as_long(pickup_x: float, pickup_y: float, dropoff_x: float, dropoff_y: float) -> None:
    there = features((pickup_x, pickup_y), (dropoff_x, dropoff_y))
    back = features((dropoff_x, dropoff_y), (pickup_x, pickup_y))
    for name in ("manhattan_distance", "straight_distance", "detour"):
        assert there[name] == back[name]


@REPEATABLE
@given(st.integers(0, 6), st.integers(0, 23), st.integers(0, 59))
def test_the_hour_of_the_week_tells_day_and_hour_apart(weekday: int, hour: int, minute: int) -> None:
    ride = features(clock=(weekday, hour, minute))
    assert 0 <= ride["hour_of_week"] < 168
    assert divmod(round(ride["hour_of_week"] * 60), 24 * 60) == (weekday, round(ride["hour"] * 60))


def test_a_ride_inside_one_zone_has_a_finite_detour() -> None:
    assert features((1, 2), (1, 2), trip_distance=0.5)["detour"] == 0.5 / HALF_ZONE


def test_exactly_the_metered_features_are_missing_before_the_ride() -> None:
    before = features(trip_distance=math.nan)
    assert tuple(name for name, value in before.items() if math.isnan(value)) == METERED


@pytest.mark.parametrize("unknown", ["pickup", "dropoff"])
def test_a_zone_without_a_place_leaves_time_and_metered_distance(unknown: str) -> None:
    place = (math.nan, math.nan)
    ride = features(place) if unknown == "pickup" else features(dropoff=place)
    known = {name for name, value in ride.items() if not math.isnan(value)}
    other = "dropoff" if unknown == "pickup" else "pickup"
    assert known == {f"{other}_x", f"{other}_y", "hour", "weekday", "hour_of_week", "trip_distance"}
