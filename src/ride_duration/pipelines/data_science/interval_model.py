"""Intervals that hold nine rides in ten, calibrated on the last part of the training trips.

A model that reads what the quantile boosters read answers between their quantiles, and these are calibrated. Any other
model knows less than they do, and its answer would often lie at a bound or outside: its intervals are calibrated about
its own answer. See docs/decisions/014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.errors import RideDurationError
from ride_duration.model_package.intervals import Calibration, buckets
from ride_duration.pipelines.data_science.duration_model import DurationModel, Origin, without_distance
from ride_duration.pipelines.data_science.parameters import Intervals, Training
from ride_duration.pipelines.data_science.training import fit, fit_estimator, last_part


@dataclass
class IntervalModel:
    """What the bounds of an interval are made of, and where it comes from.

    Attributes:
        lower: The quantile model of the lower tail; None where the answer itself stands for the quantile.
        upper: The same of the upper tail.
        calibration: Turns quantiles, or the answer, into bounds.
        origin: Where they come from, if a run trained them.
    """

    lower: DurationModel | None
    upper: DurationModel | None
    calibration: Calibration
    origin: Origin | None = None

    def bounds(
        self, rows: pd.DataFrame, duration: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bounds (n,) in minutes about answers (n,) for feature rows (n)."""
        lower, upper = (duration if tail is None else tail.predict(rows) for tail in (self.lower, self.upper))
        distances = (rows[name].to_numpy(dtype=np.float64) for name in ("straight_distance", "trip_distance"))
        return self.calibration.bounds(duration, lower, upper, *distances)


def fit_intervals(train_features: pd.DataFrame, training: Training, intervals: Intervals) -> IntervalModel:
    """Fit what the bounds are made of on the earlier training trips, and calibrate it on the later ones.

    Quantile models are not refitted on all trips: what they were calibrated with is what is used. Where the bounds lie
    about the model's own answer, the model that is calibrated has seen the earlier trips alone.

    Raises:
        RideDurationError: There are too few trips, the feature set does not exist, or the estimator refuses its
            hyper-parameters or the data.
    """
    held_out = last_part(train_features, intervals.share)
    earlier, later = train_features[~held_out], train_features[held_out]
    if _reads_what_quantiles_read(training, intervals):
        tails = {
            tail: _fit_quantile(tail, level, earlier, training, intervals) for tail, level in intervals.levels.items()
        }
        margins = {
            "with_distance": _quantile_margins(tails, later[later["trip_distance"].notna()], intervals),
            "without_distance": _quantile_margins(tails, without_distance(later), intervals),
        }
        return IntervalModel(tails["lower"], tails["upper"], _calibration(margins, intervals))
    model = fit(training.model, earlier, training)
    known = later["trip_distance"].notna()
    if training.choice.distance != "required":
        unknown = without_distance(later)
    else:  # it is asked without a distance only where the one that was given is out of range
        unknown = later[~known] if (~known).sum() >= intervals.min_trips else later
    margins = {
        "with_distance": _margins_about_answers(model, later[known], intervals),
        "without_distance": _margins_about_answers(model, unknown, intervals),
    }
    return IntervalModel(None, None, _calibration(margins, intervals))


def _reads_what_quantiles_read(training: Training, intervals: Intervals) -> bool:
    if intervals.model.features not in training.feature_sets:
        raise RideDurationError(
            f"intervals.model.features names '{intervals.model.features}', "
            f"but the feature sets are {', '.join(training.feature_sets)}"
        )
    return training.feature_sets[training.choice.features] == training.feature_sets[intervals.model.features]


def _calibration(margins: dict[str, dict[str, tuple[float, ...]]], intervals: Intervals) -> Calibration:
    return Calibration(intervals.coverage, intervals.bucket_edges, margins)


def _fit_quantile(
    tail: str, level: float, rows: pd.DataFrame, training: Training, intervals: Intervals
) -> DurationModel:
    choice = intervals.model
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


def _quantile_margins(
    tails: dict[str, DurationModel], rows: pd.DataFrame, intervals: Intervals
) -> dict[str, tuple[float, ...]]:
    """By tail, what to add outwards (minutes) in each bucket, so that enough of these rows (n) lie inside."""
    actual = rows["duration"].to_numpy(dtype=np.float64)
    outside = {
        "lower": tails["lower"].predict(rows) - actual if len(rows) else np.zeros(0),
        "upper": actual - tails["upper"].predict(rows) if len(rows) else np.zeros(0),
    }
    return _bucket_margins(outside, rows, intervals)


def _margins_about_answers(
    model: DurationModel, rows: pd.DataFrame, intervals: Intervals
) -> dict[str, tuple[float, ...]]:
    """The same, from the answers on; where a bucket's trips lie on one side of their answers, the margin of all trips.

    So an answer lies between its bounds, and never at one, unless nearly all trips are longer or all are shorter.
    """
    answer = model.predict(rows) if len(rows) else np.zeros(0)
    error = answer - rows["duration"].to_numpy(dtype=np.float64)
    outside = {"lower": error, "upper": -error}
    margins = _bucket_margins(outside, rows, intervals)
    overall = {tail: conformal_margin(scores, intervals.inside) for tail, scores in outside.items()}
    return {tail: tuple(m if m > 0 else overall[tail] for m in minutes) for tail, minutes in margins.items()}


def _bucket_margins(
    outside: dict[str, NDArray[np.float64]], rows: pd.DataFrame, intervals: Intervals
) -> dict[str, tuple[float, ...]]:
    bucket = buckets(rows["straight_distance"].to_numpy(dtype=np.float64), intervals.bucket_edges)
    return {
        tail: tuple(
            conformal_margin(_enough(scores, bucket == number, intervals.min_trips), intervals.inside)
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
