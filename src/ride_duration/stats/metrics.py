"""How good predictions are. Errors are predicted minus actual, in minutes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ride_duration.stats.bootstrap import bound_rmse

#: Digits kept: a microminute, below which the sum's order may show.
_DIGITS = 6

#: The two moments of an answer: the suffix of its measures, and the words for it.
MOMENTS = {"": "with metered distance", "_without_distance": "at request time"}

MEASURES = ("rmse", "mae", "mape", "r2", "bias", "p50_error", "p90_error", "within_5_minutes")


def compute_rmse(errors: NDArray[np.float64]) -> float:
    """Return the root of the mean squared error of errors (n,), n > 0, in their unit."""
    return float(np.sqrt(np.mean(errors**2)))


def compute_mae(errors: NDArray[np.float64]) -> float:
    """Return the mean absolute error of errors (n,), n > 0, in their unit."""
    return float(np.mean(np.abs(errors)))


def compute_bias(errors: NDArray[np.float64]) -> float:
    """Return the mean of errors (n,), n > 0, predicted minus actual, in their unit."""
    return float(np.mean(errors))


def find_covered(
    actual: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return whether each interval (n,) holds the actual value, its bounds included; the mean is the coverage."""
    covered: NDArray[np.bool_] = (lower <= actual) & (actual <= upper)
    return covered


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
        "rmse": compute_rmse(error),
        "mae": compute_mae(error),
        "mape": np.mean(absolute / actual),
        "r2": 1 - np.sum(error**2) / spread if spread else np.nan,
        "bias": compute_bias(error),
        "p50_error": np.percentile(absolute, 50),
        "p90_error": np.percentile(absolute, 90),
        "within_5_minutes": np.mean(absolute <= 5),
    }
    return {name: round(float(values[name]), _DIGITS) for name in MEASURES}


def rmse_interval(errors: NDArray[np.float64], days: NDArray[Any], seed: int) -> tuple[float | None, float | None]:
    """Return a 95 % interval of the RMSE, by the day bootstrap.

    Args:
        errors: Predicted minus actual (n,), in minutes; NaN where there is no answer.
        days: The day of each trip (n,).
        seed: Of the resampling.

    Returns:
        Lower and upper bound, in minutes; None without answers, or where too few days count.
    """
    bounds = None if np.isnan(errors).any() else bound_rmse(errors, days, seed)
    if bounds is None:
        return None, None
    low, high = bounds
    return round(low, _DIGITS), round(high, _DIGITS)


def score_both(
    actual: NDArray[np.float64], predicted: NDArray[np.float64], without: NDArray[np.float64]
) -> dict[str, Any]:
    """Measures with distance, the same without (suffix `_without_distance`), and `n`.

    Args:
        actual: Durations (n,) in minutes.
        predicted: Predictions (n,) with metered distance.
        without: Predictions (n,) at request time; all NaN if the model has none, which makes their measures None.

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


def score_interval(
    actual: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> dict[str, float | None]:
    """How many rides their interval holds, and how wide it is.

    Args:
        actual: Durations (n,) in minutes.
        lower: Lower bounds (n,) in minutes; all NaN if there are none, which makes the measures None.
        upper: Upper bounds (n,) in minutes.

    Returns:
        `coverage` as a share, `width` in minutes.
    """
    if not len(actual) or np.isnan(lower).any():
        return {"coverage": None, "width": None}
    return {
        "coverage": round(float(np.mean(find_covered(actual, lower, upper))), _DIGITS),
        "width": round(float(np.mean(upper - lower)), _DIGITS),
    }
