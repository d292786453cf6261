"""Finds the zone that a position lies in."""

from __future__ import annotations

from math import hypot, isnan
from typing import TYPE_CHECKING

import numpy as np

from ride_duration.trips.zones import local_miles

if TYPE_CHECKING:
    from ride_duration.trips.zone_shapes import ZoneShapes
    from ride_duration.trips.zones import Zone

#: A position is outside the city where the nearest zone's edge, were the zone a disc, is further off than this: 0.6
#: of its radius and a quarter of a mile. Zones are longer than they are wide, and most lie side by side.
_OF_RADIUS, _MILES = 0.6, 0.25


class ZoneLocator:
    """The zones as discs about their centroids: as large as the zones, which is all that the zone table knows.

    Args:
        zones: The zone table.
        shapes: Of the zones, as far as they are known: what lies in one of them lies in that zone.
    """

    def __init__(self, zones: dict[int, Zone], shapes: ZoneShapes | None = None) -> None:
        self._zones, self._shapes = zones, shapes
        self._discs = [(zone, zone.radius) for zone in zones.values() if not isnan(zone.x)]
        discs = [(zone.x, zone.y, radius) for zone, radius in self._discs]
        self._x, self._y, self._radius = np.array(discs).reshape(-1, 3).T
        self._placed = frozenset(zone.location_id for zone, _ in self._discs)

    def has_place(self, zone: int) -> bool:
        """Return whether it is known where a zone lies; of ids such as 264 (unknown) it is not."""
        return zone in self._placed

    def has_places(self, pickup_zone: int, dropoff_zone: int) -> bool:
        """Return whether it is known where both zones lie."""
        return pickup_zone in self._placed and dropoff_zone in self._placed

    def zone_at(self, latitude: float, longitude: float) -> Zone | None:
        """Return the zone that a position lies in; None outside the city.

        Where no shape holds it, that is the zone whose disc is nearest, by power distance.

        Args:
            latitude: Degrees (WGS84).
            longitude: Degrees (WGS84).
        """
        if self._shapes is not None and (inside := self._shapes.zone_at(latitude, longitude)) in self._placed:
            return self._zones[inside]
        x, y = local_miles(longitude, latitude)
        power = (self._x - x) ** 2 + (self._y - y) ** 2 - self._radius**2
        zone, radius = self._discs[power.argmin()]
        outside = hypot(zone.x - x, zone.y - y) - radius
        return None if outside > _OF_RADIUS * radius + _MILES else zone
