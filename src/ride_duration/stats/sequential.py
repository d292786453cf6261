"""Which of two variants errs less, on joined rides, by a test that may be looked at as often as one likes.

The figure is the relative difference of root mean squared errors, in logarithms: half the log of the ratio of both
means of squared errors. Rides of one day share its traffic, so days are what is counted: the New York days of the
pick-ups. With the sums of day i, `n_i` rides and loss `A_i` of the champion, `m_i` and `B_i` of the challenger, the
estimate of the log ratio of means and its variance, clustered by day and linearised (the delta method), are

    d = log(sum B / sum m) - log(sum A / sum n),
    u_i = (B_i / sum B - m_i / sum m) - (A_i / sum A - n_i / sum n),   v = G / (G - 1) * sum u_i^2

over G days; half of `d`, and a quarter of `v`, for squared errors. On the same rides (shadow) `m_i` is `n_i`, so that
what days have in common cancels; of split traffic each variant has rides of its own.

With the true difference `m`, `t^2 = (d - m)^2 / v` and `r = G g`, the likelihood ratio averaged over normal effects of
variance `g` (in units of the days' spread) and over all spreads is

    (1 + r)^(-1/2) ((1 + t^2 / (G - 1)) / (1 + t^2 / ((G - 1) (1 + r))))^(G / 2),

for normal days a nonnegative martingale that begins at 1, whatever their spread: by Ville's inequality it ever reaches
1 / alpha with a probability of at most alpha. The interval holds all `m` at which it has not. For many days it becomes
the normal mixture of asymptotic confidence sequences; for few it is as wide as their unknown spread demands. The
inverse of the martingale at `m = 0`, times 5/4 since it is run at 4 % (see `_NORMAL_ALPHA`), is the p-value: below 5 %
just when the interval leaves zero out.

References:
    H. Wang, A. Ramdas, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance"
    (2025); I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, "Time-uniform central limit theory and
    asymptotic confidence sequences" (2024), whose appendix B.2 gives the best `r`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Probability of ever being wrong.
ALPHA = 0.05
#: The same for normal days, at which the test is run: real days are skewed, which costs about a quarter.
_NORMAL_ALPHA = 0.04
#: Days with joined rides before the first look: fewer show too little of how days differ.
FIRST_LOOK = 7
#: Days at which the interval is narrowest: what is far apart shows after two weeks, what is near after some more.
PLANNED = 28
#: A day with less than this share of a usual day's rides does not count: stray dates, and beginnings of days. The usual
#: day is the median one, without the emptiest days that have this share of all rides together: a busy day, such as a
#: load test, does not make others too empty, and many stray dates do not become the usual day.
FULL_ENOUGH = 0.05
#: No forecast goes beyond so many times the days seen.
_FARTHEST = 100
#: Mean loss (squared minutes, or minutes) that counts as no error: a perfect champion has no logarithm.
_NO_LOSS = 1e-6

#: The best `r` for a number of days known before.
_BEST = -2 * math.log(_NORMAL_ALPHA) + math.log(-2 * math.log(_NORMAL_ALPHA)) + 1

Loss = Literal["squared error", "absolute error"]
#: The first one decides, the other is shown beside it.
LOSSES: Sequence[Loss] = ("squared error", "absolute error")
#: What people call the root, or the mean, of a loss.
MEASURES: dict[Loss, str] = {"squared error": "RMSE", "absolute error": "MAE"}


class DailyLosses(NamedTuple):
    """One loss of two variants, summed up by New York day of the pick-up; each of shape (..., days).

    Attributes:
        champion_rides: Joined rides of the champion.
        champion: Sum of their losses.
        challenger_rides: Joined rides of the challenger; the champion's where both answered the same rides.
        challenger: Sum of their losses.
    """

    champion_rides: Floats
    champion: Floats
    challenger_rides: Floats
    challenger: Floats


def estimate_log_ratio(days: DailyLosses) -> tuple[Floats, Floats]:
    """Return the log ratio of mean losses (...), challenger over champion, and the days' parts of it (..., days)."""
    n, a, m, b = (np.asarray(column, dtype=np.float64) for column in days)
    rides, others = (x.sum(axis=-1, keepdims=True) for x in (n, m))
    total, other = np.maximum(a.sum(axis=-1, keepdims=True), _NO_LOSS * rides), b.sum(axis=-1, keepdims=True)
    other = np.maximum(other, _NO_LOSS * others)
    log_ratio = np.log(other / others) - np.log(total / rides)
    return log_ratio[..., 0], (b / other - m / others) - (a / total - n / rides)


