"""Which of two variants errs less, on joined rides, by a test that may be looked at after every ride.

Let `d` be the difference of mean losses after some rides and `v` its variance. `d / v` moves as a Brownian motion with
drift in the time `1 / v`, for rides with a loss of each variant (paired) as for two samples of fixed traffic shares.
So with the true difference `m` the mixture over normal alternatives of variance `t`,

    (1 + r)^(-1/2) exp(r z^2 / 2 (1 + r)),   z^2 = (d - m)^2 / v,   r = t / v,

is a nonnegative martingale that begins at 1, and by Ville's inequality it ever reaches 1 / alpha with a probability of
at most alpha. The interval holds all `m` at which it has not: `|d - m| <= sqrt(v (1 + r) / r log((1 + r) / alpha^2))`.
The inverse of the martingale at `m = 0` is the p-value, below alpha just when the interval leaves zero out.

Losses are not normal and `v` is estimated, so this holds asymptotically: I. Waudby-Smith, D. Arbour, R. Sinha,
E. H. Kennedy, A. Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences" (2024), theorem 2.2,
with `r = rho^2 n`. For two samples see R. Johari, P. Koomen, L. Pekelis, D. Walsh, "Always Valid Inference" (2022).
Assumed: losses have a variance, rides are nearly independent, and their number does not depend on their losses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Probability of ever being wrong.
ALPHA = 0.05
#: Joined rides of each variant before the first look: the asymptotics need some.
MINIMUM = 100
#: Pairs of rides at which the interval is narrowest: differences of a few per cent show after some thousands.
PLANNED = 5_000
#: No forecast goes beyond so many times the rides seen.
_FARTHEST = 100

#: The best `r` for a number of rides known before; Waudby-Smith and others, appendix B.2.
_BEST = -2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA)) + 1

_UNITS = {"absolute error": "min", "squared error": "min²"}
Loss = Literal["absolute error", "squared error"]


def time_uniform(
    estimate: ArrayLike, variance: ArrayLike, pairs: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Half the width of the interval, and the p-value that there is no difference.

    Args:
        estimate: Differences of means (n,).
        variance: Their variances (n,); where there is none, the estimate is taken for the truth.
        pairs: Rides with both losses, or `1 / (1 / n + 1 / m)` for two samples (n,), each above 0.
    """
    d, v = np.asarray(estimate, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    r = _BEST * np.asarray(pairs, dtype=np.float64) / PLANNED
    z2 = np.divide(d**2, v, out=np.where(d == 0, 0.0, np.inf), where=v > 0)
    p = np.exp(np.minimum(0.0, np.log1p(r) / 2 - z2 * r / (2 * (1 + r))))
    return np.sqrt(v * _threshold(r)), p


def _threshold(r: NDArray[np.float64]) -> NDArray[np.float64]:
    """The square of `z` at which the test decides."""
    return (1 + r) / r * (np.log1p(r) - 2 * math.log(ALPHA))


class Moments(msgspec.Struct, frozen=True):
    """Losses in short: what is left of them adds up, ride by ride or hour by hour.

    Attributes:
        count: How many.
        mean: Their mean.
        squares: Sum of their squared distances from the mean.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, losses: ArrayLike) -> Moments:
        """Moments of losses (n,)."""
        values = np.asarray(losses, dtype=np.float64)
        if not values.size:
            return cls()
        mean = float(values.mean())
        return cls(values.size, mean, float(np.sum((values - mean) ** 2)))

    def __add__(self, other: Moments) -> Moments:
        """Moments of both; T. Chan, G. Golub, R. LeVeque, "Updating Formulae ..." (1979)."""
        count = self.count + other.count
        if not count:
            return self
        step = other.mean - self.mean
        weight = other.count / count
        squares = self.squares + other.squares + step**2 * self.count * weight
        return Moments(count, self.mean + step * weight, squares)

    @property
    def variance(self) -> float:
        """Of one loss; of two at least."""
        return self.squares / (self.count - 1)


class Difference(msgspec.Struct, frozen=True):
    """The challenger's mean loss minus the champion's: below zero the challenger is better.

    Attributes:
        loss: Which loss; its unit is minutes, or squared minutes.
        paired: Whether both answered the same rides (shadow), or each its own (traffic split).
        champion: Rides of the champion that count.
        challenger: Rides of the challenger that count.
        estimate: NaN before there are enough rides.
        low: Lower bound of the time-uniform 95 % interval, `-inf` before there are enough rides.
        high: Upper bound.
        p: That there is no difference; may be looked at after each ride.
        more: About how many more joined rides would show a difference, if it stays as it looks; None if it is shown, if
            there are too few rides to tell, or if it would take more than a hundred times as many.
    """

    loss: Loss
    paired: bool
    champion: int
    challenger: int
    estimate: float = math.nan
    low: float = -math.inf
    high: float = math.inf
    p: float = 1.0
    more: int | None = None

    @property
    def enough(self) -> bool:
        """Whether there are rides enough to look at."""
        return not math.isnan(self.estimate)

    @property
    def verdict(self) -> str:
        """What is shown so far, in words."""
        if not self.enough:
            fewest = min(self.champion, self.challenger)
            return f"too early to say: {fewest:,} joined rides of {MINIMUM} that each variant needs"
        unit = _UNITS[self.loss]
        if self.low <= 0 <= self.high:
            seen = f"no difference shown yet: {self.estimate:+.2f} {unit} ({self.low:+.2f} to {self.high:+.2f})"
            return f"{seen}; about {self.more:,} more joined rides may show one" if self.more else seen
        better = self.high < 0
        near, far = sorted((abs(self.low), abs(self.high)))
        word = "better" if better else "worse"
        return f"challenger {word} by {abs(self.estimate):.2f} {unit} ({near:.2f} to {far:.2f})"


def compare_paired(loss: Loss, differences: Moments) -> Difference:
    """Compare on rides that both variants answered.

    Args:
        loss: Which one.
        differences: Of the challenger's loss minus the champion's, for each ride.
    """
    n = differences.count
    if n < MINIMUM:
        return Difference(loss, True, n, n)
    return _difference(loss, True, (n, n), differences.mean, differences.variance / n, n)


def compare_split(loss: Loss, strata: Iterable[tuple[Moments, Moments]]) -> Difference:
    """Compare on rides that either the champion or the challenger answered.

    Rides are compared within times of the same traffic share only: otherwise the variant that answered more in the
    rush hour would look worse. Times in which a variant has too few rides do not count.

    Of both variances the greater one stands for both. Losses have a long tail; a small sample that happens to have none
    of it has a small mean and a small variance at once, and would look better too often.

    Args:
        loss: Which one.
        strata: Losses of champion and challenger, for each traffic share.
    """
    given = list(strata)
    counted = [(a, b) for a, b in given if min(a.count, b.count) >= MINIMUM]
    if not counted:
        fullest = max(given, key=lambda both: min(both[0].count, both[1].count), default=(Moments(), Moments()))
        return Difference(loss, False, fullest[0].count, fullest[1].count)
    pairs = np.array([1 / (1 / a.count + 1 / b.count) for a, b in counted])
    gaps = np.array([b.mean - a.mean for a, b in counted])
    variances = np.array([max(a.variance, b.variance) for a, b in counted]) / pairs
    weights = pairs / pairs.sum()
    counts = (sum(a.count for a, _ in counted), sum(b.count for _, b in counted))
    return _difference(loss, False, counts, float(weights @ gaps), float(weights**2 @ variances), float(pairs.sum()))


def _difference(
    loss: Loss, paired: bool, counts: tuple[int, int], estimate: float, variance: float, pairs: float
) -> Difference:
    radius, p = (float(value) for value in time_uniform(estimate, variance, pairs))
    more = _more(estimate, variance, pairs, counts[0] if paired else sum(counts))
    return Difference(loss, paired, *counts, estimate, estimate - radius, estimate + radius, p, more)


def _more(estimate: float, variance: float, pairs: float, rides: int) -> int | None:
    """How many more rides would show this difference, each adding as much knowledge as those so far."""
    if not variance:
        return None
    times = np.geomspace(1, _FARTHEST, 2_000)
    shown = estimate**2 / variance * times >= _threshold(_BEST * pairs / PLANNED * times)
    if shown[0] or not shown.any():
        return None
    return _rounded(rides * (float(times[np.argmax(shown)]) - 1))


def _rounded(number: float) -> int:
    """To two digits: a forecast is rough."""
    return max(1, int(float(f"{number:.2g}")))


def losses(loss: Loss, errors: ArrayLike) -> NDArray[np.float64]:
    """Losses (n,) of errors (n,) in minutes."""
    values = np.asarray(errors, dtype=np.float64)
    return np.abs(values) if loss == "absolute error" else values**2


LOSSES: Sequence[Loss] = ("absolute error", "squared error")
