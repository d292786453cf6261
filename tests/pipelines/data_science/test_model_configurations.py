"""The configured models: each is accepted, built, fitted, and answers."""

from typing import Any

import numpy as np
import pytest
import yaml

from ride_duration.pipelines.data_science.model_choice import ModelChoice
from ride_duration.pipelines.data_science.training import fit_model
from ride_duration.trips.features import FEATURES, METERED
from tests.support.models import BOOSTED, CONF, CONFIGURED, MODELS, fitted, simulated_features, training


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
