"""How good predictions are. Errors are predicted minus actual, in minutes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Digits kept: a microminute, below which the sum's order may show.
_DIGITS = 6

MEASURES = ("rmse", "mae", "mape", "r2", "bias", "p50_error", "p90_error", "within_5_minutes")


def score(actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    """Measures of one set of predictions.

    Args:
        actual: Durations (n,) in minutes, all positive, n > 0.
        predicted: Durations (n,) in minutes.

    Returns:
        `rmse`, `mae`, `bias` (mean error), `p50_error` and `p90_error` (percentiles of the absolute error) in
        minutes; `mape` and `within_5_minutes` as shares; `r2`, which is NaN where all actual durations agree.
    """
    error = predicted - actual
    absolute = np.abs(error)
    spread = float(np.sum((actual - actual.mean()) ** 2))
    values = {
        "rmse": np.sqrt(np.mean(error**2)),
        "mae": np.mean(absolute),
        "mape": np.mean(absolute / actual),
        "r2": 1 - np.sum(error**2) / spread if spread else np.nan,
        "bias": np.mean(error),
        "p50_error": np.percentile(absolute, 50),
        "p90_error": np.percentile(absolute, 90),
        "within_5_minutes": np.mean(absolute <= 5),
    }
    return {name: round(float(values[name]), _DIGITS) for name in MEASURES}


def score_both(
    actual: NDArray[np.float64], predicted: NDArray[np.float64], without: NDArray[np.float64]
) -> dict[str, Any]:
    """Measures with distance, the same without (suffix `_without_distance`), and `n`.

    Args:
        actual: Durations (n,) in minutes.
        predicted: Predictions (n,) after the ride.
        without: Predictions (n,) before the ride; all NaN if the model has none, which makes their measures None.

    Returns:
        A flat dictionary; None also stands for a measure that is not defined.
    """
    if not len(actual):
        return {"n": 0}
    absent = dict.fromkeys(MEASURES)
    before = absent if np.isnan(without).any() else score(actual, without)
    values = score(actual, predicted) | {f"{name}_without_distance": value for name, value in before.items()}
    return {name: None if value is None or np.isnan(value) else value for name, value in values.items()} | {
        "n": len(actual)
    }
