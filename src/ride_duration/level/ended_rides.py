"""Rides that have ended and whose duration is known, summed by the step in which it became known.

Sums are whole numbers of `UNIT`, and so the same in whatever order and batches rides come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ride_duration.level.level_rules import STEP

#: Minutes that sums are counted in, about 57 microseconds: a power of two, so that they become minutes exactly.
UNIT = 2.0**-20


class EndedRides(NamedTuple):
    """Rides whose duration is known; all arrays have the shape (n,).

    Attributes:
        known_at: Instants at which the durations became known, seconds since 1970-01-01 UTC.
        actual: Minutes that they took.
        predicted: Minutes that the model predicted, uncorrected.
    """

    known_at: NDArray[np.float64]
    actual: NDArray[np.float64]
    predicted: NDArray[np.float64]


class Sums(NamedTuple):
    """Sums over rides.

    Attributes:
        rides: How many there are.
        actual: What they took, in `UNIT`.
        predicted: What the model predicted, in `UNIT`.
    """

    rides: int
    actual: int
    predicted: int


NO_RIDES = Sums(0, 0, 0)

#: Sums by the number of the step, which begins at that number times `STEP`.
StepSums = Mapping[int, Sums]


def sum_steps(rides: EndedRides) -> dict[int, Sums]:
    """Sum rides (n) up by the step in which they became known.

    Raises:
        ValueError: A value is missing or infinite, or a number of minutes is not positive.
    """
    if not len(rides.known_at):
        return {}
    if not all(np.isfinite(values).all() for values in rides):
        raise ValueError("rides of a level need an instant, an actual and a predicted duration, all finite")
    if min(rides.actual.min(), rides.predicted.min()) <= 0:
        raise ValueError("actual and predicted durations must be positive")
    steps, of_step = np.unique(np.floor_divide(rides.known_at, STEP).astype(np.int64), return_inverse=True)
    totals = np.zeros((3, len(steps)), dtype=np.int64)
    np.add.at(totals[0], of_step, 1)
    for row, minutes in ((1, rides.actual), (2, rides.predicted)):
        np.add.at(totals[row], of_step, np.rint(minutes / UNIT).astype(np.int64))
    return {step: Sums(*row) for step, *row in zip(steps.tolist(), *totals.tolist(), strict=True)}


def add_sums(first: StepSums, second: StepSums) -> dict[int, Sums]:
    """Return the sums over the rides of both."""
    return {step: add(first.get(step, NO_RIDES), second.get(step, NO_RIDES)) for step in sorted({*first, *second})}


def add(first: Sums, second: Sums) -> Sums:
    """Return the sums of a step over the rides of both."""
    return Sums(*(one + other for one, other in zip(first, second, strict=True)))
