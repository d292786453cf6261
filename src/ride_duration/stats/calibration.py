"""How often does a drift test raise an alarm where nothing has changed? Counted on days of the reference drawn again.

The days of the reference stand for all days: from them a reference of its own length and windows are drawn, with as
many of each weekday, and the test is applied to these as to real ones. See B. Efron, R. Tibshirani, "An Introduction to
the Bootstrap" (1993), chapter 8, on what is drawn from data that stand for a population.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ride_duration.stats.drift import Counts, adjust_for_number, compute_null, compute_psi, draw_days, find_alike

#: Windows that are drawn for each reference.
_GROUPS_PER_REFERENCE = 4


class DriftAlarms(NamedTuple):
    """Shares of the windows in which nothing has changed that raise an alarm, step by step.

    Attributes:
        features: By feature, the share with a p-value no larger than alpha.
        adjusted: Share with any feature no larger than alpha once p-values are adjusted for the number of features.
        large: Share with any such feature whose PSI is large enough to matter.
        repeated: Share of groups of consecutive windows in which one feature is so in enough of them.
        groups: Groups of windows that were drawn.
    """

    features: dict[str, float]
    adjusted: float
    large: float
    repeated: float
    groups: int


def count_drift_alarms(
    counts: Mapping[str, Counts],
    weekdays: NDArray[np.int_],
    window: NDArray[np.int_],
    *,
    of_weekdays: Collection[str],
    windows: int,
    of_them: int,
    draws: int,
    alpha: float,
    psi: float,
    references: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> DriftAlarms:
    """Apply the drift test to windows in which nothing has changed.

    Args:
        counts: Of each feature by day and bin of the reference (n, bins).
        weekdays: Of these days (n,), 0 is Monday.
        window: Weekdays of a window (m,).
        of_weekdays: Features whose bins tell weekdays apart.
        windows: How many windows are looked at together.
        of_them: In how many a feature must differ.
        draws: How often the test draws days again.
        alpha: Largest adjusted p-value.
        psi: Smallest PSI that matters.
        references: How many references are drawn, each with some groups of windows.
        seed: Of all draws.
        progress: Called with the number of each reference that is done, from 1.
    """
    rng = np.random.default_rng(seed)
    below = dict.fromkeys(counts, 0)
    adjusted = large = repeated = 0
    for number in range(references):
        days = _draw_alike(weekdays, weekdays, rng)
        reference = {name: by_day[days] for name, by_day in counts.items()}
        drawn = draw_days(weekdays, window, draws, int(rng.integers(2**31)))
        known = {
            name: compute_null(by_day, drawn, of_weekdays=name in of_weekdays) for name, by_day in reference.items()
        }
        for _ in range(_GROUPS_PER_REFERENCE):
            beyond = dict.fromkeys(counts, 0)
            for _ in range(windows):
                chosen = _draw_alike(weekdays, window, rng)
                observed = {
                    name: float(compute_psi(reference[name].sum(axis=0), counts[name][chosen].sum(axis=0)))
                    for name in counts
                }
                p_values = {name: (1 + int(np.sum(known[name] >= observed[name]))) / (1 + draws) for name in counts}
                holm = adjust_for_number(p_values)
                sure = [name for name in counts if holm[name] <= alpha]
                far = [name for name in sure if observed[name] >= psi]
                for name in counts:
                    below[name] += p_values[name] <= alpha
                    beyond[name] += name in far
                adjusted += bool(sure)
                large += bool(far)
            repeated += any(times >= of_them for times in beyond.values())
        if progress:
            progress(number + 1)
    groups = references * _GROUPS_PER_REFERENCE
    each = groups * windows
    shares = {name: times / each for name, times in below.items()}
    return DriftAlarms(shares, adjusted / each, large / each, repeated / groups, groups)


def _draw_alike(weekdays: NDArray[np.int_], wanted: NDArray[np.int_], rng: np.random.Generator) -> NDArray[np.int_]:
    """Draw a day for each day that is wanted, one of its weekday."""
    chosen = np.empty(len(wanted), dtype=int)
    for weekday in np.unique(wanted):
        days = find_alike(weekdays, weekday)
        places = np.flatnonzero(wanted == weekday)
        chosen[places] = days[rng.integers(0, len(days), len(places))]
    return chosen
