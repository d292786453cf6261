"""Where zones lie."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.trips.zones import EARTH_RADIUS, ORIGIN, local_miles, zones

REPEATABLE = settings(derandomize=True, deadline=None)

#: The city's bounding box, in degrees.
LONGITUDES = st.floats(-74.26, -73.70)
LATITUDES = st.floats(40.49, 40.92)


def great_circle(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Miles between two (longitude, latitude), by the haversine formula."""
    (east_a, north_a), (east_b, north_b) = (tuple(map(math.radians, place)) for place in (a, b))
    half = math.sin((north_b - north_a) / 2) ** 2
    half += math.cos(north_a) * math.cos(north_b) * math.sin((east_b - east_a) / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(half))


def test_there_are_265_zones_and_two_of_them_have_no_place() -> None:
    assert sorted(zones()) == list(range(1, 266))
    assert [number for number, zone in zones().items() if math.isnan(zone.x)] == [264, 265]


@pytest.mark.parametrize(
    ("number", "name", "borough"),
    [
        (1, "Newark Airport", "EWR"),
        (132, "JFK Airport", "Queens"),
        (138, "LaGuardia Airport", "Queens"),
        (230, "Times Sq/Theatre District", "Manhattan"),
        (74, "East Harlem North", "Manhattan"),
        (264, "N/A", "Unknown"),
    ],
)
def test_well_known_zones_stand_under_the_tlcs_numbers(number: int, name: str, borough: str) -> None:
    assert (zones()[number].name, zones()[number].borough) == (name, borough)


def test_every_zone_with_a_place_has_an_area_and_lies_within_the_citys_thirty_miles() -> None:
    for zone in zones().values():
        if not math.isnan(zone.x):
            assert zone.area > 0
            assert math.hypot(zone.x, zone.y) < 30


def test_the_origin_lies_at_zero() -> None:
    assert local_miles(*ORIGIN) == (0, 0)


def test_what_has_no_position_has_no_place() -> None:
    assert all(math.isnan(value) for value in (*local_miles(math.nan, 40.7), *local_miles(math.nan, math.nan)))


@REPEATABLE
@given(LONGITUDES, LATITUDES, LONGITUDES, LATITUDES)
def test_distances_on_the_plane_are_those_on_the_ground(
    longitude: float, latitude: float, other_longitude: float, other_latitude: float
) -> None:
    x, y = local_miles(longitude, latitude)
    other_x, other_y = local_miles(other_longitude, other_latitude)
    miles = great_circle((longitude, latitude), (other_longitude, other_latitude))
    assert math.hypot(x - other_x, y - other_y) == pytest.approx(miles, rel=4e-3, abs=1e-6)


def test_fifth_avenue_runs_along_one_axis() -> None:
    south, north = local_miles(-73.9972, 40.7308), local_miles(-73.9494, 40.7969)
    assert abs(north[0] - south[0]) < 0.1
    assert 5 < north[1] - south[1] < 5.5
