"""The shapes of the taxi zones, as far as they are known: polygons in longitude and latitude (WGS84)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ride_duration.errors import RideDurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A ring of positions (longitude, latitude), closed; a polygon is its outline and its holes.
Ring = list[list[float]]
Polygon = list[Ring]


def read_zone_shapes(content: bytes) -> dict[int, list[Polygon]]:
    """Read a GeoJSON feature collection (RFC 7946) whose features are zones with the property `LocationID`.

    Returns:
        The polygons of each zone by location id; none where the collection is empty.

    Raises:
        RideDurationError: It is something else.
    """
    try:
        return {
            int(feature["properties"]["LocationID"]): _polygons(feature["geometry"])
            for feature in json.loads(content)["features"]
        }
    except (ValueError, TypeError, KeyError) as error:
        raise RideDurationError(f"not a GeoJSON collection of taxi zones ({type(error).__name__}: {error})") from error


def _polygons(geometry: dict[str, Any]) -> list[Polygon]:
    if geometry["type"] != "MultiPolygon":
        raise ValueError(f"a geometry is a {geometry['type']}")
    return [
        [[[float(longitude), float(latitude)] for longitude, latitude in ring] for ring in polygon]
        for polygon in geometry["coordinates"]
    ]


class ZoneShapes:
    """Finds the zone whose shape holds a position.

    Args:
        polygons: Of each zone, by location id, as `read_zone_shapes` returns them.
    """

    def __init__(self, polygons: dict[int, list[Polygon]]) -> None:
        self.polygons = polygons
        self._ids = list(polygons)
        self._edges = [_edges(shape) for shape in polygons.values()]
        boxes = [(*edges[:2].min(axis=1), *edges[:2].max(axis=1)) for edges in self._edges]
        self._west, self._south, self._east, self._north = np.array(boxes).reshape(-1, 4).T

    def __bool__(self) -> bool:
        return bool(self._ids)

    def zone_at(self, latitude: float, longitude: float) -> int | None:
        """Return the id of the zone that a position lies in; None where it lies in none.

        Args:
            latitude: Degrees (WGS84).
            longitude: Degrees (WGS84).
        """
        across = (self._west <= longitude) & (longitude <= self._east)
        for place in np.flatnonzero(across & (self._south <= latitude) & (latitude <= self._north)):
            if _holds(self._edges[place], longitude, latitude):
                return self._ids[place]
        return None


def _edges(polygons: list[Polygon]) -> NDArray[np.float64]:
    """Begin (longitude, latitude) and end of each edge, as (4, n)."""
    rings = [np.asarray(ring, dtype=float) for polygon in polygons for ring in polygon]
    return np.concatenate([np.concatenate([ring[:-1], ring[1:]], axis=1) for ring in rings]).T


def _holds(edges: NDArray[np.float64], longitude: float, latitude: float) -> bool:
    """Even-odd rule: a ray to the east crosses the edges an odd number of times."""
    x, y, u, v = edges
    crossed = (y > latitude) != (v > latitude)
    where = x[crossed] + (latitude - y[crossed]) / (v[crossed] - y[crossed]) * (u[crossed] - x[crossed])
    return bool(np.count_nonzero(where > longitude) % 2)