def compute_interval(estimate: ArrayLike, variance: ArrayLike, days: ArrayLike) -> tuple[Floats, Floats]:
    """Return half the width of the interval, and the p-value that there is no difference.

    Args:
        estimate: Differences (n,).
        variance: Their variances (n,); where there is none, the estimate is taken for the truth.
        days: From which both come (n,), each 2 or more.
    """
    d, v, g = (np.asarray(values, dtype=np.float64) for values in (estimate, variance, days))
    r = _BEST * g / PLANNED
    t2 = np.divide(d**2, v, out=np.where(d == 0, 0.0, np.inf), where=v > 0)
    with np.errstate(invalid="ignore"):
        evidence = np.log1p(t2 / (g - 1)) - np.log1p(t2 / ((g - 1) * (1 + r)))
    evidence = np.where(np.isinf(t2), np.where(v > 0, np.log1p(r), np.inf), evidence)
    p = np.minimum(1.0, ALPHA / _NORMAL_ALPHA * np.exp(np.log1p(r) / 2 - g / 2 * evidence))
    return np.sqrt(np.where(v > 0, v * _threshold(g), 0.0)), p


def _threshold(days: Floats) -> Floats:
    """The square of `t` at which the test decides; infinite where so few days never do."""
    r = _BEST * days / PLANNED
    k = (np.sqrt(1 + r) / _NORMAL_ALPHA) ** (2 / days)
    room = 1 - k / (1 + r)
    return np.divide((days - 1) * (k - 1), room, out=np.full_like(room, np.inf), where=room > 0)


class Difference(msgspec.Struct, frozen=True):
    """The challenger's RMSE or MAE relative to the champion's: below zero the challenger is better.

    Attributes:
        loss: Which one: squared errors stand for the RMSE, absolute ones for the MAE.
        paired: Whether both answered the same rides (shadow), or each its own (traffic split).
        champion: Rides of the champion that count.
        challenger: Rides of the challenger that count.
        days: New York days of their pick-ups.
        estimate: As a share of the champion's, 0.01 for 1 % worse; NaN if there are no rides.
        low: Lower bound of the time-uniform 95 % interval, `-inf` before the first look.
        high: Upper bound, `inf` before the first look.
        p: That there is no difference; may be looked at any time.
        more: About how many more days would show a difference, if it stays as it looks; None if it is shown, if there
            are too few days to tell, or if it would take more than a hundred times as many.
        left_out: Days with joined rides of both that do not count, since they have too few; before the first look.
        least: Rides that a day needs to count, of the variant with more of them.
    """

    loss: Loss
    paired: bool
    champion: int
    challenger: int
    days: int = 0
    estimate: float = math.nan
    low: float = -math.inf
    high: float = math.inf
    p: float = 1.0
    more: int | None = None
    left_out: int = 0
    least: int = 0

    @property
    def enough(self) -> bool:
        """Whether there are days enough to look at."""
        return self.days >= FIRST_LOOK

    @property
    def omission(self) -> str:
        """Which days do not count, as the end of a sentence; empty if all do."""
        if not self.left_out:
            return ""
        return f" (not counting {self.left_out:,} with fewer than {self.least:,} rides, 5 % of a usual day's)"

    @property
    def verdict(self) -> str:
        """What is shown so far, in words."""
        measure = MEASURES[self.loss]
        if not self.enough:
            early = f"too early to say: {self.days} of {FIRST_LOOK} days with joined rides{self.omission}"
            return early if math.isnan(self.estimate) else f"{early}; {measure} {100 * self.estimate:+,.1f} % so far"
        estimate, low, high = (100 * value for value in (self.estimate, self.low, self.high))
        if low <= 0 <= high:
            seen = f"no difference shown yet: {measure} {estimate:+.1f} % ({low:+.1f} to {high:+.1f} %)"
            return f"{seen}; about {self.more:,} more days may show one" if self.more else seen
        near, far = sorted((abs(low), abs(high)))
        word = "better" if high < 0 else "worse"
        return f"challenger {word} by {abs(estimate):.1f} % of the {measure} ({near:.1f} to {far:.1f} %)"


