"""Days on which something broke: they never call for another model, and never count for or against one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def find_level_incidents(
    levels: NDArray[np.float64], beyond: float, days_before: int, at_least: int = 7
) -> NDArray[np.bool_]:
    """Find days whose level is far from that of the days before: a broken meter, or a blizzard.

    The median of the days before stands for what is usual, so that an old model, whose level is far from 1 every day,
    has no incidents. Days that are incidents do not become usual, unless half of `days_before` of them follow one
    another: then something has changed for good, and these days are what is usual from there on.

    Args:
        levels: Σ actual / Σ predicted of each day (n,), in the order of time; NaN for days without labels.
        beyond: Largest relative deviation that is none.
        days_before: So many labelled days before are compared with.
        at_least: Fewer of them say nothing.
    """
    found = np.zeros(len(levels), dtype=bool)
    usual: list[float] = []
    in_a_row: list[float] = []
    for number, level in enumerate(levels.tolist()):
        if np.isnan(level):
            continue
        known = usual[-days_before:]
        found[number] = len(known) >= at_least and abs(level / float(np.median(known)) - 1) > beyond
        if not found[number]:
            usual, in_a_row = [*usual, level], []
        elif len(in_a_row) + 1 < days_before // 2:
            in_a_row.append(level)
        else:
            usual, in_a_row = [*in_a_row, level], []
    return found
