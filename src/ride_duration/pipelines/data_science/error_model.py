"""How large an error is to be expected: a small booster of the squared error, from features and the prediction.

It is fitted on the last part of the training trips in time, on errors of a model that has seen the earlier part alone.
Validation months would teach it their level as normal: an error of theirs that a later month repeats would be expected.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.errors import ConfigurationError, RideDurationError
from ride_duration.model_package.expected_error import PREDICTED
from ride_duration.pipelines.data_science.duration_model import DurationModel, without_distance
from ride_duration.pipelines.data_science.model_choice import FeatureSet
from ride_duration.pipelines.data_science.parameters import ExpectedErrors, Training
from ride_duration.pipelines.data_science.training import fit_estimator, fit_twice, last_part
from ride_duration.trips.records import DURATION


def fit_with_errors(train_features: pd.DataFrame, training: Training, expected_errors: ExpectedErrors) -> DurationModel:
    """Fit the chosen model and, as its `errors`, the model of its squared errors.

    Raises:
        RideDurationError: The estimator refuses its hyper-parameters or the data.
    """
    find_features(training, expected_errors)
    model, earlier = fit_twice(training.model, train_features, training)
    stopping = model.choice.early_stopping
    share = stopping.share if stopping else expected_errors.share
    held_out = last_part(train_features, share)
    if earlier is None:
        earlier = DurationModel.unfitted(training.model, training)
        fit_estimator(earlier, train_features[~held_out])
    model.errors = fit_errors(earlier, train_features[held_out], training, expected_errors)
    return model


def find_features(training: Training, expected_errors: ExpectedErrors) -> FeatureSet:
    """Return the columns that the error model reads, beside the answer.

    Raises:
        ConfigurationError: There is no such feature set, or it has text.
    """
    name = expected_errors.model.features
    features = training.feature_sets.get(name)
    if features is None or features.categorical or features.encode:
        numeric = [known for known, columns in training.feature_sets.items() if not columns.categorical]
        raise ConfigurationError(
            f"expected_errors.model.features names '{name}', which is not a feature set of numbers alone; choose one "
            f"of {', '.join(numeric)}"
        )
    return features


def fit_errors(
    model: DurationModel, later: pd.DataFrame, training: Training, expected_errors: ExpectedErrors
) -> DurationModel:
    """Fit a model of the squared errors of a model on trips (n) that it has not seen, with and without distance.

    Answers count as they are given, within the range of the training rides.

    Returns:
        Answers with squared minutes, from features and the column `PREDICTED`.

    Raises:
        RideDurationError: The estimator refuses its hyper-parameters or the data.
    """
    choice = expected_errors.model
    features = find_features(training, expected_errors)
    columns = features.model_copy(update={"numeric": (*features.numeric, PREDICTED), "increasing": ()})
    errors = DurationModel.of("expected error", choice, columns, training.seed)
    known = [later] if model.choice.distance == "required" else [later, without_distance(later)]
    rows = pd.concat([rows.assign(**{PREDICTED: np.clip(model.predict(rows), *DURATION)}) for rows in known])
    squared: NDArray[np.float64] = (rows[PREDICTED] - rows["duration"]).to_numpy(dtype=np.float64) ** 2
    try:
        errors.estimator.fit(errors.inputs(rows), squared)
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise RideDurationError(
            f"the model of expected errors cannot be fitted: {reason}; see expected_errors.model in "
            "parameters_data_science.yml"
        ) from error
    return errors
