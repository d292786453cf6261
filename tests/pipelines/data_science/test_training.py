"""Fitting: both answers in one model, early stopping in the order of time, and a refit on all rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science import training as training_module
from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.training import fit_baselines, fit_model
from tests.support.models import BOOSTED, CONFIGURED, simulated_features, training

ROUNDS = {name: CONFIGURED["models"][name]["early_stopping"]["rounds"] for name in BOOSTED}


def rounds_run(estimator: Any) -> int:
    """Boosting rounds inside a fitted estimator."""
    if hasattr(estimator, "get_booster"):
        return estimator.get_booster().num_boosted_rounds()
    return estimator.booster_.num_trees() if hasattr(estimator, "booster_") else estimator.n_iter_


class Recorder:
    """An estimator that remembers what it was given."""

    fits: list[tuple[Any, Any]] = []  # noqa: RUF012

    def get_params(self) -> dict[str, Any]:
        return {}

    def set_params(self, **_: Any) -> None:
        """Take nothing."""

    def fit(self, X: Any, y: Any) -> None:
        self.fits.append((X, y))


def recorded(distance: str, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What an estimator is given to learn from."""
    monkeypatch.setattr(Recorder, "fits", [])
    entry = {"estimator": f"{__name__}.Recorder", "features": "stateless", "distance": distance}
    fit_model(rows, training("recorder", entry))
    [given] = Recorder.fits
    return given


def test_a_model_that_may_answer_before_the_ride_sees_each_trip_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = simulated_features(100)
    X, y = recorded("optional", rows, monkeypatch)
    assert X.shape[0] == len(y) == 200
    distance = list(CONFIGURED["feature_sets"]["stateless"]["numeric"]).index("trip_distance")
    assert np.array_equal(X[:100, distance], rows["trip_distance"].astype(np.float32), equal_nan=True)
    assert np.isnan(X[100:, distance]).all()
    assert np.array_equal(X[:100, :distance], X[100:, :distance], equal_nan=True)
    assert np.array_equal(y, [*rows["duration"], *rows["duration"]])


