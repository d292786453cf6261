"""The day bootstrap: bounds from whole days drawn again, since trips of one day share its traffic and its weather.

See B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 8 and 13.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: A day with fewer trips is a stray date of some meter's clock, not a day of traffic.
MIN_TRIPS = 50

#: Fewer days say nothing of how much days differ.
MIN_DAYS = 5

#: Draws of the bootstrap: bounds good to about 0.01 minutes.
_RESAMPLES = 1_000


class Difference(NamedTuple):
    """Relative difference of two RMSEs (new / old - 1), with bounds that 95 of 100 resamplings keep to each."""

    low: float
    middle: float
    high: float


def find_counted(days: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which trips (n,) lie on a day that counts, one with `MIN_TRIPS` trips or more.

    Args:
        days: The day of each trip (n,), of all trips and not of a slice, whose days may well be small.
    """
    _, day, trips = np.unique(days, return_inverse=True, return_counts=True)
    return np.asarray(trips[day] >= MIN_TRIPS, dtype=bool)


def resample_days(days: NDArray[Any], seed: int, *values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Sum values over days that are drawn with replacement, as many days as there are.

    Args:
        days: The day of each trip (n,), n > 0, on days that count.
        seed: Of the resampling.
        values: Of each trip (n,); all are summed over the same draws.

    Returns:
        The sums of each of `values`, one a resampling (1,000,).
    """
    _, day = np.unique(days, return_inverse=True)
    daily = [np.bincount(day, value) for value in values]
    drawn = np.random.default_rng(seed).integers(0, len(daily[0]), (_RESAMPLES, len(daily[0])))
    return [sums[drawn].sum(axis=1) for sums in daily]


def bound_rmse(errors: NDArray[np.float64], days: NDArray[Any], seed: int) -> tuple[float, float] | None:
    """Return a 95 % interval of the RMSE.

    Args:
        errors: Predicted minus actual (n,), in minutes.
        days: The day of each trip (n,).
        seed: Of the resampling.

    Returns:
        Lower and upper bound, in minutes; None where fewer than `MIN_DAYS` days count.
    """
    counted = find_counted(days)
    if len(np.unique(days[counted])) < MIN_DAYS:
        return None
    squares, trips = resample_days(days[counted], seed, errors[counted] ** 2, np.ones(counted.sum()))
    low, high = np.percentile(np.sqrt(squares / trips), [2.5, 97.5])
    return float(low), float(high)


def compare_rmse(new: NDArray[np.float64], old: NDArray[np.float64], days: NDArray[Any], seed: int) -> Difference:
    """Compare two models' squared errors on the same trips.

    Args:
        new: Squared errors (n,) of the one.
        old: Squared errors (n,) of the other.
        days: The day of each trip (n,), on days that count.
        seed: Of the resampling.
    """
    sums = resample_days(days, seed, new, old)
    low, high = np.percentile(np.sqrt(sums[0] / np.maximum(sums[1], 1e-12)) - 1, [5, 95])
    middle = np.sqrt(new.sum() / max(old.sum(), 1e-12)) - 1
    return Difference(float(low), float(middle), float(high))
