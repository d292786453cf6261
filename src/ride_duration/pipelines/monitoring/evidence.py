"""Sums of each New York day: what every verdict about a model in use is made from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: What is known, beside the sums, of rides whose actual duration is not reported: how many there are, and the sum of
#: the squared errors that the package expects of their answers (min²); NaN where it has no error model, or in rows of a
#: former program.
AWAITED = ("awaited", "awaited_expected")


class DailySums(NamedTuple):
    """One row a day, in the order of time, without gaps in between; all arrays have the shape (n,).

    Attributes:
        day: New York day of the pick-ups (datetime64[D]).
        rides: Rides that were answered.
        labelled: Those of them whose actual duration is known and valid; all sums below are over these.
        actual: Σ y, actual minutes.
        predicted: Σ p, predicted minutes.
        absolute: Σ |p - y|, minutes.
        squared: Σ (p - y)², min².
        product: Σ y p, min².
        actual_squared: Σ y², min².
        predicted_squared: Σ p², min².
        expected: Σ of the squared error that the package expects (min²); NaN where it has no error model.
        covered: Rides that ended within their interval; NaN without intervals.
        width: Σ of the widths of the intervals, minutes; NaN without intervals.
        within_5: Rides that ended within 5 minutes of the answer.
    """

    day: NDArray[np.datetime64]
    rides: Numbers
    labelled: Numbers
    actual: Numbers
    predicted: Numbers
    absolute: Numbers
    squared: Numbers
    product: Numbers
    actual_squared: Numbers
    predicted_squared: Numbers
    expected: Numbers
    covered: Numbers
    width: Numbers
    within_5: Numbers

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.int_]) -> DailySums:
        """Return the chosen days alone: those that are true (n,), or by their positions."""
        return DailySums._make(values[chosen] for values in self)

    @property
    def level(self) -> float:
        """Σ actual / Σ predicted over all days: above 1 where rides take longer than the model says."""
        return _ratio(self.actual.sum(), self.predicted.sum())

    @property
    def rmse(self) -> float:
        """In minutes."""
        return float(np.sqrt(_ratio(self.squared.sum(), self.labelled.sum())))

    @property
    def error_ratio(self) -> float:
        """Realised by expected error: the root of Σe² / Σ expected e²; NaN where the package expects nothing."""
        return float(np.sqrt(_ratio(self.squared.sum(), self.expected.sum())))

    @property
    def corrected_error_ratio(self) -> float:
        """The same after every answer is multiplied by the level of these days, and every expected error as well.

        A ride that takes 10 % longer for the traffic misses by 10 % more: where nothing but the level has changed, this
        is what it was before.
        """
        return float(np.sqrt(_ratio(self.correct(self.level).sum(), self.expected.sum()))) / self.level

    def correct(self, factor: float) -> Numbers:
        """Return Σ (f p - y)² of each day, for answers that are multiplied by a factor f."""
        return self.actual_squared - 2 * factor * self.product + factor**2 * self.predicted_squared


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0 else float("nan")
