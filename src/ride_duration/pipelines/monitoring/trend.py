"""Daily sums -> figures of the days and of the week up to each of them, as reports and plots show them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ride_duration.pipelines.monitoring.evidence import DailySums
from ride_duration.stats.day_bounds import bound_ratio

#: Days that a point of the line is of: a whole week levels out weekdays.
WEEK = 7

Numbers = NDArray[np.float64]


class Trend(NamedTuple):
    """One figure by day; all arrays have the shape (n,), with NaN where it is not known.

    Attributes:
        of_day: Of the day alone.
        of_week: Of the week that ends on the day, from the days of it that count, half of them at least.
        low: Lower bound of it (95 %, by correlated days); of whole weeks alone, fewer days say too little.
        high: Upper bound.
    """

    of_day: Numbers
    of_week: Numbers
    low: Numbers
    high: Numbers


def compute_trends(days: DailySums, counted: NDArray[np.bool_]) -> dict[str, Trend]:
    """Compute the trend of each figure that is shown by day.

    Args:
        days: Every day of the window and, for the first weeks, of the time before it.
        counted: Which days (n,) have labelled rides enough to count.

    Returns:
        `level` (actual / predicted), `error_ratio` (realised / expected RMSE) and `coverage` (share of the rides inside
        their interval).
    """
    return {
        "level": _follow(days.actual, days.predicted, counted),
        "error_ratio": Trend._make(
            np.sqrt(np.maximum(values, 0.0)) for values in _follow(days.squared, days.expected, counted)
        ),
        "coverage": _cap(_follow(days.covered, days.labelled, counted)),
    }


def _follow(numerator: Numbers, denominator: Numbers, counted: NDArray[np.bool_]) -> Trend:
    """Follow the ratio of two sums."""
    known = counted & ~np.isnan(numerator) & (denominator > 0)
    of_day, of_week, low, high = np.full((4, len(known)), np.nan)
    of_day[known] = numerator[known] / denominator[known]
    for last in np.flatnonzero(known).tolist():
        first = max(0, last - WEEK + 1)
        week = first + np.flatnonzero(known[first : last + 1])
        if 2 * len(week) < WEEK:
            continue
        of_week[last] = numerator[week].sum() / denominator[week].sum()
        low[last], high[last] = bound_ratio(numerator[week], denominator[week])
    return Trend(of_day, of_week, low, high)


def _cap(shares: Trend) -> Trend:
    """Keep the bounds of shares within 0 and 1."""
    return shares._replace(low=np.maximum(shares.low, 0.0), high=np.minimum(shares.high, 1.0))
