"""The simple answer that a model must beat: the usual duration between two zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ZonePairMedian(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts the median duration of a zone pair's training trips; of all trips for a pair never seen."""

    def fit(self, X: pd.DataFrame, y: NDArray[np.float64]) -> ZonePairMedian:
        """Learn the medians.

        Args:
            X: One text column (n, 1), the zone pair.
            y: Durations (n,) in minutes.
        """
        self.medians_ = pd.Series(y).groupby(X.iloc[:, 0].to_numpy()).median()
        self.median_ = float(np.median(y))
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        """Durations (n,) in minutes."""
        return X.iloc[:, 0].map(self.medians_).fillna(self.median_).to_numpy(dtype=np.float64)
