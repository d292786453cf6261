"""Which days hold the rides of a whole day, so that they may be compared with whole days?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: A day with a smaller share of a usual day's rides is a stray date of some meter's clock, an outage, or a day on which
#: the city stood still.
LEAST_SHARE = 1 / 3

#: Rides that a part of the day usually has, at least, where none at all means that it was not recorded: of as many that
#: come by chance, none is seen once in 500 million times.
_RIDES_OF_A_PART = 20.0


def find_whole_days(counts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which days (n,) have rides enough, compared with the median of those that have any.

    Args:
        counts: Rides by day and bin (n, bins).
    """
    rides = counts.sum(axis=1)
    known = rides > 0
    usual = float(np.median(rides[known])) if known.any() else 0.0
    return np.asarray(known & (rides >= LEAST_SHARE * usual))


def find_unbroken_days(by_hour: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which days (n,) have rides in every part of the day that usually has many.

    Args:
        by_hour: Rides by day and part of the day (n, parts).
    """
    known: NDArray[np.bool_] = np.asarray(by_hour.sum(axis=1) > 0)
    if not known.any():
        return known
    usual = np.median(by_hour[known], axis=0)
    return np.asarray(known & ~((by_hour == 0) & (usual >= _RIDES_OF_A_PART)).any(axis=1))