def test_any_other_model_sees_each_trip_once(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = recorded("required", simulated_features(100), monkeypatch)
    assert X.shape[0] == len(y) == 100


@pytest.mark.parametrize("model", BOOSTED)
def test_rounds_are_found_on_the_last_part_in_time_and_all_trips_are_learnt_from(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = simulated_features(1_000)
    shuffled = rows.sample(frac=1, random_state=3)
    held_out = {}

    def spy(estimator: Any, patience: int, earlier: Any, later: Any) -> int:
        held_out.update(patience=patience, earlier=earlier, later=later)
        return 3

    library = type(DurationModel.unfitted(model, training(model)).estimator).__module__.partition(".")[0]
    monkeypatch.setitem(training_module._ROUNDS, library, spy)
    fitted = fit_model(shuffled, training(model))

    in_time = rows.sort_values("pickup_datetime")
    assert held_out["patience"] == 30
    assert len(held_out["earlier"][1]) == 2 * 800
    assert sorted(held_out["later"][1]) == sorted([*in_time["duration"][800:]] * 2)
    assert fitted.estimator.get_params()[ROUNDS[model]] == 3


@pytest.mark.parametrize("model", BOOSTED)
def test_the_rounds_found_predict_the_last_part_in_time_best(model: str) -> None:
    chosen = training(model, learning_rate=0.4, **{ROUNDS[model]: 200})
    rows = simulated_features(1_000).sort_values("pickup_datetime")
    found = fit_model(rows, chosen).estimator.get_params()[ROUNDS[model]]

    def error(rounds: int) -> float:
        trial = DurationModel.unfitted(model, chosen)
        trial.estimator.set_params(**{ROUNDS[model]: rounds})
        X, y = training_module._training_rows(trial, rows[:800])
        trial.estimator.fit(X, y)
        X, y = training_module._training_rows(trial, rows[800:])
        return float(np.mean((trial.estimator.predict(X) - y) ** 2))

    assert found > 2
    assert min(range(found - 2, found + 4), key=error) == found


@pytest.mark.parametrize("model", BOOSTED)
def test_a_model_that_has_learnt_all_it_can_stops_before_its_last_round(model: str) -> None:
    rows = simulated_features(600)
    noise = rows.assign(duration=np.random.default_rng(1).uniform(1, 60, len(rows)))
    rounds = {ROUNDS[model]: 400, "learning_rate": 0.5}
    fitted = fit_model(noise, training(model, **rounds))
    assert 1 <= fitted.estimator.get_params()[ROUNDS[model]] < 100


@pytest.mark.parametrize("model", BOOSTED)
def test_the_rounds_that_were_found_are_those_that_are_run(model: str) -> None:
    estimator = fit_model(simulated_features(2_000), training(model)).estimator
    assert rounds_run(estimator) == estimator.get_params()[ROUNDS[model]]


@pytest.mark.parametrize("model", BOOSTED)
def test_without_early_stopping_the_configured_rounds_are_run(model: str) -> None:
    entry = CONFIGURED["models"][model] | {"early_stopping": None}
    changed = entry | {"hyper_parameters": entry["hyper_parameters"] | {ROUNDS[model]: 4}}
    assert rounds_run(fit_model(simulated_features(500), training(model, changed)).estimator) == 4


def test_the_baselines_are_fitted_by_name() -> None:
    rows = simulated_features(500)
    baselines = fit_baselines(rows, training("xgboost"))
    assert list(baselines) == ["mean", "zone_pair_median"]
    assert baselines["mean"].predict(rows) == pytest.approx(rows["duration"].mean())
    assert baselines["zone_pair_median"].predict(rows.assign(zone_pair="none")) == pytest.approx(
        rows["duration"].median()
    )


@pytest.mark.parametrize(
    ("model", "hyper_parameters", "reason"),
    [
        ("xgboost", {"tree_method": "nonsense"}, "nonsense"),
        ("random_forest", {"max_features": "many"}, "max_features"),
        ("hist_gradient_boosting", {"learning_rate": 0}, "learning_rate"),
        ("ridge", {"solver": "guess"}, "solver"),
    ],
)
def test_what_an_estimator_refuses_is_said_with_its_name_and_place(
    model: str, hyper_parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RideDurationError) as told:
        fit_model(simulated_features(500), training(model, **hyper_parameters))
    assert str(told.value).startswith(f"the model '{model}' cannot be fitted: ")
    assert reason in str(told.value)
    assert f"see models.{model} in parameters_data_science.yml" in str(told.value)
    assert "\n" not in str(told.value)


def test_an_early_stopping_parameter_that_the_estimator_lacks_is_explained() -> None:
    stopping = {"rounds": "n_rounds", "patience": 5, "share": 0.2}
    entry = CONFIGURED["models"]["hist_gradient_boosting"] | {"early_stopping": stopping}
    with pytest.raises(ValidationError, match="n_rounds"):
        training("hist_gradient_boosting", entry)


def test_a_monotone_parameter_that_the_estimator_lacks_is_explained() -> None:
    entry = CONFIGURED["models"]["random_forest"] | {"monotone": "monotony"}
    with pytest.raises(ValidationError, match=r"monotony.* did you mean monotonic_cst"):
        training("random_forest", entry)


def test_an_estimator_that_cannot_stop_early_is_named_with_what_to_do() -> None:
    stopping = {"rounds": "n_estimators", "patience": 5, "share": 0.2}
    entry = CONFIGURED["models"]["random_forest"] | {"early_stopping": stopping}
    with pytest.raises(RideDurationError, match=r"random_forest"):
        fit_model(simulated_features(500), training("random_forest", entry))


def test_too_few_trips_to_hold_out_a_part_are_counted() -> None:
    with pytest.raises(RideDurationError, match="1 training trips are too few"):
        fit_model(simulated_features(1), training("xgboost"))
