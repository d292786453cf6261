"""Rolling margins of intervals: what the rides of the last days say of how far bounds must be moved.

Each tail is calibrated by itself, by bucket: Y. Romano, E. Patterson, E. Candès, "Conformalized Quantile Regression"
(2019), theorem 2, on the rides of a moving window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ride_duration.level.interval_scores import CELL, CELLS, MOMENTS, TAILS, ScoreCounts
from ride_duration.level.level_rules import STEP

#: Minutes by moment (with metered distance, at request time), tail (lower, upper) and bucket.
Margins = tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class MarginRules:
    """What margins are computed by.

    Attributes:
        coverage: Share of rides that an interval should hold, as the package says.
        buckets: How many buckets of distance the package has.
        window: Margins are those of the rides that became known in so many seconds.
        refresh: They are computed at multiples of so many seconds.
        least_rides: A bucket with fewer takes the margin of all together, and all together with fewer none.
        pseudo: So many seconds of rides with a margin of 0 are added: margins are shrunk to the package's calibration.
    """

    coverage: float
    buckets: int
    window: int
    refresh: int
    least_rides: int
    pseudo: int

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1:
            raise ValueError("the coverage of intervals must lie between 0 and 1")
        if min(self.buckets, self.least_rides) < 1:
            raise ValueError("intervals need a bucket, and margins a ride")
        if self.pseudo < 0:
            raise ValueError("the time by which margins are shrunk must not be negative")
        if self.refresh < STEP or self.refresh % STEP or self.window < self.refresh or self.window % self.refresh:
            raise ValueError("margins are refreshed after whole steps, and their window is a multiple of that")

    @property
    def refresh_steps(self) -> int:
        """Steps from one refreshment to the next."""
        return self.refresh // STEP

    @property
    def window_blocks(self) -> int:
        """How many such stretches the window has."""
        return self.window // self.refresh

    @property
    def no_margins(self) -> Margins:
        """The margins while too little is known: bounds are as the package calibrates them."""
        return (((0.0,) * self.buckets,) * TAILS,) * MOMENTS


def estimate_margins(counted: tuple[ScoreCounts, ...], rules: MarginRules) -> Margins:
    """Return what is taken from lower and added to upper bounds, negative to narrow an interval.

    Args:
        counted: The rides of each block of a window in which any became known.
        rules: What margins are computed by.
    """
    if not counted:
        return rules.no_margins
    table = np.zeros((MOMENTS, TAILS, rules.buckets, CELLS), dtype=np.int64)
    for part in counted:
        table.reshape(-1)[part.cells] += part.counts
    own, together = (_find_quantile(counts, rules) for counts in (table, table.sum(axis=2, keepdims=True)))
    margins = np.where(np.isnan(own), np.where(np.isnan(together), 0.0, together), own)
    known = len(counted) * rules.refresh
    shrunk = margins * known / (known + rules.pseudo)
    return tuple(tuple(tuple(buckets) for buckets in tails) for tails in shrunk.tolist())


def _find_quantile(counts: NDArray[np.int64], rules: MarginRules) -> NDArray[np.float64]:
    """Return the least score that is not exceeded by as many as the tail should hold; NaN where rides are few."""
    up_to = counts.cumsum(axis=-1)
    rides = up_to[..., -1:]
    rank = np.minimum(np.ceil((rides + 1) * ((1 + rules.coverage) / 2)), rides)
    minutes = ((up_to < rank).sum(axis=-1) - CELLS // 2) * CELL
    return np.where(rides[..., 0] >= rules.least_rides, minutes, np.nan)
