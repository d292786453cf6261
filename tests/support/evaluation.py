"""Splits, predictions and metrics of small models."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.pipelines.data_science.evaluation import compute_metrics, compute_slices, predict_trips
from ride_duration.pipelines.data_science.parameters import Slices
from tests.support.models import CONFIGURED, fitted, fitted_intervals, simulated_features, training
from tests.support.trips import experiment

SLICES = Slices(**CONFIGURED["slices"])


def splits() -> dict[str, pd.DataFrame]:
    """Training, validation and test rows; the last has trips without a distance."""
    val = simulated_features(1_500, "2021-02")
    return {
        "train_features": simulated_features(2_000),
        "val_features": val[val.index % 3 != 0],
        "test_features": val[val.index % 3 == 0].assign(trip_distance=np.nan),
    }


@cache
def predictions(model: str = "xgboost") -> pd.DataFrame:
    """Predictions of a model and the baselines."""
    baselines = {name: fitted(name) for name in CONFIGURED["baselines"]}
    return predict_trips(fitted(model), fitted_intervals(model), baselines, **splits())


def measured(model: str = "xgboost", **months: Any) -> dict[str, Any]:
    """Metrics of a model."""
    return compute_metrics(predictions(model), experiment(**months), training(model))


@cache
def sliced() -> pd.DataFrame:
    """Slice metrics of the default model."""
    return compute_slices(predictions(), **splits(), interval_model=fitted_intervals(), slices=SLICES)
