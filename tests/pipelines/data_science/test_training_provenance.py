"""Where a model comes from is kept with it."""

from typing import Any

import pytest

from ride_duration.pipelines.data_science.duration_model import Origin
from ride_duration.pipelines.data_science.parameters import ExpectedErrors
from ride_duration.pipelines.data_science.training_provenance import settings_hash, train_intervals, train_model
from tests.support.models import CONFIGURED, intervals, simulated_features, training
from tests.support.trips import experiment


def test_what_was_trained_knows_its_run_and_its_settings() -> None:
    asked = (simulated_features(500), training("xgboost"), experiment(), intervals())
    errors = ExpectedErrors(**CONFIGURED["expected_errors"])
    expected = Origin("a run", settings_hash(experiment(), training("xgboost"), intervals()))
    assert train_intervals(*asked, "a run").origin == expected
    own = Origin("a run", settings_hash(experiment(), training("xgboost"), intervals(), errors))
    assert own != expected
    assert train_model(*asked, errors, "a run").origin == own
    assert train_model(*asked, errors, None).origin == own._replace(run_id=None)


def test_trainings_that_left_out_other_days_are_told_apart() -> None:
    asked = (simulated_features(500), training("xgboost"), experiment(), intervals())
    report = {"2021-01": {"incident_days": [{"day": "2021-01-05", "why": "level", "trips": 9}]}, "2021-02": {}}
    of_all = train_intervals(*asked, "a run", {"2021-01": {}, "2021-02": {}}).origin
    of_others = train_intervals(*asked, "a run", report).origin
    assert of_all == Origin("a run", settings_hash(experiment(), training("xgboost"), intervals()))
    hashed = settings_hash(experiment(), training("xgboost"), intervals(), left_out=["2021-01-05"])
    assert of_others == Origin("a run", hashed) != of_all


def settings(months: dict[str, Any] | None = None, seed: int = 42, **hyper_parameters: Any) -> str:
    zoo = training("xgboost", **hyper_parameters).model_copy(update={"seed": seed})
    return settings_hash(experiment(**months or {}), zoo, intervals())


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 43},
        {"max_leaves": 7},
        {"months": {"train_data": "2020-12"}},
        {"months": {"taxi_type": "yellow"}},
        {"months": {"source": "other", "sources": {"other": None}}},
    ],
)
def test_what_a_model_depends_on_changes_its_settings(changed: dict[str, Any]) -> None:
    assert settings(**changed) != settings()


def test_other_intervals_or_columns_are_other_settings() -> None:
    zoo = training("xgboost")
    fewer = zoo.feature_sets["stateless"].model_copy(update={"numeric": ("hour",)})
    others = [
        settings_hash(experiment(), zoo, intervals(share=0.3)),
        settings_hash(experiment(), zoo.model_copy(update={"feature_sets": {"stateless": fewer}}), intervals()),
    ]
    assert settings() not in others


def test_other_expected_errors_are_other_settings() -> None:
    errors = ExpectedErrors(**CONFIGURED["expected_errors"])
    others = [
        errors.model_copy(update={"share": errors.share / 2}),
        errors.model_copy(update={"model": errors.model.model_copy(update={"hyper_parameters": {"max_depth": 1}})}),
    ]
    found = {settings_hash(experiment(), training("xgboost"), intervals(), given) for given in (errors, *others)}
    assert len(found) == 3


def test_what_a_model_does_not_depend_on_leaves_its_settings() -> None:
    assert settings({"val_data": "2021-05", "test_data": "2021-06", "engine_threads": 7}) == settings()
    other = training("xgboost", CONFIGURED["models"]["xgboost"] | {"search_space": {}})
    usual = training("xgboost", CONFIGURED["models"]["xgboost"])
    assert settings_hash(experiment(), other, intervals()) == settings_hash(experiment(), usual, intervals())
