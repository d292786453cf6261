"""From a raw ride to its features, for one ride (floats) and for many (NumPy arrays).

The third adapter, for tables, stands in `pipelines.data_engineering`; a property test holds the three together.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from ride_duration.trips.features import ride_features
from ride_duration.trips.records import DISTANCE
from ride_duration.trips.zones import Zone, zones

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

NAN = float("nan")
_NOWHERE = (NAN, NAN)


class Places(dict[int, tuple[float, float]]):
    """Where zones are: local miles by location id, NaN for zones without a place."""

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """The same as an array (2, largest id + 2): x and y by location id; the last column is nowhere."""
        import numpy as np

        table = np.full((2, max(self) + 2), np.nan)
        for location_id, place in self.items():
            table[:, location_id] = place
        return table


def places_of_zones(zones: dict[int, Zone]) -> Places:
    """Where the zones of a zone table are."""
    return Places({location_id: (zone.x, zone.y) for location_id, zone in zones.items()})


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
        trip_distance: Miles driven, if known; a value outside `records.DISTANCE` counts as unknown.
        places: Where zones are, if not where the zone table at hand says.

    Returns:
        The values of `features.FEATURES`, NaN where missing.
    """
    places = places or _places()
    pickup = places.get(pickup_zone, _NOWHERE) if pickup_zone is not None else _NOWHERE
    dropoff = places.get(dropoff_zone, _NOWHERE) if dropoff_zone is not None else _NOWHERE
    believed = trip_distance is not None and DISTANCE[0] < trip_distance <= DISTANCE[1]
    return ride_features(
        *pickup,
        *dropoff,
        float(pickup_datetime.weekday()),
        float(pickup_datetime.hour),
        float(pickup_datetime.minute),
        trip_distance if believed else NAN,
    )


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
        trip_distance: Miles driven, NaN where unknown.
        places: Where zones are, if not where the zone table at hand says.

    Returns:
        An array (n,) for each of `features.FEATURES`.
    """
    import numpy as np

    minutes = np.where(np.isnat(pickup_datetime), np.nan, pickup_datetime.astype("datetime64[m]").astype(np.float64))
    days = minutes // 1440
    believed = (trip_distance > DISTANCE[0]) & (trip_distance <= DISTANCE[1])
    return ride_features(
        *_places_of(pickup_zone, places or _places()),
        *_places_of(dropoff_zone, places or _places()),
        (days + 3) % 7,  # 1970-01-01 was a Thursday
        minutes // 60 % 24,
        minutes % 60,
        np.where(believed, trip_distance, np.nan),
    )


def _places_of(zone: NDArray[np.float64], places: Places) -> tuple[Any, Any]:
    import numpy as np

    x, y = places.table
    nowhere = len(x) - 1
    column = np.where((zone >= 0) & (zone < nowhere), zone, nowhere).astype(np.intp)
    column[column != zone] = nowhere  # no whole number
    return x[column], y[column]
