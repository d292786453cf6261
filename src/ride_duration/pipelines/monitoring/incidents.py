"""Days on which something broke: they never call for another model, and never count for or against one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

#: Fewer days before say nothing of what is usual.
_LEAST_BEFORE = 7


def find_level_incidents(levels: NDArray[np.float64], beyond: float, days_before: int) -> NDArray[np.bool_]:
    """Find days whose level is far from that of the days before: a broken meter, or a blizzard.

    The median of the days before stands for what is usual, so that an old model, whose level is far from 1 every day,
    has no incidents.

    Args:
        levels: Σ actual / Σ predicted of each day (n,), in the order of time; NaN for days without labels.
        beyond: Largest relative deviation that is none.
        days_before: So many labelled days before are compared with.
    """
    return _find_unusual(levels, lambda level, usual: abs(level / usual - 1) > beyond, days_before)


def find_excesses(values: NDArray[np.float64], times_usual: float, least: float, days_before: int) -> NDArray[np.bool_]:
    """Find days on which a share, or a silence, is so many times what is usual.

    Args:
        values: Of each day (n,), in the order of time; NaN for days of which nothing is known.
        times_usual: By how much the median of the days before may be exceeded.
        least: What is no more than this is never an excess.
        days_before: So many days before are compared with.
    """
    return _find_unusual(values, lambda value, usual: value > max(times_usual * usual, least), days_before)


def _find_unusual(
    values: NDArray[np.float64], is_unusual: Callable[[float, float], bool], days_before: int
) -> NDArray[np.bool_]:
    """Compare each day with the median of the days before.

    Unusual days do not become usual, unless half of `days_before` of them follow one another: then something has
    changed for good, and these days are what is usual from there on.
    """
    found = np.zeros(len(values), dtype=bool)
    usual: list[float] = []
    in_a_row: list[float] = []
    for number, value in enumerate(values.tolist()):
        if np.isnan(value):
            continue
        known = usual[-days_before:]
        found[number] = len(known) >= _LEAST_BEFORE and is_unusual(value, float(np.median(known)))
        if not found[number]:
            usual, in_a_row = [*usual, value], []
        elif len(in_a_row) + 1 < days_before // 2:
            in_a_row.append(value)
        else:
            usual, in_a_row = [*in_a_row, value], []
    return found
