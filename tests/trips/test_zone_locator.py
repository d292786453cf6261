"""Positions and the zones that they lie in, with and without shapes."""

import json

from ride_duration.pipelines.ingestion.parameters import ZoneShapeSettings
from ride_duration.pipelines.ingestion.zone_outlines import outline_zones
from ride_duration.trips.zone_locator import ZoneLocator
from ride_duration.trips.zone_shapes import ZoneShapes, read_zone_shapes
from ride_duration.trips.zones import zones
from tests.support.zone_shapes import Rings, square, zone_archive, zone_squares


def shapes_of(rings: dict[int, Rings]) -> ZoneShapes:
    collection = outline_zones({"taxi_zones.zip": zone_archive(rings)}, ZoneShapeSettings(source="tlc"))
    return ZoneShapes(read_zone_shapes(json.dumps(collection).encode()))


def test_with_shapes_the_middle_of_each_zone_lies_in_it_and_of_most_without() -> None:
    placed = [zone for zone in zones().values() if zone.area > 0]
    exact = ZoneLocator(zones(), shapes_of(zone_squares(meters=60)))
    assert [exact.zone_at(zone.latitude, zone.longitude) for zone in placed] == placed
    rough = ZoneLocator(zones())
    others = [zone.name for zone in placed if rough.zone_at(zone.latitude, zone.longitude) != zone]
    assert "Broad Channel" in others  # an island in Jamaica Bay, which is far larger
    assert len(others) < 9


def test_a_shape_comes_before_the_nearest_disc_and_the_disc_before_nothing() -> None:
    times_square, penn_station = zones()[230], zones()[186]
    large = {230: [square(times_square.longitude, times_square.latitude, 4_000)]}
    locator = ZoneLocator(zones(), shapes_of(large))
    assert locator.zone_at(penn_station.latitude, penn_station.longitude) == times_square
    assert ZoneLocator(zones()).zone_at(penn_station.latitude, penn_station.longitude) == penn_station
    airport = zones()[132]
    assert locator.zone_at(airport.latitude, airport.longitude) == airport  # which has no shape here
    assert locator.zone_at(41.5, -73.9) is None


def test_a_zone_that_the_models_own_table_lacks_is_not_found() -> None:
    table = {number: zone for number, zone in zones().items() if number != 230}
    times_square = zones()[230]
    found = ZoneLocator(table, shapes_of(zone_squares())).zone_at(times_square.latitude, times_square.longitude)
    assert found is not None
    assert found.location_id != 230
