"""Which values of a feature have not been seen before: zones, hours, or numbers beyond all that there were."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: With more different values than zones of the city any number in between may occur.
_MOST_LISTED = 512

#: Values that are nearer are the same: they have been kept as 32-bit numbers.
_TOLERANCE = 1e-4


class SeenValues:
    """Values that a feature had: of a few different ones each by itself, else all from the smallest to the largest.

    Args:
        values: Numbers (n,); those that are missing (NaN) are left out.
    """

    def __init__(self, values: ArrayLike) -> None:
        numbers = np.asarray(values, dtype=np.float64)
        known = np.unique(numbers[~np.isnan(numbers)])
        self._are_listed = len(known) <= _MOST_LISTED
        self._known = known if self._are_listed else known[[0, -1]]

    def find_unseen(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Return which values (n,) are others; none where nothing was known. Missing ones (NaN) are not."""
        numbers = np.asarray(values, dtype=np.float64)
        if not len(self._known):
            return np.zeros(len(numbers), dtype=bool)
        if not self._are_listed:
            low, high = self._known
            return np.asarray((numbers < low - _TOLERANCE) | (numbers > high + _TOLERANCE))
        above = np.minimum(np.searchsorted(self._known, numbers), len(self._known) - 1)
        below = np.maximum(above - 1, 0)
        distance = np.minimum(np.abs(self._known[above] - numbers), np.abs(self._known[below] - numbers))
        return np.asarray(distance > _TOLERANCE)
