"""One feature definition, three adapters: floats, NumPy arrays, and tables on DuckDB."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ride_duration.pipelines.data_engineering.feature_table import compute_features
from ride_duration.pipelines.data_engineering.rules import check_records, clean_trips
from ride_duration.trips.features import FEATURES
from ride_duration.trips.rides import features_of_ride, features_of_rides, find_distance_problem
from ride_duration.trips.zones import zones
from tests.support.trips import green_records, green_table

Ride = tuple[int | None, int | None, datetime, float | None]
Adapter = Callable[[list[Ride]], NDArray[np.float64]]

ZONES = st.integers(1, 263) | st.sampled_from([None, -1, 0, 264, 265, 266, 999, 2**31])
TIMES = st.datetimes(datetime(2009, 1, 1), datetime(2030, 12, 31, 23, 59, 59)) | st.sampled_from(
    [
        datetime(2024, 2, 29, 23, 59, 59),
        datetime(2020, 2, 29),
        datetime(2021, 3, 14, 2, 30),  # an hour that New York's clocks skip
        datetime(2021, 11, 7, 1, 30, 30),  # an hour that they show twice
        datetime(2016, 12, 31, 23, 59, 59),
        datetime(2023, 1, 1),
    ]
)
DISTANCES = (
    st.floats(0.01, 100)
    | st.floats()
    | st.sampled_from([None, math.nan, 0.0, -0.0, -1.0, 100.0, math.nextafter(100.0, 101.0), 1e5, 5e-324, math.inf])
)
RIDES = st.lists(
    st.tuples(ZONES, ZONES, TIMES.map(lambda time: time.replace(microsecond=0)), DISTANCES), min_size=1, max_size=50
)
#: Rides of many cases in one list.
MANY_RIDES = st.lists(RIDES, min_size=10, max_size=15).map(lambda lists: [ride for rides in lists for ride in rides])


def one_by_one(rides: list[Ride]) -> NDArray[np.float64]:
    """Features (rides, FEATURES) by the adapter for single rides."""
    return np.array([[features_of_ride(*ride)[name] for name in FEATURES] for ride in rides])


def as_arrays(rides: list[Ride]) -> NDArray[np.float64]:
    """Features (rides, FEATURES) by the adapter for arrays."""
    pickup, dropoff, time, distance = zip(*rides, strict=True)
    numbers = [np.array(values, dtype=np.float64) for values in (pickup, dropoff, distance)]
    features = features_of_rides(numbers[0], numbers[1], np.array(time, dtype="datetime64[s]"), numbers[2])
    return np.column_stack([features[name] for name in FEATURES])


def as_table(rides: list[Ride]) -> NDArray[np.float64]:
    """Features (rides, FEATURES) by the adapter for tables, from the TLC's own columns on."""
    raw = green_table([(*ends, time, time + timedelta(minutes=10), miles) for *ends, time, miles in rides])
    trips = clean_trips(check_records(green_records(raw)))
    table = compute_features(trips).order_by("ride_id").to_pyarrow()
    assert table.num_rows == len(rides)
    return np.column_stack([table[name].to_numpy() for name in FEATURES])


@settings(deadline=None, derandomize=True)
@given(RIDES)
def test_arrays_give_a_raw_ride_the_features_that_single_rides_have(rides: list[Ride]) -> None:
    np.testing.assert_allclose(as_arrays(rides), one_by_one(rides), rtol=1e-12, atol=0)


