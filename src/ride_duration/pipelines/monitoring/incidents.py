"""Days on which something broke: they never call for another model, and never count for or against one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Fewer days before say nothing of what is usual.
_LEAST_BEFORE = 7


class Compared(NamedTuple):
    """Days, each compared with those before.

    Attributes:
        found: Which of them (n,) are unusual.
        usual: Median of the usual days before (n,); NaN where too few are known.
    """

    found: NDArray[np.bool_]
    usual: NDArray[np.float64]


def find_level_incidents(levels: NDArray[np.float64], beyond: float, days_before: int) -> NDArray[np.bool_]:
    """Find days whose level is far from that of the days before: a broken meter, or a blizzard.

    The median of the days before stands for what is usual, so that an old model, whose level is far from 1 every day,
    has no incidents. A level that lasts half of these days is what is usual from there on: the city has changed, and
    the verdict says so.

    Args:
        levels: Σ actual / Σ predicted of each day (n,), in the order of time; NaN for days without labels.
        beyond: Largest relative deviation that is none.
        days_before: So many labelled days before are compared with.
    """
    return _compare(levels, lambda level, usual: abs(level / usual - 1) > beyond, days_before, days_before // 2).found


def compare_ratios(ratios: NDArray[np.float64], beyond: float, days_before: int) -> Compared:
    """Compare the ratio of two groups, day by day, with what it was; however long it is off, it is off.

    Args:
        ratios: Of each day (n,), in the order of time; NaN where it is not known.
        beyond: Largest relative deviation that is none.
        days_before: So many days before are compared with.
    """
    return _compare(ratios, lambda ratio, usual: abs(ratio / usual - 1) > beyond, days_before, None)


def find_excesses(values: NDArray[np.float64], times_usual: float, least: float, days_before: int) -> NDArray[np.bool_]:
    """Find days on which a share is so many times what is usual; however long it lasts, it does not become usual.

    Args:
        values: Of each day (n,), in the order of time; NaN for days of which nothing is known.
        times_usual: By how much the median of the days before may be exceeded.
        least: What is no more than this is never an excess.
        days_before: So many days before are compared with.
    """
    return _compare(values, lambda value, usual: value > max(times_usual * usual, least), days_before, None).found


def _compare(
    values: NDArray[np.float64],
    is_unusual: Callable[[float, float], bool],
    days_before: int,
    settles_after: int | None,
) -> Compared:
    """Compare each day with the median of the days before; unusual days do not become usual.

    Args:
        values: Of each day (n,).
        is_unusual: Says so of a value and of what is usual.
        days_before: So many usual days before are compared with.
        settles_after: So many unusual days in a row are what is usual from there on; None: never.
    """
    found, medians = np.zeros(len(values), dtype=bool), np.full(len(values), np.nan)
    usual: list[float] = []
    in_a_row: list[float] = []
    for number, value in enumerate(values.tolist()):
        if np.isnan(value):
            continue
        if len(usual) >= _LEAST_BEFORE:
            medians[number] = np.median(usual[-days_before:])
            found[number] = is_unusual(value, float(medians[number]))
        if not found[number]:
            usual, in_a_row = [*usual[-days_before:], value], []
        elif settles_after is not None and len(in_a_row) + 1 >= settles_after:
            usual, in_a_row = [*in_a_row, value], []
        else:
            in_a_row.append(value)
    return Compared(found, medians)
