"""Prediction intervals: quantile bounds, widened or narrowed by what was seen on held-out trips."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Calibration:
    """Margins of conformalised quantile regression, for each bucket of straight-line distance and each tail.

    Y. Romano, E. Patterson, E. Candès, "Conformalized Quantile Regression" (2019), theorem 2: each tail is
    calibrated by itself, so that a drift to longer rides costs one tail only. Rides asked for before they begin,
    without their distance, have margins of their own.

    Attributes:
        coverage: Share of rides that the interval should hold, for instance 0.9.
        edges: Edges (k) in miles of the buckets of straight-line distance, ascending.
        margins: By `with_distance` and `without_distance`, then by `lower` and `upper`: minutes (k + 2) to be taken
            from the lower and added to the upper quantile. The first bucket ends at the first edge, the last but
            one begins at the last edge, and the last one is of rides whose zones have no place.
    """

    coverage: float
    edges: tuple[float, ...]
    margins: dict[str, dict[str, tuple[float, ...]]]

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Calibration:
        """What `as_dict` has made."""
        margins = {known: {tail: tuple(m) for tail, m in tails.items()} for known, tails in stored["margins"].items()}
        return cls(stored["coverage"], tuple(stored["edges"]), margins)

    def as_dict(self) -> dict[str, Any]:
        """The calibration in terms of JSON."""
        return asdict(self)

    def bounds(
        self,
        duration: NDArray[np.float64],
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        straight_distance: NDArray[np.float64],
        trip_distance: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Calibrated bounds (n,) in minutes, never negative, and never on the wrong side of the answer.

        Args:
            duration: The answers (n,) in minutes.
            lower: Lower quantiles (n,) in minutes.
            upper: Upper quantiles (n,) in minutes.
            straight_distance: Miles (n,) between the zones; NaN where one has no place.
            trip_distance: Miles (n,) driven; NaN where unknown.
        """
        bucket = buckets(straight_distance, self.edges)
        known = ~np.isnan(trip_distance)
        below, above = (
            np.where(known, self._margin("with_distance", tail, bucket), self._margin("without_distance", tail, bucket))
            for tail in ("lower", "upper")
        )
        return np.minimum(np.maximum(lower - below, 0.0), duration), np.maximum(upper + above, duration)

    def bounds_of_ride(
        self, duration: float, lower: float, upper: float, straight_distance: float, trip_distance: float
    ) -> tuple[float, float]:
        """The same as `bounds`, for one ride."""
        placed = not isnan(straight_distance)
        bucket = bisect_right(self.edges, straight_distance) if placed else len(self.edges) + 1
        margins = self.margins["without_distance" if isnan(trip_distance) else "with_distance"]
        below, above = lower - margins["lower"][bucket], upper + margins["upper"][bucket]
        return min(max(below, 0.0), duration), max(above, duration)

    def _margin(self, known: str, tail: str, bucket: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.asarray(self.margins[known][tail], dtype=np.float64)[bucket]


def buckets(straight_distance: NDArray[np.float64], edges: tuple[float, ...]) -> NDArray[np.intp]:
    """The bucket (n,) of each ride, from 0 to the number of edges, and one more for rides without a place."""
    placed = np.digitize(straight_distance, edges)
    return np.where(np.isnan(straight_distance), len(edges) + 1, placed)


def bucket_names(edges: tuple[float, ...]) -> list[str]:
    """What the buckets are called, in their order."""
    between = [f"{low:g} to {high:g} miles" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g} miles", *between, f"from {edges[-1]:g} miles", "no place"]
