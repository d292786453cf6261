"""Change in time: a two-sided cumulative sum over daily values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Cusum(NamedTuple):
    """Sums after each day, all of shape (n,).

    Attributes:
        up: How far values have lately been above zero, less the allowance of each day; never negative.
        down: The same below zero.
        alarm: Whether one of both is beyond the limit.
    """

    up: NDArray[np.float64]
    down: NDArray[np.float64]
    alarm: NDArray[np.bool_]


def accumulate_changes(values: ArrayLike, clip: float, allowance: float, limit: float) -> Cusum:
    """Add up what daily values deviate from zero, both ways.

    See E. S. Page, "Continuous inspection schemes" (1954). Values are clipped, so that no single day raises an alarm.

    Args:
        values: A value a day (n,), in the order of time, zero where nothing has changed; NaN days change nothing.
        clip: Largest deviation of one day that counts.
        allowance: What a day may deviate without adding up; half of the smallest shift to be found.
        limit: Where the alarm begins.
    """
    clipped = np.clip(np.asarray(values, dtype=np.float64), -clip, clip)
    sums = {+1: np.zeros(len(clipped)), -1: np.zeros(len(clipped))}
    for sign, total in sums.items():
        reached = 0.0
        for day, value in enumerate(clipped.tolist()):
            if not np.isnan(value):
                reached = max(0.0, reached + sign * value - allowance)
            total[day] = reached
    return Cusum(sums[+1], sums[-1], (sums[+1] > limit) | (sums[-1] > limit))
