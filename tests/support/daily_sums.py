"""Daily sums of an imagined fortnight or quarter, for the tests of the monitoring."""

import numpy as np
from numpy.typing import ArrayLike

from ride_duration.pipelines.monitoring.evidence import DailySums
from ride_duration.pipelines.monitoring.limits import CusumLimits, Thresholds

THRESHOLDS = Thresholds(
    window_days=14, windows=2, log_level=0.05, error_ratio=1.08, error_ratio_lower=1.03, min_days=14, min_rides=20_000,
    min_rides_of_a_day=50, min_gain=0.02, incident_level=0.25, incident_days_before=28, incident_share=0.25,
    cusum=CusumLimits(clip=0.1, allowance=0.025, limit=0.3),
)  # fmt: skip


def sums_of(
    log_level: ArrayLike,
    spread: ArrayLike = 1.0,
    expected: float = 1.0,
    rides: float = 2_000.0,
    first: str = "2021-02-01",
) -> DailySums:
    """Make sums of days whose predictions are 15 minutes, with a spread of 5 minutes about the actual level.

    Args:
        log_level: Of each day (n,).
        spread: What the standard deviation of 5 minutes is multiplied by, of each day or of all.
        expected: What the expected squared error is multiplied by.
        rides: Of each day.
        first: The first day.
    """
    level = np.exp(np.asarray(log_level, dtype=np.float64))
    days = len(level)
    ones = np.ones(days)
    actual, noise = 15 * level, 25 * np.asarray(spread) ** 2 * ones + 25 * (level**2 - 1)
    off = (actual - 15) ** 2
    day = np.datetime64(first) + np.arange(days)
    return DailySums(
        day, rides * ones, rides * ones, rides * actual, rides * 15 * ones, rides * 4 * ones,
        rides * (off + noise), rides * 15 * actual, rides * (actual**2 + noise), rides * 225 * ones,
        rides * 25 * expected * ones, rides * 0.9 * ones, rides * 15 * ones, rides * 0.7 * ones,
    )  # fmt: skip
