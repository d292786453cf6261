"""The TLC's archive of zone shapes becomes polygons in longitude and latitude, or is done without."""

import hashlib
import itertools
import json
import logging
import re
from typing import Any

import pytest

from ride_duration.datasets.month_files import RemoteFile
from ride_duration.pipelines.ingestion.parameters import ZoneShapeSettings
from ride_duration.pipelines.ingestion.zone_outlines import outline_zones, source_zone_shapes
from ride_duration.trips.zone_shapes import ZoneShapes, read_zone_shapes
from ride_duration.trips.zones import zones
from tests.support.zone_shapes import square, zone_archive, zone_squares

SETTINGS = ZoneShapeSettings(source="tlc", zone_shape_sources={"tlc": "https://tlc/taxi_zones.zip", "simulated": None})


def outline(content: bytes, settings: ZoneShapeSettings = SETTINGS) -> dict[str, Any]:
    return outline_zones({"taxi_zones.zip": content}, settings)


def test_the_archive_comes_from_the_address_of_the_source() -> None:
    assert source_zone_shapes(SETTINGS) == {"taxi_zones": RemoteFile("https://tlc/taxi_zones.zip")}
    assert source_zone_shapes(SETTINGS.model_copy(update={"source": "simulated"})) == {}
    assert source_zone_shapes(ZoneShapeSettings(source="tlc")) == {}  # of a former configuration


def test_every_zone_gets_its_polygon_also_those_that_share_an_id() -> None:
    content = zone_archive(zone_squares())
    collection = outline(content)
    assert collection["type"] == "FeatureCollection"
    assert collection["sha256"] == hashlib.sha256(content).hexdigest()
    shapes = read_zone_shapes(json.dumps(collection).encode())
    assert set(shapes) == {number for number, zone in zones().items() if zone.area > 0}
    assert {56, 57, 103, 104, 105} <= set(shapes)
    for number, [[ring]] in shapes.items():
        assert ring[0] == ring[-1]
        longitudes, latitudes = zip(*ring[:-1], strict=True)
        zone = zones()[number]
        assert sum(longitudes) / 4 == pytest.approx(zone.longitude, abs=2e-5)
        assert sum(latitudes) / 4 == pytest.approx(zone.latitude, abs=2e-5)
        turned = sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring))
        assert turned > 0  # counterclockwise


def test_holes_islands_and_fewer_corners() -> None:
    airport = zones()[132]
    outer = square(airport.longitude, airport.latitude, 2_000, corners=400)
    hole = square(airport.longitude, airport.latitude, 600)[::-1]
    island = square(airport.longitude + 0.03, airport.latitude, 500)
    islet = square(airport.longitude - 0.03, airport.latitude, 5)
    collection = outline(zone_archive({132: [outer, hole, island, islet]}))
    [feature] = collection["features"]
    assert sorted(len(polygon) for polygon in feature["geometry"]["coordinates"]) == [1, 2]
    assert max(len(ring) for polygon in feature["geometry"]["coordinates"] for ring in polygon) <= 6
    found = ZoneShapes(read_zone_shapes(json.dumps(collection).encode()))
    assert found.zone_at(airport.latitude, airport.longitude) is None  # in the hole
    assert found.zone_at(airport.latitude, airport.longitude + 0.007) == 132
    assert found.zone_at(airport.latitude, airport.longitude + 0.03) == 132
    assert found.zone_at(airport.latitude, airport.longitude + 0.02) is None


def test_a_zone_of_islets_alone_keeps_them() -> None:
    zone = zones()[103]
    collection = outline(zone_archive({103: [square(zone.longitude, zone.latitude, 8)]}))
    [[ring]] = collection["features"][0]["geometry"]["coordinates"]
    assert len(ring) == 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04 and no more", "zip"),
        (zone_archive(zone_squares(), without=["dbf"]), r"holds no \.dbf"),
        (zone_archive(zone_squares(), prj='GEOGCS["GCS_WGS_1984"]'), "State Plane"),
        (zone_archive({1: zone_squares()[132]}), "zone 1, Newark Airport, does not lie"),
        (zone_archive({300: zone_squares()[132]}), "no taxi zone 300"),
    ],
    ids=["damaged", "incomplete", "degrees", "elsewhere", "unknown"],
)
def test_an_archive_that_cannot_be_used_is_done_without(
    content: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert outline(content) == {"type": "FeatureCollection", "features": []}
    [said] = caplog.messages
    assert "Going on without the shapes of the taxi zones: taxi_zones.zip cannot be used" in said
    assert re.search(reason, said)


def test_without_an_archive_there_are_no_shapes() -> None:
    assert outline_zones({}, SETTINGS)["features"] == []
