"""Shapes of taxi zones as the TLC publishes them, made by tests: a zip archive with a shapefile in State Plane feet."""

import io
import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np
import shapefile

from ride_duration.trips.state_plane import LONG_ISLAND, SURVEY_FOOT
from ride_duration.trips.zones import zones

PROJECTION = 'PROJCS["NAD_1983_StatePlane_New_York_Long_Island_FIPS_3104_Feet",UNIT["Foot_US",0.3048006096012192]]'
#: The TLC's file gives these zones, by their numbers, the id of another zone of the same name.
SHARED_IDS = {57: 56, 104: 103, 105: 103}

#: Rings of a zone, open, in feet: outlines clockwise, holes counterclockwise.
Rings = list[list[tuple[float, float]]]


def to_feet(longitude: float, latitude: float) -> tuple[float, float]:
    """State Plane feet of a position: Newton's steps on the projection's inverse, which is nearly linear here."""
    point = np.array([984_250.0, 180_000.0])
    aim = np.array([longitude, latitude])
    for _ in range(6):
        here = LONG_ISLAND.to_degrees(point[None])[0]
        steps = LONG_ISLAND.to_degrees(point + np.eye(2) * 100.0) - here
        point = point + np.linalg.solve(steps.T / 100.0, aim - here)
    return float(point[0]), float(point[1])


def square(longitude: float, latitude: float, meters: float, corners: int = 4) -> list[tuple[float, float]]:
    """A clockwise square about a position, with `corners` corners on its sides."""
    x, y = to_feet(longitude, latitude)
    half, side = meters / SURVEY_FOOT / 2, corners // 4
    ends = [(-half, -half), (-half, half), (half, half), (half, -half)]
    return [
        (x + a[0] + (b[0] - a[0]) * i / side, y + a[1] + (b[1] - a[1]) * i / side)
        for a, b in zip(ends, ends[1:] + ends[:1], strict=True)
        for i in range(side)
    ]


def zone_squares(meters: float = 400.0) -> dict[int, Rings]:
    """A square about the middle of each zone of the zone table."""
    return {
        number: [square(zone.longitude, zone.latitude, meters)] for number, zone in zones().items() if zone.area > 0
    }


def zone_archive(rings: dict[int, Rings], *, prj: str = PROJECTION, without: Iterable[str] = ()) -> bytes:
    """The archive of these zones, by their numbers.

    Args:
        rings: Of each zone.
        prj: What the projection file says.
        without: Endings of files that are left out.
    """
    parts: dict[str, Any] = {end: io.BytesIO() for end in ("shp", "shx", "dbf")}
    with shapefile.Writer(**parts, shapeType=shapefile.POLYGON) as writer:
        writer.field("OBJECTID", "N", 9)
        writer.field("LocationID", "N", 9)
        for number, outline in rings.items():
            writer.poly([[*ring, ring[0]] for ring in outline])
            writer.record(number, SHARED_IDS.get(number, number))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for end, content in parts.items():
            if end not in without:
                packed.writestr(f"taxi_zones/taxi_zones.{end}", content.getvalue())
        if "prj" not in without:
            packed.writestr("taxi_zones/taxi_zones.prj", prj)
    return archive.getvalue()