# A table takes a second, however long: few of many rides, and no search for the smallest example that fails.
@settings(max_examples=3, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
@given(MANY_RIDES)
def test_tables_give_a_raw_ride_the_features_that_single_rides_have(rides: list[Ride]) -> None:
    np.testing.assert_allclose(as_table(rides), one_by_one(rides), rtol=1e-12, atol=0)


@pytest.mark.parametrize("adapter", [one_by_one, as_arrays, as_table])
def test_a_ride_from_jfk_to_times_square_on_a_monday_is_what_the_map_and_the_calendar_say(adapter: Adapter) -> None:
    [features] = adapter([(132, 230, datetime(2021, 3, 1, 17, 30, 59), 17.5)])
    ride = dict(zip(FEATURES, features, strict=True))
    assert ride["weekday"] == 0
    assert ride["hour"] == ride["hour_of_week"] == 17.5
    assert ride["trip_distance"] == 17.5
    assert 12 < ride["straight_distance"] < 14 < ride["manhattan_distance"] < 20
    assert 1.2 < ride["detour"] < 1.5


BELIEVED = {5e-324: True, 30.0: True, 0.0: False, -3.0: False, 100.01: False, 1e5: False, None: False}
PLAUSIBLE: dict[tuple[tuple[int | None, int | None], float], bool] = {
    ((132, 230), 0.1): False,  # JFK to Times Square
    ((132, 230), 5.0): False,
    ((132, 230), 9.0): True,
    ((132, 230), 17.5): True,
    ((132, 230), 50.0): True,
    ((132, 230), 70.0): False,
    ((132, 230), 100.0): False,
    ((74, 74), 0.01): True,
    ((74, 74), 25.0): True,
    ((74, 74), 60.0): False,
    ((74, 265), 99.0): True,  # nowhere contradicts nothing
    ((None, 230), 0.1): True,
}


@cache
def features_of_cases(adapter: Adapter) -> dict[Ride, dict[str, float]]:
    """Features of all the cases above by an adapter, which sees them in one list: a table takes a second."""
    when = datetime(2021, 1, 5)
    rides: list[Ride] = [(74, 75, when, distance) for distance in BELIEVED]
    rides += [(*ends, when, distance) for ends, distance in PLAUSIBLE]
    return {
        ride: dict(zip(FEATURES, features, strict=True)) for ride, features in zip(rides, adapter(rides), strict=True)
    }


@pytest.mark.parametrize("adapter", [one_by_one, as_arrays, as_table])
@pytest.mark.parametrize(("distance", "believed"), BELIEVED.items())
def test_every_adapter_believes_the_same_distances(adapter: Adapter, distance: float | None, believed: bool) -> None:
    ride = features_of_cases(adapter)[74, 75, datetime(2021, 1, 5), distance]
    if believed:
        assert ride["trip_distance"] == distance
        assert ride["detour"] > 0
    else:
        assert math.isnan(ride["trip_distance"])
        assert math.isnan(ride["detour"])


@pytest.mark.parametrize("adapter", [one_by_one, as_arrays, as_table])
@pytest.mark.parametrize(("ends", "distance", "valid"), [(*case, valid) for case, valid in PLAUSIBLE.items()])
def test_every_adapter_drops_distances_that_contradict_the_zones(
    adapter: Adapter, ends: tuple[int | None, int | None], distance: float, valid: bool
) -> None:
    ride = features_of_cases(adapter)[*ends, datetime(2021, 1, 5), distance]
    assert math.isnan(ride["trip_distance"]) is not valid
    assert not valid or ride["trip_distance"] == distance


def bounds_of(pickup_zone: int, dropoff_zone: int) -> tuple[float, float]:
    """The shortest and the longest valid distance (miles) between two zones, by the formula as decision 016 has it."""
    start, end = zones()[pickup_zone], zones()[dropoff_zone]
    straight, radii = math.hypot(end.x - start.x, end.y - start.y), start.radius + end.radius
    return 0.5 * (straight - radii), 2 * (straight + radii) + 30


def rides_near_the_bounds() -> list[Ride]:
    """Rides (4,200) whose distances are at, or a rounding error from, a bound."""
    pairs = np.random.default_rng(7).integers(1, 264, (300, 2)).tolist()
    nudges = [-1e-3, -1e-9, -2e-16, 0.0, 2e-16, 1e-9, 1e-3]
    when = datetime(2021, 1, 5)
    return [(*ends, when, bound * (1 + nudge)) for ends in pairs for bound in bounds_of(*ends) for nudge in nudges]


def test_every_adapter_draws_the_line_at_the_same_bit() -> None:
    rides = rides_near_the_bounds()
    distance = FEATURES.index("trip_distance")
    single, arrays, table = (np.isnan(adapter(rides)[:, distance]) for adapter in (one_by_one, as_arrays, as_table))
    np.testing.assert_array_equal(arrays, single)
    np.testing.assert_array_equal(table, single)
    for (*ends, _, miles), dropped in zip(rides, single, strict=True):
        low, high = bounds_of(*ends)
        if min(abs(miles - low), abs(miles - high)) > 1e-9:
            assert dropped == (not 0 < miles <= 100 or not low <= miles <= high)


@pytest.mark.parametrize(
    ("ends", "distance", "problem"),
    [
        ((132, 230), 17.5, None),
        ((132, 230), 0.1, "distance_implausible"),
        ((132, 230), 100.0, "distance_implausible"),
        ((132, 230), 0.0, "distance_out_of_range"),
        ((132, 230), 100.5, "distance_out_of_range"),
        ((None, 999), 100.0, None),
    ],
)
def test_the_problem_of_a_distance_has_a_name(
    ends: tuple[int | None, int | None], distance: float, problem: str | None
) -> None:
    assert find_distance_problem(*ends, distance) == problem


def test_a_ride_may_be_asked_for_without_a_distance() -> None:
    assert math.isnan(features_of_ride(74, 75, datetime(2021, 1, 5))["trip_distance"])


def test_a_zone_that_is_no_whole_number_has_no_place() -> None:
    ids, times = np.array([74.5, 74.0]), np.array(["2021-01-05"] * 2, dtype="datetime64[s]")
    features = features_of_rides(ids, ids, times, np.ones(2))
    assert np.isnan(features["pickup_x"]).tolist() == np.isnan(features["dropoff_y"]).tolist() == [True, False]
