"""The configured models, and simulated trips for it to learn from."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.ensemble  # noqa: F401 - loads what is limited below
import yaml
from threadpoolctl import threadpool_limits

from ride_duration.pipelines.data_engineering.feature_table import compute_features
from ride_duration.pipelines.data_engineering.rules import check_records, clean_trips
from ride_duration.pipelines.data_engineering.trip_records import ROW_NUMBER
from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.interval_model import IntervalModel, fit_intervals
from ride_duration.pipelines.data_science.model_choice import ModelChoice
from ride_duration.pipelines.data_science.parameters import Intervals, Training
from ride_duration.pipelines.data_science.training import fit_model
from ride_duration.trips.features import FEATURES, METERED
from ride_duration.trips.simulation import default_city, simulate_month
from tests.pipelines.data_engineering.test_trip_records import green_records

# scikit-learn's trees take every core, and are ten times slower where others use them too.
threadpool_limits(1, user_api="openmp")

CONF = Path(__file__).parents[3] / "conf/base"
CONFIGURED: dict[str, Any] = yaml.safe_load((CONF / "parameters_data_science.yml").read_text())
MODELS = tuple(CONFIGURED["models"])
BOOSTED = ("hist_gradient_boosting", "lightgbm", "xgboost")

#: Few rounds and one thread, so that tests are quick on a busy machine.
_QUICK: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 5, "n_jobs": 1},
    "hist_gradient_boosting": {"max_iter": 30, "learning_rate": 0.2},
    "lightgbm": {"n_estimators": 30, "learning_rate": 0.2, "n_jobs": 1},
    "xgboost": {"n_estimators": 30, "learning_rate": 0.2, "n_jobs": 1},
}


def training(model: str, entry: dict[str, Any] | None = None, **hyper_parameters: Any) -> Training:
    """The model configurations with `model` chosen, quick by default; `entry` replaces or adds the model's entry."""
    chosen = dict(entry or CONFIGURED["models"][model])
    quick = {} if entry else _QUICK.get(model, {})
    chosen["hyper_parameters"] = chosen.get("hyper_parameters", {}) | quick | hyper_parameters
    return Training(
        model=model,
        seed=42,
        baselines=CONFIGURED["baselines"],
        feature_sets=CONFIGURED["feature_sets"],
        models=CONFIGURED["models"] | {model: chosen},
    )


def intervals(**changed: Any) -> Intervals:
    """The configured intervals, quick by default."""
    model = CONFIGURED["intervals"]["model"]
    quick = model | {"hyper_parameters": model["hyper_parameters"] | {"n_estimators": 20, "learning_rate": 0.3}}
    return Intervals(**CONFIGURED["intervals"] | {"model": quick} | changed)


@cache
def _month_features(month: str) -> pd.DataFrame:
    raw = simulate_month(month, default_city(), seed=1)
    raw = raw.append_column(ROW_NUMBER, pa.array(range(raw.num_rows)))
    trips = clean_trips(check_records(green_records(raw, month)))
    return compute_features(trips).order_by("ride_id").to_pandas()


def simulated_features(rows: int, month: str = "2021-01") -> pd.DataFrame:
    """Feature rows of so many trips of a simulated month, in the order of `ride_id`."""
    return _month_features(month).sample(rows, random_state=1).sort_values("ride_id", ignore_index=True)


@cache
def fitted(model: str) -> DurationModel:
    """A configured model, fitted quickly."""
    return fit_model(simulated_features(2_000), training(model))


def fitted_intervals(model: str = "xgboost") -> IntervalModel:
    """The intervals about a model's answers, fitted quickly; the trees share theirs."""
    reads_the_same = CONFIGURED["models"][model]["features"] == CONFIGURED["intervals"]["model"]["features"]
    return _fitted_intervals("xgboost" if reads_the_same else model)


@cache
def _fitted_intervals(model: str) -> IntervalModel:
    return fit_intervals(simulated_features(2_000), training(model), intervals())


def test_the_model_configurations_holds_every_model_that_is_promised() -> None:
    assert set(MODELS) == {
        "mean",
        "zone_pair_median",
        "linear_regression",
        "lasso",
        "ridge",
        "random_forest",
        "hist_gradient_boosting",
        "lightgbm",
        "xgboost",
    }
    assert CONFIGURED["baselines"] == ["mean", "zone_pair_median"]
    assert yaml.safe_load((CONF / "parameters.yml").read_text())["model"] == "xgboost"


def test_our_feature_set_is_the_feature_definition() -> None:
    stateless = CONFIGURED["feature_sets"]["stateless"]
    assert tuple(stateless["numeric"]) == FEATURES
    assert tuple(stateless["increasing"]) == METERED


@pytest.mark.parametrize("model", BOOSTED)
def test_boosted_trees_answer_with_and_without_distance_and_never_shorten_a_longer_ride(model: str) -> None:
    choice = training(model).choice
    assert choice.distance == "optional"
    assert choice.monotone is not None
    assert choice.early_stopping is not None


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_accepted_built_fitted_and_answers_with_finite_minutes(model: str) -> None:
    rows = simulated_features(500, "2021-02")
    predicted = fitted(model).predict(rows)
    assert predicted.shape == (500,)
    assert predicted.dtype == np.float64
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers_before_the_ride_or_says_that_it_cannot(model: str) -> None:
    rows = simulated_features(500, "2021-02")
    before = fitted(model).predict_without_distance(rows)
    declared = training(model).choice.distance
    if declared == "required":
        assert before is None
    else:
        assert np.isfinite(before).all()
        assert np.array_equal(before, fitted(model).predict(rows)) is (declared == "unused")


@pytest.mark.parametrize("model", [name for name in MODELS if name != "mean"])
def test_every_model_beats_the_mean(model: str) -> None:
    rows = simulated_features(5_000, "2021-02")

    def squared_error(name: str) -> float:
        return float(np.mean((fitted(name).predict(rows) - rows["duration"]) ** 2))

    assert squared_error(model) < squared_error("mean")


@pytest.mark.parametrize("model", MODELS)
def test_the_same_fit_twice_gives_identical_predictions(model: str) -> None:
    rows = simulated_features(500, "2021-02")
    again = fit_model(simulated_features(2_000), training(model))
    assert np.array_equal(again.predict(rows), fitted(model).predict(rows))


@pytest.mark.parametrize(
    ("estimator", "features", "distance", "hyper_parameters"),
    [
        ("sklearn.ensemble.ExtraTreesRegressor", "stateless", "optional", {"n_estimators": 5, "max_depth": 8}),
        ("sklearn.neighbors.KNeighborsRegressor", "reference", "required", {"n_neighbors": 20}),
        ("sklearn.linear_model.ElasticNet", "reference", "required", {"alpha": 0.01}),
        ("sklearn.tree.DecisionTreeRegressor", "stateless", "optional", {"max_depth": 6}),
    ],
)
def test_a_new_model_is_a_new_entry_and_no_code(
    estimator: str, features: str, distance: str, hyper_parameters: dict[str, Any]
) -> None:
    entry = {"estimator": estimator, "features": features, "distance": distance, "hyper_parameters": hyper_parameters}
    model = fit_model(simulated_features(2_000), training("newcomer", entry))
    rows = simulated_features(2_000, "2021-02")
    error = model.predict(rows) - rows["duration"]
    assert model.choice == ModelChoice(**entry)
    assert np.sqrt(np.mean(error**2)) < rows["duration"].std()
    assert (model.predict_without_distance(rows) is None) == (distance == "required")
