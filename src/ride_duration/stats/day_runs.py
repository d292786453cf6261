"""Days drawn again in runs, so that days in a row resemble each other as they did.

See H. R. Künsch, "The jackknife and the bootstrap for general stationary observations" (1989), for the moving blocks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Shortest and longest run. Whole weeks alone would always begin on the same weekday: of a month there are four.
SHORTEST, LONGEST = 3, 7


def draw_runs(
    days: NDArray[np.datetime64],
    weekdays: NDArray[np.int_],
    rng: np.random.Generator,
    lengths: tuple[int, int] = (SHORTEST, LONGEST),
) -> NDArray[np.int_]:
    """Draw days in runs of neighbours, each a day of the weekday that is wanted.

    A run begins at any day of the weekday, and ends after so many days by chance, or before a day that is missing.

    Args:
        days: The days that are drawn from (n,), datetime64[D], in the order of time.
        weekdays: The weekdays that are wanted (m,), 0 is Monday, each one after the one before.
        rng: Of the draws.
        lengths: Days of a run, at least and at most.

    Returns:
        The number of the day (m,) that stands for each; of any weekday where there is none of it.
    """
    number = days.astype("datetime64[D]").astype(int)
    of_days = (number + 3) % 7  # 1970-01-01 was a Thursday
    drawn: list[int] = []
    while len(drawn) < len(weekdays):
        alike = np.flatnonzero(of_days == weekdays[len(drawn)])
        begin = int(rng.choice(alike if len(alike) else np.arange(len(days))))
        length = int(rng.integers(lengths[0], lengths[1] + 1))
        last = min(length, len(weekdays) - len(drawn), len(days) - begin) if len(alike) else 1
        run = begin + np.arange(last)
        together = number[run] - number[begin] == np.arange(last)
        drawn += run[together].tolist()
    return np.array(drawn)
