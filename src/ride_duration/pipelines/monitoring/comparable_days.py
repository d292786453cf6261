"""Which days of a window may be compared with whole days of the reference?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ride_duration.stats.whole_days import find_unbroken_days, find_whole_days

#: Features whose bins tell weekdays apart.
OF_WEEKDAYS = ("weekday", "hour_of_week")

#: Features that differ in every window that is not of whole weeks.
CALENDAR = ("hour", *OF_WEEKDAYS)


def find_comparable_days(
    counts: dict[str, NDArray[np.float64]], incidents: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """Return of each feature which days (n,) may be compared with whole days of the reference.

    Args:
        counts: Rides of each feature by day and bin (n, bins).
        incidents: Days (n,) on which something broke.
    """
    whole = ~incidents & (find_unbroken_days(counts["hour"]) if "hour" in counts else True)
    return {name: whole & find_whole_days(by_day) for name, by_day in counts.items()}


def choose_days(name: str, comparable: NDArray[np.bool_], window: slice) -> NDArray[np.int_]:
    """Return the numbers of the days of a window that a feature is compared on; none where they are too few."""
    chosen: NDArray[np.int_] = np.asarray(window.start + np.flatnonzero(comparable[window]))
    length = window.stop - window.start
    enough = len(chosen) == length if name in CALENDAR else 2 * len(chosen) > length
    return chosen if enough else chosen[:0]
