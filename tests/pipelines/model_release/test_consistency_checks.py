"""What is released must be of one run."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.model_release.consistency_checks import (
    refuse_other_metrics,
    refuse_other_models,
    refuse_other_trips,
)
from tests.support.evaluation import measured
from tests.support.gate import judged
from tests.support.models import fitted, fitted_intervals
from tests.support.packages import SIMULATED, package, packaging, released_splits, trained
from tests.support.trips import experiment


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"train_data": "2020-12"}, "made with train_data=2021-01, not 2020-12"),
        ({"val_data": "2021-04"}, "made with val_data=2021-02, not 2021-04"),
        ({"test_data": "2021-05"}, "made with test_data=None, not 2021-05"),
        ({"taxi_type": "yellow"}, "made with taxi_type=green, not yellow"),
        (SIMULATED, "made with source=tlc, not simulated"),
    ],
)
def test_the_model_of_another_run_is_not_packaged(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(RideDurationError) as told:
        refuse_other_metrics(measured(), experiment(**changed), packaging("xgboost"))
    assert words in str(told.value)
    assert "give the same --params and --env" in str(told.value)


def test_another_model_than_the_one_that_was_trained_is_not_packaged() -> None:
    with pytest.raises(RideDurationError, match="made with model=xgboost, not ridge"):
        refuse_other_metrics(measured(), experiment(), packaging("ridge"))


@pytest.mark.parametrize("part", [0, 1])
def test_models_that_were_trained_with_other_parameters_are_not_packaged(part: int) -> None:
    models = [trained(fitted("xgboost"), "these"), trained(fitted_intervals(), "these")]
    refuse_other_models(models, "these")
    for other in (trained(models[part], "others"), replace(models[part], origin=None)):
        models[part] = other
        with pytest.raises(RideDurationError, match=r"was trained with other parameters .* run all of `kedro run`"):
            refuse_other_models(models, "these")


MADE = {"service": "green", "source": "tlc", "train_data": ["2021-01"], "val_data": ["2021-02"], "test_data": []}


def trips(*months: str, **changed: str) -> pd.DataFrame:
    """Rows of these months."""
    return pd.DataFrame({"month": months}, dtype="str").assign(**{"service": "green", "source": "tlc"} | changed)


def test_trips_of_the_months_that_a_model_was_made_with_are_taken() -> None:
    refuse_other_trips(MADE, train=trips("2021-01", "2021-01"), val=trips("2021-02"), test=trips())


@pytest.mark.parametrize(
    ("split", "rows", "words"),
    [
        (
            "val",
            trips("2021-01"),
            "the val_features that lie in data/ are green trips of 2021-01 from the source 'tlc'",
        ),
        ("val", trips("2021-02", "2021-03"), "are green trips of 2021-02, 2021-03 from"),
        ("val", trips("2021-02", source="simulated"), "are green trips of 2021-02 from the source 'simulated', and"),
        ("val", trips("2021-02", service="yellow"), "are yellow trips of 2021-02"),
        ("val", trips(), "are no trips, and the model was made with green trips of 2021-02 from the source 'tlc'"),
        ("train", trips("2021-03"), "the train_features that lie in data/ are green trips of 2021-03"),
        ("test", trips("2021-03"), "and the model was made with no trips: another run has written over them"),
    ],
)
def test_other_trips_are_refused_with_what_they_are_and_what_to_run(split: str, rows: Any, words: str) -> None:
    with pytest.raises(RideDurationError) as told:
        refuse_other_trips(MADE, **{split: rows})
    assert words in str(told.value)
    assert "`kedro run` with the --params and --env of the model makes all of it again" in str(told.value)


def test_a_package_is_not_judged_on_the_month_that_it_learnt_from() -> None:
    with pytest.raises(RideDurationError, match="the val_features that lie in data/ are green trips of 2021-01"):
        judged(package(), val=released_splits()["train_features"])
    with pytest.raises(
        RideDurationError, match="trained on 2021-01, and may not be evaluated on what it was trained on"
    ):
        refuse_other_trips(MADE | {"test_data": ["2021-01"]})
