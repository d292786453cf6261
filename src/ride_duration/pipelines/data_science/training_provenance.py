"""Models are trained with a note of where they come from, so that a later release knows whose they are."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ride_duration.pipelines.data_science.duration_model import DurationModel, Origin
from ride_duration.pipelines.data_science.error_model import fit_with_errors
from ride_duration.pipelines.data_science.interval_model import IntervalModel, fit_intervals
from ride_duration.pipelines.data_science.model_choice import ModelChoice
from ride_duration.pipelines.data_science.parameters import ExpectedErrors, Experiment, Intervals, Training
from ride_duration.pipelines.data_science.splitting import find_left_out


def train_model(
    train_features: pd.DataFrame,
    training: Training,
    experiment: Experiment,
    intervals: Intervals,
    expected_errors: ExpectedErrors,
    tracked_run: str | None,
    quality_report: dict[str, Any] | None = None,
) -> DurationModel:
    """Fit the chosen model, and note its origin.

    Raises:
        RideDurationError: As `fit_with_errors`.
    """
    model = fit_with_errors(train_features, training, expected_errors)
    left_out = find_left_out(quality_report, experiment)
    model.origin = Origin(tracked_run, settings_hash(experiment, training, intervals, expected_errors, left_out))
    return model


def train_intervals(
    train_features: pd.DataFrame,
    training: Training,
    experiment: Experiment,
    intervals: Intervals,
    tracked_run: str | None,
    quality_report: dict[str, Any] | None = None,
) -> IntervalModel:
    """Fit the intervals, and note their origin.

    Raises:
        RideDurationError: As `fit_intervals`.
    """
    model = fit_intervals(train_features, training, intervals)
    left_out = find_left_out(quality_report, experiment)
    model.origin = Origin(tracked_run, settings_hash(experiment, training, intervals, left_out=left_out))
    return model


def settings_hash(
    experiment: Experiment,
    training: Training,
    intervals: Intervals,
    expected_errors: ExpectedErrors | None = None,
    left_out: Sequence[str] = (),
) -> str:
    """Return a hash (SHA-256) of all that training depends on beside the trips: the same for the same model.

    Args:
        experiment: Has the months.
        training: The model and its features.
        intervals: Of the model.
        expected_errors: Of the model's errors; None for the intervals, and for models of programs that left it out.
        left_out: Days of the training months that are left out.
    """
    settings: dict[str, object] = {
        "trips": [experiment.taxi_type, experiment.source, *experiment.splits["train"]],
        "seed": training.seed,
        "model": [training.model, *_of_choice(training.choice, training)],
        "intervals": [intervals.model_dump(mode="json", exclude={"model"}), *_of_choice(intervals.model, training)],
    }
    if expected_errors is not None:
        errors = expected_errors.model_dump(mode="json", exclude={"model"})
        settings["expected_errors"] = [errors, *_of_choice(expected_errors.model, training)]
    if left_out:
        settings["left_out"] = list(left_out)
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _of_choice(choice: ModelChoice, training: Training) -> list[object]:
    columns = training.feature_sets.get(choice.features)
    return [choice.model_dump(mode="json", exclude={"search_space"}), columns and columns.model_dump(mode="json")]