def compare_paired(loss: Loss, days: DailyLosses) -> Difference:
    """Compare on rides that both variants answered.

    Args:
        loss: Which one.
        days: Sums of shape (days,), over the same rides of both.
    """
    return _compare(loss, True, [days])


def compare_split(loss: Loss, strata: Iterable[DailyLosses]) -> Difference:
    """Compare on rides that either the champion or the challenger answered.

    Rides are compared within times of the same traffic share only: otherwise the variant that answered more in the
    rush hour would look worse. Times with too few days do not count.

    Args:
        loss: Which one.
        strata: Sums of shape (days,), for each traffic share.
    """
    return _compare(loss, False, list(strata))


def _compare(loss: Loss, paired: bool, strata: list[DailyLosses]) -> Difference:
    given = [_full_days(stratum) for stratum in strata]
    counted = [stratum for stratum in given if stratum.champion.size >= FIRST_LOOK]
    if not counted:
        longest = max(given, key=lambda stratum: stratum.champion.size, default=None)
        if longest is None or not longest.champion.size:
            return Difference(loss, paired, 0, 0)
        estimate, size = float(estimate_log_ratio(longest)[0]), longest.champion.size
        n, _, m, _ = strata[next(place for place, stratum in enumerate(given) if stratum is longest)]
        left_out, least = int(((n > 0) & (m > 0)).sum()) - size, math.ceil(max(_fewest(n), _fewest(m)))
        value = _relative(loss, estimate)
        return Difference(loss, paired, *_rides([longest]), size, value, left_out=left_out, least=least)
    found = [estimate_log_ratio(stratum) for stratum in counted]
    sizes = np.array([parts.size for _, parts in found])
    pairs = np.array([1 / (1 / n.sum() + 1 / m.sum()) for n, _, m, _ in counted])
    weights = pairs / pairs.sum()
    variances = np.array([float(np.sum(parts**2)) for _, parts in found]) * sizes / (sizes - 1)
    estimate, variance = float(weights @ [ratio for ratio, _ in found]), float(weights**2 @ variances)
    free = int(sizes.sum()) - len(counted) + 1
    radius, p = (float(value) for value in compute_interval(estimate, variance, free))
    value, low, high = (_relative(loss, ratio) for ratio in (estimate, estimate - radius, estimate + radius))
    more = _forecast_days(estimate, variance, free)
    return Difference(loss, paired, *_rides(counted), int(sizes.sum()), value, low, high, p, more)


def _full_days(days: DailyLosses) -> DailyLosses:
    """The days that have rides enough of both variants to be one."""
    n, m = days.champion_rides, days.challenger_rides
    if not n.size or not n.max() or not m.max():
        return DailyLosses(*(column[:0] for column in days))
    full = (n >= _fewest(n)) & (m >= _fewest(m))
    return DailyLosses(*(column[full] for column in days))


def _fewest(rides: Floats) -> float:
    """Return how many rides of a variant a day must have to count; see `FULL_ENOUGH`."""
    ascending = np.sort(rides)
    usual = ascending[np.cumsum(ascending) > FULL_ENOUGH * ascending.sum()]
    return FULL_ENOUGH * float(np.median(usual))


def _rides(strata: list[DailyLosses]) -> tuple[int, int]:
    champion = sum(float(stratum.champion_rides.sum()) for stratum in strata)
    return int(champion), int(sum(float(stratum.challenger_rides.sum()) for stratum in strata))


def _relative(loss: Loss, log_ratio: float) -> float:
    """A log ratio of mean losses as a relative difference of RMSE or MAE."""
    return math.expm1(min(log_ratio / 2 if loss == "squared error" else log_ratio, 700.0))


def _forecast_days(estimate: float, variance: float, days: int) -> int | None:
    """How many more days would show this difference, each adding as much knowledge as those so far."""
    if not variance:
        return None
    times = np.geomspace(1, _FARTHEST, 2_000)
    shown = estimate**2 / variance * times >= _threshold(days * times)
    if shown[0] or not shown.any():
        return None
    more = days * (float(times[np.argmax(shown)]) - 1)
    return max(1, int(float(f"{more:.2g}")))  # to two digits: a forecast is rough
