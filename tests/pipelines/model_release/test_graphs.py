"""Fitted estimators as ONNX graphs, which answer as the estimators do: also where something is missing or absurd."""

from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.duration_model import DurationModel, without_distance
from ride_duration.pipelines.data_science.model_choice import FeatureSet, ModelChoice
from ride_duration.pipelines.data_science.training import fit_estimator, fit_model
from ride_duration.pipelines.model_release import graphs as graphs_module
from ride_duration.pipelines.model_release.graphs import onnx_graph, reason_against
from ride_duration.pipelines.model_release.trees import READERS, rounded_down
from ride_duration.trips.features import FEATURES
from tests.support.models import CONFIGURED, MODELS, fitted, fitted_intervals, simulated_features, training

#: Estimators and settings beyond the model configurations, each with few trees.
BEYOND: dict[str, dict[str, Any]] = {
    "extra_trees": {"estimator": "sklearn.ensemble.ExtraTreesRegressor", "hyper_parameters": {"n_estimators": 4}},
    "histogram_absolute": {
        "estimator": "sklearn.ensemble.HistGradientBoostingRegressor",
        "hyper_parameters": {"loss": "absolute_error", "max_iter": 10},
    },
    "lightgbm_dart": {
        "estimator": "lightgbm.LGBMRegressor",
        "hyper_parameters": {"boosting_type": "dart", "n_estimators": 20, "verbosity": -1, "n_jobs": 1},
    },
    "lightgbm_absolute": {
        "estimator": "lightgbm.LGBMRegressor",
        "hyper_parameters": {"objective": "regression_l1", "n_estimators": 10, "verbosity": -1, "n_jobs": 1},
    },
    "xgboost_absolute": {
        "estimator": "xgboost.XGBRegressor",
        "hyper_parameters": {"objective": "reg:absoluteerror", "n_estimators": 10, "n_jobs": 1},
    },
    "xgboost_of_forests": {
        "estimator": "xgboost.XGBRegressor",
        "hyper_parameters": {"num_parallel_tree": 30, "n_estimators": 3, "subsample": 0.5, "max_depth": 3},
    },
}
TREES = ("random_forest", "hist_gradient_boosting", "lightgbm", "xgboost")


def strange_rides() -> pd.DataFrame:
    """Feature rows: usual ones, without distances, of unknown zones, of nothing known, and with extremes."""
    rows = simulated_features(300, "2021-02")
    nowhere = ["pickup_x", "pickup_y", "manhattan_distance", "straight_distance", "detour"]
    return pd.concat(
        [
            rows,
            without_distance(rows),
            rows.assign(zone_pair="999_", **dict.fromkeys(nowhere, np.nan)),
            rows.assign(**dict.fromkeys((*FEATURES, "trip_distance_raw"), np.nan)),
            rows.assign(**dict.fromkeys((*FEATURES, "trip_distance_raw"), 0.0)),
            rows.assign(trip_distance=99.9, trip_distance_raw=3e5, straight_distance=-5.0, hour=1e9, zone_pair=""),
            rows.assign(trip_distance=1e-30, trip_distance_raw=-20.0, weekday=-1.0, detour=-1e30),
        ],
        ignore_index=True,
    )


def answered(model: DurationModel, rows: pd.DataFrame) -> NDArray[np.float64]:
    """What the graph of a model answers."""
    session = onnxruntime.InferenceSession(onnx_graph(model), providers=["CPUExecutionProvider"])
    columns = model.feature_set
    fed: dict[str, Any] = {name: rows[[name]].to_numpy(dtype=object) for name in columns.categorical}
    if columns.numeric:
        fed["numbers"] = rows[list(columns.numeric)].to_numpy(np.float64 if columns.encode else np.float32)
    [minutes] = session.run(None, fed)
    assert minutes.shape == (len(rows), 1)
    return np.asarray(minutes[:, 0], dtype=np.float64)


