"""From a raw ride to its features, for one ride (floats) and for many (NumPy arrays).

The third adapter, for tables, stands in `pipelines.data_engineering`; a property test holds the three together.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING

from ride_duration.trips.distances import IMPLAUSIBLE, OUT_OF_RANGE, contradicts_zones
from ride_duration.trips.features import ride_features
from ride_duration.trips.records import DISTANCE
from ride_duration.trips.zones import Zone, zones

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

NAN = float("nan")
_NOWHERE = (NAN, NAN, NAN)


class Places(dict[int, tuple[float, float, float]]):
    """Where zones are: x, y and radius in local miles by location id, NaN for zones without a place."""

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """The same as an array (3, largest id + 2): x, y and radius by location id; the last column is nowhere."""
        import numpy as np

        table = np.full((3, max(self) + 2), np.nan)
        for location_id, place in self.items():
            table[:, location_id] = place
        return table


def places_of_zones(zones: dict[int, Zone]) -> Places:
    """Where the zones of a zone table are."""
    return Places({location_id: (zone.x, zone.y, zone.radius) for location_id, zone in zones.items()})


@cache
def _places() -> Places:
    return places_of_zones(zones())


def features_of_ride(
    pickup_zone: int | None,
    dropoff_zone: int | None,
    pickup_datetime: datetime,
    trip_distance: float | None = None,
    places: Places | None = None,
) -> dict[str, float]:
    """Features of one ride.

    Args:
        pickup_zone: TLC location id; unknown ids have no place.
        dropoff_zone: TLC location id; unknown ids have no place.
        pickup_datetime: New York wall clock, naive.
        trip_distance: Miles driven, if known; one with which `find_distance_problem` finds fault counts as unknown.
        places: Where zones are, if not where the zone table at hand says.

    Returns:
        The values of `features.FEATURES`, NaN where missing.
    """
    places = places or _places()
    pickup, dropoff = _place_of(pickup_zone, places), _place_of(dropoff_zone, places)
    valid = trip_distance is not None and _problem_between(pickup, dropoff, trip_distance) is None
    return ride_features(
        *pickup[:2],
        *dropoff[:2],
        float(pickup_datetime.weekday()),
        float(pickup_datetime.hour),
        float(pickup_datetime.minute),
        trip_distance if valid else NAN,
    )


def find_distance_problem(
    pickup_zone: int | None, dropoff_zone: int | None, trip_distance: float, places: Places | None = None
) -> str | None:
    """Say what is wrong with the distance of one ride, if anything.

    Args:
        pickup_zone: TLC location id; unknown ids have no place.
        dropoff_zone: TLC location id; unknown ids have no place.
        trip_distance: Miles driven.
        places: Where zones are, if not where the zone table at hand says.

    Returns:
        `distances.OUT_OF_RANGE`, `distances.IMPLAUSIBLE`, or None.
    """
    places = places or _places()
    return _problem_between(_place_of(pickup_zone, places), _place_of(dropoff_zone, places), trip_distance)


def _problem_between(
    pickup: tuple[float, float, float], dropoff: tuple[float, float, float], trip_distance: float
) -> str | None:
    if not DISTANCE[0] < trip_distance <= DISTANCE[1]:
        return OUT_OF_RANGE
    return IMPLAUSIBLE if contradicts_zones(trip_distance, *pickup, *dropoff) else None


def _place_of(zone: int | None, places: Places) -> tuple[float, float, float]:
    return _NOWHERE if zone is None else places.get(zone, _NOWHERE)


def features_of_rides(
    pickup_zone: NDArray[np.float64],
    dropoff_zone: NDArray[np.float64],
    pickup_datetime: NDArray[np.datetime64],
    trip_distance: NDArray[np.float64],
    places: Places | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Features of many rides; all arrays have the shape (n,).

    Args:
        pickup_zone: TLC location ids as float64, NaN where missing.
        dropoff_zone: TLC location ids as float64, NaN where missing.
        pickup_datetime: New York wall clock, NaT where missing.
        trip_distance: Miles driven, NaN where unknown; those that are out of range or implausible count as unknown.
        places: Where zones are, if not where the zone table at hand says.

    Returns:
        An array (n,) for each of `features.FEATURES`.
    """
    import numpy as np

    places = places or _places()
    pickup, dropoff = _places_of(pickup_zone, places), _places_of(dropoff_zone, places)
    minutes = np.where(np.isnat(pickup_datetime), np.nan, pickup_datetime.astype("datetime64[m]").astype(np.float64))
    days = minutes // 1440
    in_range = (trip_distance > DISTANCE[0]) & (trip_distance <= DISTANCE[1])
    distance = np.where(in_range, trip_distance, np.nan)
    return ride_features(
        *pickup[:2],
        *dropoff[:2],
        (days + 3) % 7,  # 1970-01-01 was a Thursday
        minutes // 60 % 24,
        minutes % 60,
        np.where(contradicts_zones(distance, *pickup, *dropoff), np.nan, distance),
    )


def _places_of(
    zone: NDArray[np.float64], places: Places
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return x, y and radius, each (n,)."""
    import numpy as np

    x, y, radius = places.table
    nowhere = len(x) - 1
    column = np.where((zone >= 0) & (zone < nowhere), zone, nowhere).astype(np.intp)
    column[column != zone] = nowhere  # no whole number
    return x[column], y[column], radius[column]
