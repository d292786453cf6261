"""Values in bins, counted by day: what distributions are compared by."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def find_edges(values: ArrayLike, bins: int = 10) -> NDArray[np.float64]:
    """Return the inner edges of bins that hold about as many values each; fewer where many values are the same.

    Args:
        values: Numbers (n,); those that are missing (NaN) are left out.
        bins: How many bins at most.
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return np.empty(0)
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="lower"))
    return np.asarray(edges[edges > known.min()], dtype=np.float64)


def find_bins(values: ArrayLike, edges: ArrayLike) -> NDArray[np.int64]:
    """Return the bin (n,) of each value: 0 below the first edge, and one for each edge that it reaches.

    The bin after the last is that of missing values, so that there are `len(edges) + 2`.

    Args:
        values: Numbers (n,), NaN where missing.
        edges: Of `find_edges`.
    """
    numbers, inner = np.asarray(values, dtype=np.float64), np.asarray(edges, dtype=np.float64)
    found = np.searchsorted(inner, numbers, side="right")
    return np.asarray(np.where(np.isnan(numbers), len(inner) + 1, found), dtype=np.int64)


def count_by_day(day: NDArray[np.int64], bins: NDArray[np.int64], days: int, number: int) -> NDArray[np.float64]:
    """Count values by day and bin.

    Args:
        day: Which day each value (n,) is of, from 0.
        bins: Which bin, from 0.
        days: How many days there are.
        number: How many bins there are.

    Returns:
        Counts (days, number).
    """
    return np.asarray(np.bincount(day * number + bins, minlength=days * number).reshape(days, number), dtype=np.float64)
