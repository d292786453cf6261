"""Bounds of a ratio of sums over consecutive days, which resemble the day before.

With the sums `N_t` and `D_t` of `n` days and `R = sum N / sum D`, the deviations are `u_t = (N_t - R D_t) / mean D`
(the delta method). Days in a row are correlated: with lag-1 autocorrelation `r` their mean varies as that of `n / f`
independent ones, `f = 1 + 2 sum_h (1 - h / n) r^h` for `h` from 1 to `n - 1`, the variance of one day being
`sum u_t^2 / (n - f)`, and half the width of an interval is Student's quantile with `n / f - 1` degrees of freedom times
the standard error.

An estimate of `r` from few days is biased down, by about `(1 + 3 r) / n`, and uncertain: the bias is taken out, and the
estimate is averaged with `PRIOR`, which counts as `PRIOR_DAYS` days. Both were chosen by simulation on days with an
autocorrelation of 0 to 0.6, as measured on real months: `tests/stats/test_day_bounds.py` prints what 95 % come to, and
`docs/monitoring.md` has the table.

References:
    G. V. Bayley, J. M. Hammersley, "The 'effective' number of independent observations in an autocorrelated time
    series" (1946); F. H. C. Marriott, J. A. Pope, "Bias in the estimation of autocorrelations" (1954); F. W. Zwiers,
    H. von Storch, "Taking serial correlation into account in tests of the mean" (1995), for Student's t with the
    effective number.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

#: Fewer days say too little of how much days differ.
LEAST_DAYS = 7

#: The autocorrelation that is assumed, and the days that it counts as.
PRIOR, PRIOR_DAYS = 0.4, 7

#: Largest autocorrelation that is assumed of a few days.
_MOST = 0.8

#: With fewer degrees of freedom bounds would be wider than anybody could use.
_LEAST_FREEDOM = 2.0


def bound_ratio(numerator: ArrayLike, denominator: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided bounds of Σ numerator / Σ denominator.

    Args:
        numerator: Of each day (n,), in the order of time.
        denominator: Of each day (n,), positive on the whole.
        confidence: Share of such intervals that hold the true ratio.

    Returns:
        Lower and upper bound; NaN for fewer than `LEAST_DAYS` days, or where anything is unknown.
    """
    over, under = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    days = len(over)
    if days < LEAST_DAYS or not np.isfinite(over).all() or not under.sum() > 0:
        return math.nan, math.nan
    ratio = float(over.sum() / under.sum())
    deviations = (over - ratio * under) / under.mean()
    squares = float(deviations @ deviations)
    if squares == 0:
        return ratio, ratio
    factor = _count_days_per_independent_one(float(deviations[1:] @ deviations[:-1]) / squares, days)
    error = math.sqrt(squares / (days - factor) * factor / days)
    half = find_t_quantile(confidence, max(days / factor - 1, _LEAST_FREEDOM)) * error
    return ratio - half, ratio + half


def _count_days_per_independent_one(observed: float, days: int) -> float:
    """Return `f` of the module's text for an observed lag-1 autocorrelation."""
    unbiased = min(max((days * observed + 1) / (days - 3), -1.0), 1.0)
    assumed = min(max((days * unbiased + PRIOR_DAYS * PRIOR) / (days + PRIOR_DAYS), 0.0), _MOST)
    lags = np.arange(1, days)
    return float(1 + 2 * np.sum((1 - lags / days) * assumed**lags))


def find_t_quantile(confidence: float, freedom: float) -> float:
    """Return the number below which a share `confidence` of the absolute values of Student's t lies.

    See G. W. Hill, "Algorithm 396: Student's t-quantiles" (1970); good to two parts in a thousand, also between whole
    degrees.

    Args:
        confidence: Between 0 and 1.
        freedom: Degrees of freedom, at least 2.
    """
    outside, n = 1 - confidence, freedom
    if n == 2:
        return math.sqrt(2 / (outside * (2 - outside)) - 2)
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20_700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * n
    y = (d * outside) ** (2 / n)
    if y <= 0.05 + a:
        y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (n + 1) / (n + 2)
        return math.sqrt(n * (y + (d * outside) ** (-2 / n)))
    x = NormalDist().inv_cdf(outside / 2)
    y = x**2
    if n < 5:
        c += 0.3 * (n - 4.5) * (x + 0.6)
    c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
    return math.sqrt(n * math.expm1(a * y**2))
