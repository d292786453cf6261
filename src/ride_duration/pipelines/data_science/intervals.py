"""Intervals that hold nine rides in ten: quantile boosters, calibrated on the last part of the training trips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.errors import RideDurationError
from ride_duration.model_package.intervals import Calibration, buckets
from ride_duration.pipelines.data_science.models import DurationModel, without_distance
from ride_duration.pipelines.data_science.training import fit_estimator, last_part
from ride_duration.pipelines.parameters import Intervals, Training


@dataclass
class IntervalModel:
    """A quantile model for each tail, and the calibration that turns them into an interval."""

    lower: DurationModel
    upper: DurationModel
    calibration: Calibration

    def bounds(
        self, rows: pd.DataFrame, duration: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bounds (n,) in minutes about answers (n,) for feature rows (n)."""
        distances = (rows[name].to_numpy(dtype=np.float64) for name in ("straight_distance", "trip_distance"))
        return self.calibration.bounds(duration, self.lower.predict(rows), self.upper.predict(rows), *distances)


def fit_intervals(train_features: pd.DataFrame, training: Training, intervals: Intervals) -> IntervalModel:
    """Fit one quantile model a tail on the earlier training trips, and calibrate both on the later ones.

    The models are not refitted on all trips: what they were calibrated with is what is used.

    Raises:
        RideDurationError: There are too few trips, the feature set does not exist, or the estimator refuses its
            hyper-parameters or the data.
    """
    held_out = last_part(train_features, intervals.share)
    tails = {
        tail: _fit_quantile(tail, level, train_features[~held_out], training, intervals)
        for tail, level in intervals.levels.items()
    }
    later = train_features[held_out]
    margins = {
        "with_distance": _margins(tails, later[later["trip_distance"].notna()], intervals),
        "without_distance": _margins(tails, without_distance(later), intervals),
    }
    return IntervalModel(**tails, calibration=Calibration(intervals.coverage, intervals.bucket_edges, margins))


def _fit_quantile(
    tail: str, level: float, rows: pd.DataFrame, training: Training, intervals: Intervals
) -> DurationModel:
    choice = intervals.model
    if choice.features not in training.feature_sets:
        raise RideDurationError(
            f"intervals.model.features names '{choice.features}', "
            f"but the feature sets are {', '.join(training.feature_sets)}"
        )
    leveled = choice.model_copy(update={"hyper_parameters": choice.hyper_parameters | {intervals.level: level}})
    model = DurationModel.of(f"{tail} quantile", leveled, training.feature_sets[choice.features], training.seed)
    try:
        fit_estimator(model, rows)
    except ValueError as error:  # scikit-learn's, XGBoost's and LightGBM's errors are all ValueErrors
        reason = str(error).strip().splitlines()[0]
        raise RideDurationError(
            f"the {model.name} of the intervals cannot be fitted: {reason}; "
            "see intervals.model in parameters_data_science.yml"
        ) from error
    return model


def _margins(tails: dict[str, DurationModel], rows: pd.DataFrame, intervals: Intervals) -> dict[str, tuple[float, ...]]:
    """By tail, what to add outwards (minutes) in each bucket, so that enough of these rows (n) lie inside."""
    bucket = buckets(rows["straight_distance"].to_numpy(dtype=np.float64), intervals.bucket_edges)
    actual = rows["duration"].to_numpy(dtype=np.float64)
    outside = {
        "lower": tails["lower"].predict(rows) - actual if len(rows) else np.zeros(0),
        "upper": actual - tails["upper"].predict(rows) if len(rows) else np.zeros(0),
    }
    inside = 1 - (1 - intervals.coverage) / 2
    return {
        tail: tuple(
            conformal_margin(_enough(scores, bucket == number, intervals.min_trips), inside)
            for number in range(len(intervals.bucket_edges) + 2)
        )
        for tail, scores in outside.items()
    }


def _enough(scores: NDArray[np.float64], chosen: NDArray[Any], least: int) -> NDArray[np.float64]:
    return scores[chosen] if chosen.sum() >= least else scores


def conformal_margin(scores: NDArray[np.float64], inside: float) -> float:
    """The margin that keeps a share `inside` of new scores within it.

    The `ceil((n + 1) inside)`-th smallest of n scores; see V. Vovk et al., "Algorithmic Learning in a Random World"
    (2005), chapter 4. Of too few scores it is the largest, and of none 0.
    """
    if not len(scores):
        return 0.0
    rank = min(len(scores), int(np.ceil((len(scores) + 1) * inside)))
    return float(np.partition(scores, rank - 1)[rank - 1])
