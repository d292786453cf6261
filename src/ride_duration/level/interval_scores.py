"""Rides that have ended, counted by how far outside of the bounds of their interval they ended.

Distances are counted in cells, and so are the same in whatever order and batches rides come.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Minutes of a cell, about 2 seconds: a power of two, so that cells become minutes exactly.
CELL = 2.0**-5

#: Further than so many minutes outside, or inside, makes no difference: half of the range of all answers.
_FURTHEST = 32.0

#: The number of cells.
CELLS = int(2 * _FURTHEST / CELL) + 1

#: With metered distance and at request time; lower and upper bound.
MOMENTS = TAILS = 2


class BoundedRides(NamedTuple):
    """Rides whose duration is known, and the bounds that their answers had; all arrays have the shape (n,).

    Attributes:
        known_at: Instants at which the durations became known, seconds since 1970-01-01 UTC.
        actual: Minutes that they took.
        lower: Lower bounds in minutes, multiplied by the factor of the pick-up, without rolling margins.
        upper: Upper bounds, the same.
        bucket: Numbers of the buckets of distance: the metered one where the answer was given with it, else that
            between the zones, which is known at request time.
        without_distance: Whether the answer was given without the metered distance.
    """

    known_at: NDArray[np.float64]
    actual: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    bucket: NDArray[np.intp]
    without_distance: NDArray[np.bool_]


class ScoreCounts(NamedTuple):
    """How many rides have which score, the minutes that they ended outside of a bound: negative inside.

    Attributes:
        cells: Where in a table of `MOMENTS` x `TAILS` x buckets x `CELLS` the counts stand, ascending (k,).
        counts: Rides (k,), none of them 0.
    """

    cells: NDArray[np.int64]
    counts: NDArray[np.int64]

    def to_row(self) -> list[list[int]]:
        """Return the counts in terms of JSON."""
        return [self.cells.tolist(), self.counts.tolist()]

    @classmethod
    def from_row(cls, row: list[list[int]]) -> ScoreCounts:
        """Return the counts that `to_row` has written."""
        return cls(*(np.array(numbers, dtype=np.int64) for numbers in row))


NO_SCORES = ScoreCounts(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def count_scores(rides: BoundedRides, period: int, buckets: int) -> dict[int, ScoreCounts]:
    """Count rides (n) by the period in which they became known.

    Args:
        rides: In any order.
        period: Seconds; periods begin at its multiples.
        buckets: How many there are.

    Raises:
        ValueError: A value is missing or infinite, or a bucket does not exist.
    """
    if not len(rides.known_at):
        return {}
    if not all(np.isfinite(values).all() for values in rides):
        raise ValueError("rides need an instant, a duration and bounds, all finite")
    if min(rides.bucket) < 0 or max(rides.bucket) >= buckets:
        raise ValueError(f"buckets are numbered from 0 to {buckets - 1}")
    of_period = np.floor_divide(rides.known_at, period).astype(np.int64)
    outside = np.stack([rides.lower - rides.actual, rides.actual - rides.upper])
    # Rounded up: a margin holds every ride that it is taken from.
    place = np.ceil(np.clip(outside, -_FURTHEST, _FURTHEST) / CELL).astype(np.int64) + CELLS // 2
    tail = np.arange(TAILS)[:, None]
    cells = ((rides.without_distance * TAILS + tail) * buckets + rides.bucket) * CELLS + place
    counted = {}
    for number in np.unique(of_period).tolist():
        counted[number] = ScoreCounts(*np.unique(cells[:, of_period == number], return_counts=True))
    return counted


def add_scores(*counted: ScoreCounts) -> ScoreCounts:
    """Return the counts of the rides of all."""
    if sum(1 for each in counted if len(each.cells)) < 2:
        return max(counted, key=lambda each: len(each.cells), default=NO_SCORES)
    cells, place = np.unique(np.concatenate([each.cells for each in counted]), return_inverse=True)
    counts = np.zeros(len(cells), dtype=np.int64)
    np.add.at(counts, place, np.concatenate([each.counts for each in counted]))
    return ScoreCounts(cells, counts)
