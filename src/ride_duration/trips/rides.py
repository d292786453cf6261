"""From a raw ride to its features, for one ride (floats) and for many (NumPy arrays).

The third adapter, for tables, stands in `pipelines.data_engineering`; a property test holds the three together.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ride_duration.trips.features import ride_features
from ride_duration.trips.records import DISTANCE
from ride_duration.trips.zones import zones

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

NAN = float("nan")
_NOWHERE = (NAN, NAN)


@cache
def _places() -> dict[int, tuple[float, float]]:
    return {location_id: (zone.x, zone.y) for location_id, zone in zones().items()}


def features_of_ride(
    pickup_zone: int | None, dropoff_zone: int | None, pickup_datetime: datetime, trip_distance: float | None = None
) -> dict[str, float]:
    """Features of one ride.

    Args:
        pickup_zone: TLC location id; unknown ids have no place.
        dropoff_zone: TLC location id; unknown ids have no place.
        pickup_datetime: New York wall clock, naive.
        trip_distance: Miles driven, if known; a value outside `records.DISTANCE` counts as unknown.

    Returns:
        The values of `features.FEATURES`, NaN where missing.
    """
    places = _places()
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
) -> dict[str, NDArray[np.float64]]:
    """Features of many rides; all arrays have the shape (n,).

    Args:
        pickup_zone: TLC location ids as float64, NaN where missing.
        dropoff_zone: TLC location ids as float64, NaN where missing.
        pickup_datetime: New York wall clock, none missing.
        trip_distance: Miles driven, NaN where unknown.

    Returns:
        An array (n,) for each of `features.FEATURES`.
    """
    import numpy as np

    minutes = pickup_datetime.astype("datetime64[m]").astype(np.int64)
    days = minutes // 1440
    believed = (trip_distance > DISTANCE[0]) & (trip_distance <= DISTANCE[1])
    return ride_features(
        *_places_of(pickup_zone),
        *_places_of(dropoff_zone),
        ((days + 3) % 7).astype(np.float64),  # 1970-01-01 was a Thursday
        (minutes // 60 % 24).astype(np.float64),
        (minutes % 60).astype(np.float64),
        np.where(believed, trip_distance, np.nan),
    )


def _places_of(zone: NDArray[np.float64]) -> tuple[Any, Any]:
    import numpy as np

    places = _places()
    table = np.full((max(places) + 2, 2), np.nan)
    for location_id, place in places.items():
        table[location_id] = place
    known = np.isin(zone, np.fromiter(places, dtype=np.float64))
    rows = table[np.where(known, zone, len(table) - 1).astype(np.int64)]
    return rows[:, 0], rows[:, 1]
