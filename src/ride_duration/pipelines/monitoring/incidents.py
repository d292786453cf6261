"""Days on which something broke: they never call for another model, and never count for or against one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def find_level_incidents(
    levels: NDArray[np.float64], beyond: float, days_before: int, at_least: int = 7
) -> NDArray[np.bool_]:
    """Find days whose level is far from that of the days before: a broken meter, or a blizzard.

    The median of the days before stands for what is usual, so that an old model, whose level is far from 1 every day,
    has no incidents, and a day that was one itself hardly moves it.

    Args:
        levels: Σ actual / Σ predicted of each day (n,), in the order of time; NaN for days without labels.
        beyond: Largest relative deviation that is none.
        days_before: So many labelled days before are compared with.
        at_least: Fewer of them say nothing.
    """
    found = np.zeros(len(levels), dtype=bool)
    for number, level in enumerate(levels.tolist()):
        before = levels[:number]
        usual = before[~np.isnan(before)][-days_before:]
        if not np.isnan(level) and len(usual) >= at_least:
            found[number] = abs(level / float(np.median(usual)) - 1) > beyond
    return found
