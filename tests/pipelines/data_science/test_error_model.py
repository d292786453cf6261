"""The model of squared errors: fitted on trips that the model has not seen, and right where errors differ."""

import numpy as np
import pandas as pd
import pytest

from ride_duration.errors import RideDurationError
from ride_duration.model_package.expected_error import PREDICTED
from ride_duration.pipelines.data_science.duration_model import DurationModel, without_distance
from ride_duration.pipelines.data_science.error_model import fit_errors, fit_with_errors
from ride_duration.pipelines.data_science.parameters import ExpectedErrors
from ride_duration.pipelines.data_science.training import fit_model
from tests.support.models import CONFIGURED, simulated_features, training

ERRORS = ExpectedErrors(**CONFIGURED["expected_errors"])


class Constant:
    """Answers every ride with ten minutes."""

    def predict(self, rows: object) -> float:
        return np.full(len(rows), 10.0)  # type: ignore[arg-type, return-value]


def expected_of(model: DurationModel, errors: DurationModel, rows: pd.DataFrame) -> np.ndarray:
    return errors.predict(rows.assign(**{PREDICTED: model.predict(rows)}))


def test_errors_that_depend_on_the_hour_are_found() -> None:
    rows = simulated_features(8_000)
    night = rows["hour"] < 12
    rng = np.random.default_rng(1)
    rows["duration"] = 10.0 + rng.normal(size=len(rows)) * np.where(night, 2.0, 6.0)
    model = DurationModel.unfitted("xgboost", training("xgboost"))
    model.estimator = Constant()
    found = expected_of(model, fit_errors(model, rows, training("xgboost"), ERRORS), rows)
    assert found[night].mean() == pytest.approx(4.0, rel=0.1)
    assert found[~night].mean() == pytest.approx(36.0, rel=0.1)


def test_they_are_right_on_the_mean_with_and_without_distance() -> None:
    rows = simulated_features(8_000)
    model = fit_model(rows.head(4_000), training("xgboost"))
    later = rows.tail(4_000)
    errors = fit_errors(model, later, training("xgboost"), ERRORS)
    for known in (later, without_distance(later)):
        realised = np.mean((model.predict(known) - known["duration"].to_numpy()) ** 2)
        assert expected_of(model, errors, known).mean() == pytest.approx(realised, rel=0.1)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "linear_regression", "random_forest"])
def test_the_answers_stay_what_they_are_without_it(name: str) -> None:
    rows = simulated_features(2_000)
    model = fit_with_errors(rows, training(name), ERRORS)
    assert model.predict(rows).tolist() == fit_model(rows, training(name)).predict(rows).tolist()
    assert model.errors is not None
    assert model.errors.feature_set.numeric[-1] == PREDICTED


def test_an_estimator_that_refuses_is_named() -> None:
    model = fit_model(simulated_features(500), training("xgboost"))
    wrong = ERRORS.model.model_copy(update={"hyper_parameters": {"max_depth": -3}})
    with pytest.raises(RideDurationError, match=r"expected errors cannot be fitted.*see expected_errors.model"):
        fit_errors(model, simulated_features(500), training("xgboost"), ERRORS.model_copy(update={"model": wrong}))


@pytest.mark.parametrize("features", ["nothing", "zone_pair"])
def test_features_that_are_no_numbers_are_refused_before_anything_is_fitted(features: str) -> None:
    choice = ERRORS.model.model_copy(update={"features": features})
    with pytest.raises(RideDurationError, match=f"names '{features}', which is not a feature set of numbers alone"):
        fit_with_errors(simulated_features(1), training("xgboost"), ERRORS.model_copy(update={"model": choice}))
