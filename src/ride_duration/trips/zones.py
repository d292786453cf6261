"""The TLC's 265 taxi zones, and where their centroids lie in local miles."""

import csv
import math
from functools import cache
from importlib.resources import files
from typing import NamedTuple

#: Mean Earth radius in miles (IUGG).
EARTH_RADIUS = 3958.7613
#: Origin of the local plane (longitude, latitude; WGS84): the middle of the city.
ORIGIN = (-73.95, 40.75)
#: Manhattan's avenues run this far east of north, so that "Manhattan distance" follows the streets.
GRID_BEARING = math.radians(29.0)
SQUARE_KM_PER_SQUARE_MILE = 2.589988110336


class Zone(NamedTuple):
    """One taxi zone. The two pseudo-zones 264 and 265 (unknown, outside the city) have no place: NaN."""

    location_id: int
    borough: str
    name: str
    longitude: float
    latitude: float
    #: Miles along the cross streets (east-south-east) and along the avenues (north-north-east).
    x: float
    y: float
    #: Land area in square kilometres.
    area: float

    @property
    def radius(self) -> float:
        """Miles: radius of the disc that has the zone's area; NaN for zones without a place."""
        return math.sqrt(self.area / SQUARE_KM_PER_SQUARE_MILE / math.pi)


def local_miles(longitude: float, latitude: float) -> tuple[float, float]:
    """Project a WGS84 position onto the street grid's own axes, in miles.

    Equirectangular projection about `ORIGIN`, then a rotation by `GRID_BEARING`; over the city's 35 miles its
    error stays below 0.4 %.

    Args:
        longitude: Degrees east.
        latitude: Degrees north.

    Returns:
        Miles across (`x`) and along (`y`) the avenues; NaN in, NaN out.
    """
    east = math.radians(longitude - ORIGIN[0]) * math.cos(math.radians(ORIGIN[1])) * EARTH_RADIUS
    north = math.radians(latitude - ORIGIN[1]) * EARTH_RADIUS
    sine, cosine = math.sin(GRID_BEARING), math.cos(GRID_BEARING)
    return east * cosine - north * sine, east * sine + north * cosine


@cache
def zones() -> dict[int, Zone]:
    """All 265 zones by TLC location id."""
    return read_zones(zone_table())


def zone_table() -> str:
    """The zone table as it lies here: location id, borough, name, centroid (WGS84) and area, as CSV."""
    return (files(__package__) / "taxi_zones.csv").read_text(encoding="utf-8")


def read_zones(table: str) -> dict[int, Zone]:
    """The zones of a table in the form of `zone_table`, by location id."""
    return {zone.location_id: zone for zone in map(_zone, csv.DictReader(table.splitlines()))}


def _zone(row: dict[str, str]) -> Zone:
    longitude, latitude = float(row["longitude"] or "nan"), float(row["latitude"] or "nan")
    x, y = local_miles(longitude, latitude)
    area = float(row["area_km2"] or "nan")
    return Zone(int(row["LocationID"]), row["borough"], row["zone"], longitude, latitude, x, y, area)
