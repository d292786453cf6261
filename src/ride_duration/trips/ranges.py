"""Which records of rides are out of range: one rule for tables of scored months and for arrays of logged rides."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from ride_duration.trips.records import DISTANCE, DURATION
from ride_duration.trips.zones import zones


@cache
def find_placed_zones() -> tuple[int, ...]:
    """Return the TLC location ids of the zones that have a place, in their order."""
    return tuple(sorted(location for location, zone in zones().items() if not math.isnan(zone.x)))


def is_out_of_range(duration: Any, distance: Any, pickup_placed: Any, dropoff_placed: Any) -> Any:
    """Return whether what a record says is out of range; plain arithmetic, on columns of tables and on arrays.

    What it does not say is not out of range: missing values are NULL in tables, where the answer may be NULL as well
    and means no, and NaN in arrays; but a zone that is missing has no place. A duration that is missing is unreported,
    and counted as that.

    Args:
        duration: Minutes.
        distance: Miles, as they were recorded.
        pickup_placed: Whether the zone of the pick-up is one of `find_placed_zones`.
        dropoff_placed: The same of the drop-off.
    """
    by_duration = (duration < DURATION[0]) | (duration > DURATION[1])
    by_distance = (distance <= DISTANCE[0]) | (distance > DISTANCE[1])
    return by_duration | by_distance | ~pickup_placed | ~dropoff_placed
