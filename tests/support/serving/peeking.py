"""Experiments that are looked at several times a day, made of whole days that are drawn from a pool of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from ride_duration.stats.sequential import FIRST_LOOK, DailyLosses, Floats, compute_interval, estimate_log_ratio

#: Looks a day, at equal numbers of its rides.
LOOKS = 6


class Pool(NamedTuple):
    """Days of rides that both models answered.

    Attributes:
        days: Losses of champion and challenger (rides, 2) of each day, in the order of time.
    """

    days: list[Floats]

    def scaled(self, ratio: float = 1.0) -> "Pool":
        """Return the same days, the challenger's losses scaled: its RMSE is so many times the champion's."""
        champion, challenger = np.concatenate(self.days).sum(axis=0)
        return Pool([day * [1.0, ratio**2 * champion / challenger] for day in self.days])


def pool_of(day: NDArray[np.str_], losses: Floats) -> Pool:
    """Return a pool of losses (n, 2) of rides in the order of time, by their days (n,)."""
    return Pool([losses[day == name] for name in np.unique(day)])


def draw(
    generator: np.random.Generator, pool: Pool, experiments: int, days: int, share: float | None = None
) -> DailyLosses:
    """Draw whole days with replacement, and sum up their losses.

    Args:
        generator: Draws the days, and which rides are the challenger's.
        pool: Of days.
        experiments: How many.
        days: How long each lasts.
        share: Of the rides that the challenger answers; None: both answer all of them (shadow).

    Returns:
        Sums of shape (experiments, days, LOOKS), by parts of the days.
    """
    sums = np.zeros((4, experiments, days, LOOKS))
    chosen = generator.integers(0, len(pool.days), (experiments, days))
    for number, rides in enumerate(pool.days):
        experiment, day = np.nonzero(chosen == number)
        for part, losses in enumerate(np.array_split(rides, LOOKS)):
            mine = (
                generator.random((experiment.size, len(losses))) < share if share else np.ones((1, len(losses)), bool)
            )
            others = ~mine if share else mine
            sums[0, experiment, day, part] = others.sum(axis=1)
            sums[1, experiment, day, part] = others @ losses[:, 0]
            sums[2, experiment, day, part] = mine.sum(axis=1)
            sums[3, experiment, day, part] = mine @ losses[:, 1]
    return DailyLosses(*sums)


def decide(drawn: DailyLosses, by_parts: bool = False) -> NDArray[np.bool_]:
    """Look at experiments LOOKS times a day, from the first look on.

    Args:
        drawn: As `draw` returns them.
        by_parts: Take parts of days for independent, as one must not, in place of days.

    Returns:
        Whether an experiment has been decided by the end of a day (experiments, days).
    """
    sums = np.stack(drawn)
    _, experiments, days, _ = sums.shape
    decided = np.zeros((experiments, days), dtype=bool)
    for day in range(FIRST_LOOK, days + 1):
        for look in range(1, LOOKS + 1):
            seen = sums[:, :, :day].copy()
            seen[:, :, -1, look:] = 0
            units = seen.reshape(4, experiments, -1) if by_parts else seen.sum(axis=-1)
            estimate, parts = estimate_log_ratio(DailyLosses(*units))
            count = parts.shape[-1]
            _, p = compute_interval(estimate, np.sum(parts**2, axis=-1) * count / (count - 1), count)
            decided[:, day - 1] |= p < 0.05
    return np.logical_or.accumulate(decided, axis=1)


def rate(decided: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the share of experiments (n,) that were decided, with exact (Clopper-Pearson) 95 % bounds."""
    bounds = binomtest(int(decided.sum()), len(decided)).proportion_ci(0.95, method="exact")
    return float(decided.mean()), float(bounds.low), float(bounds.high)
