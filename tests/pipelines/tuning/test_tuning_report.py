"""What a study leaves behind: an entry of `models`, pictures, a text."""

from typing import Any

import pandas as pd
import pytest
import yaml

from ride_duration.pipelines.data_science.parameters import Training
from ride_duration.pipelines.tuning.tuning_report import (
    plot_tuning_history,
    plot_tuning_slices,
    summarise_tuning,
    write_tuned_entry,
)
from tests.support.models import CONFIGURED, training

BEST = {"learning_rate": 0.1234, "max_leaves": 31, "min_child_weight": 7}
FOUND: dict[str, Any] = {
    "study": "a study",
    "model": "xgboost",
    "train_data": "2021-01+2023-01",
    "service": "green",
    "source": "tlc",
    "simulated": False,
    "seed": 42,
    "folds": [{"month": "2021-01", "learnt": 80, "judged": 20}, {"month": "2023-01", "learnt": 180, "judged": 20}],
    "trials": 4,
    "pruned": 1,
    "first": {"trial": 1, "objective": 5.0, "rmse": 4.5, "rmse_without_distance": 5.5},
    "best": {"trial": 3, "objective": 4.75, "rmse": 4.25, "rmse_without_distance": 5.25},
    "hyper_parameters": BEST,
}
SIMULATED = FOUND | {"source": "simulated", "simulated": True}
TRIALS = pd.DataFrame(
    {
        "trial": [1, 2, 3, 4],
        "state": ["complete", "complete", "complete", "pruned"],
        "objective": [5.0, 5.5, 4.75, 9.0],
        **{name: [1.0, 2.0, 3.0, 4.0] for name in CONFIGURED["models"]["xgboost"]["search_space"]},
    }
)


def test_the_entry_is_complete_and_differs_in_what_was_tuned_only() -> None:
    own = training("xgboost")
    [(name, entry)] = yaml.safe_load(write_tuned_entry(FOUND, own, "tlc"))["models"].items()
    assert name == "xgboost_tuned"
    models = {key: choice.model_dump() for key, choice in own.models.items()} | {name: entry}
    tuned = Training(
        model=name, seed=1, baselines=own.baselines, feature_sets=CONFIGURED["feature_sets"], models=models
    ).choice
    assert tuned == own.choice.model_copy(
        update={"hyper_parameters": own.choice.hyper_parameters | BEST, "search_space": {}}
    )


def test_an_entry_leaves_away_what_the_model_has_not() -> None:
    text = write_tuned_entry(FOUND | {"model": "ridge", "hyper_parameters": {"alpha": 3.5}}, training("ridge"), "tlc")
    assert yaml.safe_load(text)["models"]["ridge_tuned"] == {
        "estimator": "sklearn.linear_model.Ridge",
        "features": "reference",
        "distance": "required",
        "hyper_parameters": {"alpha": 3.5},
    }


def test_a_hyper_parameter_may_be_none() -> None:
    entry = {"estimator": "sklearn.linear_model.Ridge", "features": "reference", "distance": "required"}
    own = training("m", entry, max_iter=None, alpha=1.0)
    found = FOUND | {"model": "m", "hyper_parameters": {"alpha": 2.0}}
    assert yaml.safe_load(write_tuned_entry(found, own, "tlc"))["models"]["m_tuned"]["hyper_parameters"] == {
        "max_iter": None,
        "alpha": 2.0,
    }


def test_the_head_of_the_entry_says_how_it_was_found() -> None:
    entry = write_tuned_entry(FOUND, training("xgboost"), "tlc")
    head = "".join(line for line in entry.splitlines() if line.startswith("#"))
    for words in (
        "kedro run --env tlc --params=model=xgboost_tuned",
        'kedro run --env tlc --pipelines=tuning --params="model=xgboost,train_data=2021-01+2023-01,',
        "taxi_type=green,source=tlc",
        "trials=4",
        "seed=42",
        "Mean RMSE",
        "2 folds",
        "4.750 minutes",
        "5.000",
    ):
        assert words in head
    assert "simulated" not in head
    assert "simulated trips" in write_tuned_entry(SIMULATED, training("xgboost"), "tlc")


def test_the_summary_puts_old_and_new_side_by_side() -> None:
    lines = {line[:28].strip(): line[28:].split() for line in summarise_tuning(FOUND, training("xgboost")).splitlines()}
    assert lines["RMSE with metered distance"] == ["4.500", "4.250"]
    assert lines["RMSE at request time"] == ["5.500", "5.250"]
    assert lines["their mean"] == ["5.000", "4.750"]
    assert lines["max_leaves"] == [str(CONFIGURED["models"]["xgboost"]["hyper_parameters"]["max_leaves"]), "31"]


def test_the_summary_says_of_which_trips_it_speaks() -> None:
    assert "green taxi, TLC trips" in summarise_tuning(FOUND, training("xgboost"))
    assert "SIMULATED" in summarise_tuning(SIMULATED, training("xgboost"))


def test_the_summary_says_when_nothing_better_was_found() -> None:
    words = "No trial did better than xgboost as it is"
    assert words not in summarise_tuning(FOUND, training("xgboost"))
    assert words in summarise_tuning(FOUND | {"best": FOUND["first"]}, training("xgboost"))


def test_a_model_that_needs_the_distance_has_one_figure() -> None:
    only_after = {"trial": 1, "objective": 4.5, "rmse": 4.5, "rmse_without_distance": None}
    found = FOUND | {"model": "ridge", "first": only_after, "best": only_after, "hyper_parameters": {"alpha": 1.0}}
    told = summarise_tuning(found, training("ridge"))
    assert "at request time" not in told
    assert "None" not in told


def test_the_history_shows_every_trial_and_the_best_so_far() -> None:
    complete, pruned, best = plot_tuning_history(TRIALS, FOUND).data
    assert (complete.x, complete.y) == ((1, 2, 3), (5.0, 5.5, 4.75))
    assert (pruned.x, pruned.y) == ((4,), (9.0,))
    assert best.y == (5.0, 5.0, 4.75)


def test_the_slices_show_the_complete_trials_by_hyper_parameter() -> None:
    figure = plot_tuning_slices(TRIALS, FOUND, training("xgboost"))
    assert [trace.name for trace in figure.data] == list(CONFIGURED["models"]["xgboost"]["search_space"])
    assert all((trace.x, trace.y) == ((1.0, 2.0, 3.0), (5.0, 5.5, 4.75)) for trace in figure.data)
    assert figure.layout.xaxis.type == "log"


@pytest.mark.parametrize(
    ("found", "words"), [(FOUND, "green TLC trips of 2021-01+2023-01"), (SIMULATED, "simulated trips")]
)
def test_pictures_say_of_which_trips_they_are(found: dict[str, Any], words: str) -> None:
    for figure in (plot_tuning_history(TRIALS, found), plot_tuning_slices(TRIALS, found, training("xgboost"))):
        assert words in figure.layout.title.subtitle.text