def assert_same_answers(model: DurationModel, rows: pd.DataFrame) -> None:
    expected = model.predict(rows)
    assert answered(model, rows) == pytest.approx(expected, abs=1e-4, rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_of_the_model_configurations_becomes_a_graph_that_answers_alike(model: str) -> None:
    assert_same_answers(fitted(model), strange_rides())


@pytest.mark.parametrize("tail", ["lower", "upper"])
def test_quantile_models_too(tail: str) -> None:
    assert_same_answers(getattr(fitted_intervals(), tail), strange_rides())


@pytest.mark.parametrize("name", BEYOND)
def test_other_settings_too(name: str) -> None:
    entry = {"features": "stateless", "distance": "optional"} | BEYOND[name]
    model = fit_model(simulated_features(1_000), training(name, entry))
    assert reason_against(model.estimator, model.feature_set) is None
    assert_same_answers(model, strange_rides())


@pytest.mark.parametrize("name", TREES)
def test_what_may_be_missing_although_it_never_was_in_training(name: str) -> None:
    complete = simulated_features(2_000).dropna()
    few = {"n_estimators": 10} if "n_estimators" in CONFIGURED["models"][name]["hyper_parameters"] else {"max_iter": 10}
    entry = CONFIGURED["models"][name] | {"distance": "required", "early_stopping": None}
    entry |= {"hyper_parameters": entry["hyper_parameters"] | few}
    assert_same_answers(fit_model(complete, training(name, entry)), strange_rides())


def fitted_on(columns: FeatureSet, estimator: str) -> DurationModel:
    """An estimator that has been trained on columns of its own."""
    choice = ModelChoice(estimator=estimator, features="its own", distance="optional")
    model = DurationModel.of("newcomer", choice, columns, seed=1)
    fit_estimator(model, simulated_features(1_000))
    return model


def test_a_linear_model_of_our_own_features_too() -> None:
    numbers = FeatureSet(numeric=FEATURES, encode=True)
    rows = strange_rides()
    assert_same_answers(fitted_on(numbers, "sklearn.linear_model.Ridge"), rows[rows["hour"].abs() < 100][:-300])


def test_medians_of_borough_pairs_too() -> None:
    boroughs = FeatureSet(categorical=("borough_pair",))
    assert_same_answers(fitted_on(boroughs, CONFIGURED["models"]["zone_pair_median"]["estimator"]), strange_rides())


def test_a_graph_does_not_depend_on_how_its_trees_are_shared_among_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = strange_rides()
    together = answered(fitted("xgboost"), rows)
    monkeypatch.setattr(graphs_module, "_TREES_A_NODE", 7)
    assert answered(fitted("xgboost"), rows) == pytest.approx(together, abs=1e-5)


def test_the_same_model_makes_the_same_bytes() -> None:
    assert onnx_graph(fitted("xgboost")) == onnx_graph(fitted("xgboost"))


def test_what_cannot_become_a_graph_is_refused_with_what_can() -> None:
    entry = {"estimator": "sklearn.neighbors.KNeighborsRegressor", "features": "reference", "distance": "required"}
    model = fit_model(simulated_features(200), training("neighbours", entry))
    with pytest.raises(RideDurationError) as told:
        onnx_graph(model)
    assert "the neighbours model cannot be released: a KNeighborsRegressor" in str(told.value)
    for name in (*READERS, "LinearRegression"):
        assert name in str(told.value)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False), st.floats(allow_nan=False, width=32))
def test_a_threshold_rounded_down_parts_the_same_numbers(threshold: float, number: float) -> None:
    assert (number <= threshold) == bool(np.float32(number) <= rounded_down(threshold))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, width=32), st.sampled_from([-1, 0, 1]))
def test_and_those_right_beside_it(number: float, ulps: int) -> None:
    threshold = float(np.nextafter(number, np.inf * ulps)) if ulps else number
    assert (number <= threshold) == bool(np.float32(number) <= rounded_down(threshold))
