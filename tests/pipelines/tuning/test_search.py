"""The search: begins with what is there, judges in the order of time, stops early, and goes on after a kill."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from optuna.trial import TrialState

from ride_duration.datasets.study import StudyStore
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.parameters import Experiment, Training
from ride_duration.pipelines.data_science.training import fit
from ride_duration.pipelines.tuning.folds import make_folds
from ride_duration.pipelines.tuning.parameters import Tuning
from ride_duration.pipelines.tuning.search import check_search, tune_model
from tests.support.models import CONFIGURED, simulated_features, training

EXPERIMENT = Experiment(
    source="simulated",
    sources={"simulated": None},
    taxi_type="green",
    train_data="2021-01",
    val_data="2021-03",
    engine_threads=1,
)
#: Enough trials for some to be suggested by TPE, which begins with ten at random.
TUNING = Tuning(trials=12, folds=2, fold_share=0.2, trials_before_pruning=3)
SPACE = {"shift": {"low": -20.0, "high": 20.0}, "scale": {"low": 1, "high": 64, "log": True}}


class Mean:
    """Answers the mean of what it learnt, shifted: a regressor whose best hyper-parameters are known."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {"shift": -1.0, "scale": 1, "kind": "a"}

    def get_params(self) -> dict[str, Any]:
        return dict(self.settings)

    def set_params(self, **settings: Any) -> None:
        """Take them."""
        self.settings |= settings

    def fit(self, X: Any, y: NDArray[np.float64]) -> None:
        if self.settings["shift"] > 15:
            raise ValueError("too far")
        self.mean = y.mean()

    def predict(self, X: Any) -> NDArray[np.float64]:
        answer = (
            np.nan if self.settings["kind"] == "nan" else self.mean + self.settings["shift"] * self.settings["scale"]
        )
        return np.full(len(X), answer)


def tunable(own: dict[str, Any] | None = None, **entry: Any) -> Training:
    """The zoo with the model `m`, a `Mean`, chosen."""
    chosen = {
        "estimator": f"{__name__}.Mean",
        "features": "stateless",
        "distance": "optional",
        "search_space": SPACE | {"shift": {"low": -20.0, "high": 10.0}},
    }
    return training("m", chosen | {"hyper_parameters": own or {"shift": 5.0, "scale": 2}} | entry)


@cache
def rows() -> pd.DataFrame:
    """Training trips."""
    return simulated_features(600)


def tune(folder: Path, chosen: Training, tuning: Tuning = TUNING, store: StudyStore | None = None) -> Any:
    """Trials and what was found."""
    return tune_model(rows(), chosen, EXPERIMENT, tuning, store or StudyStore(folder / "tuning.db"))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A study that nothing disturbed; to be looked at."""
    table, found = tune(tmp_path_factory.mktemp("study"), tunable())
    return table, found


def test_the_first_trial_has_the_values_of_the_entry_and_the_best_is_never_worse(
    tuned: tuple[pd.DataFrame, dict[str, Any]],
) -> None:
    trials, found = tuned
    assert list(trials["trial"]) == list(range(1, 13))
    assert (trials.loc[0, "shift"], trials.loc[0, "scale"], trials.loc[0, "state"]) == (5.0, 2, "complete")
    complete = trials[trials["state"] == "complete"]
    assert found["best"]["objective"] == complete["objective"].min() < found["first"]["objective"]
    assert found["first"]["objective"] == trials.loc[0, "objective"]
    best = trials.set_index("trial").loc[found["best"]["trial"]]
    assert found["hyper_parameters"] == {"shift": best["shift"], "scale": best["scale"]}
    assert found["trials"] == 12
    assert found["pruned"] == (trials["state"] == "pruned").sum()


def test_values_stay_in_their_ranges_and_have_few_digits(tuned: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    trials, _ = tuned
    assert trials["shift"].between(-20, 10).all()
    assert trials["scale"].between(1, 64).all()
    assert trials["scale"].dtype.kind == "i"
    assert all(float(f"{value:.4g}") == value for value in trials["shift"])
    assert not trials.duplicated(["shift", "scale"]).any()


def test_the_objective_is_the_mean_over_folds_of_the_mean_of_both_errors(
    tuned: tuple[pd.DataFrame, dict[str, Any]],
) -> None:
    first = tuned[0].iloc[0]
    errors = []
    for fold in make_folds(rows(), 2, 0.2):
        error = fold.train["duration"].mean() + 5.0 * 2 - fold.evaluation["duration"]
        errors.append(np.sqrt((error**2).mean()))
    assert [first["rmse_1"], first["rmse_2"]] == pytest.approx(errors, abs=1e-5)
    assert [first["rmse_without_distance_1"], first["rmse_without_distance_2"]] == pytest.approx(errors, abs=1e-5)
    assert first["objective"] == pytest.approx(np.mean(errors), abs=1e-5)
    assert tuned[1]["first"]["rmse"] == pytest.approx(np.mean(errors), abs=1e-5)


def test_a_fold_is_judged_by_the_model_that_production_would_fit(tmp_path: Path) -> None:
    chosen = training("xgboost", n_estimators=10).model_copy()
    trials, found = tune(tmp_path, chosen, TUNING.model_copy(update={"trials": 1, "folds": 1}))
    [fold] = make_folds(rows(), 1, 0.2)
    model = fit("xgboost", fold.train, chosen)
    for name, predicted in (
        ("rmse", model.predict(fold.evaluation)),
        ("rmse_without_distance", model.predict_without_distance(fold.evaluation)),
    ):
        assert found["first"][name] == pytest.approx(
            np.sqrt(np.mean((predicted - fold.evaluation["duration"]) ** 2)), abs=1e-5
        )
    assert found["first"]["objective"] == pytest.approx(trials.filter(like="rmse").iloc[0].mean(), abs=1e-5)


def test_a_model_that_needs_the_distance_is_judged_with_it_only(tmp_path: Path) -> None:
    trials, found = tune(tmp_path, training("ridge"), TUNING.model_copy(update={"trials": 2}))
    assert trials.filter(like="without").isna().all(axis=None)
    assert trials.loc[0, "objective"] == pytest.approx(
        trials.loc[0, ["rmse_1", "rmse_2"]].astype(float).mean(), abs=1e-5
    )
    assert found["best"]["rmse_without_distance"] is None


def test_hopeless_trials_are_stopped_after_the_first_fold(tuned: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    trials, _ = tuned
    pruned = trials[trials["state"] == "pruned"]
    assert len(pruned)
    assert pruned["trial"].min() > TUNING.trials_before_pruning
    assert pruned["rmse_2"].isna().all()
    for _, trial in pruned.iterrows():
        before = trials[(trials["trial"] < trial["trial"]) & (trials["state"] == "complete")]
        assert trial["rmse_1"] > before["rmse_1"].median()


def test_the_same_seed_gives_the_same_trials_and_another_seed_others(
    tuned: tuple[pd.DataFrame, dict[str, Any]], tmp_path: Path
) -> None:
    again, found = tune(tmp_path, tunable())
    pd.testing.assert_frame_equal(again, tuned[0])
    assert found == tuned[1]
    other, _ = tune(tmp_path, tunable().model_copy(update={"seed": 7}))
    assert other.loc[0, "objective"] == again.loc[0, "objective"]
    assert not set(other["shift"][1:]) & set(again["shift"][1:])


def test_an_interrupted_study_ends_as_if_it_had_not_been_interrupted(
    tuned: tuple[pd.DataFrame, dict[str, Any]], tmp_path: Path
) -> None:
    for stopped_after in (1, 2, 7):
        store = StudyStore(tmp_path / "tuning.db")
        ended = 0

        def interrupt(study: Any, trial: Any, stopped_after: int = stopped_after) -> None:
            nonlocal ended
            ended += 1
            if ended == stopped_after:
                study.ask()  # is at work on the next one
                raise KeyboardInterrupt

        store.listeners.append(interrupt)
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path, tunable(), store=store)
    resumed, found = tune(tmp_path, tunable())
    pd.testing.assert_frame_equal(resumed, tuned[0])
    assert found == tuned[1]


def test_the_first_trial_is_made_anew_when_it_was_cut_off(
    tuned: tuple[pd.DataFrame, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Mean, "fit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path, tunable())
    resumed, _ = tune(tmp_path, tunable())
    pd.testing.assert_frame_equal(resumed, tuned[0])


def test_more_trials_go_on_with_the_study_and_fewer_leave_it(
    tuned: tuple[pd.DataFrame, dict[str, Any]], tmp_path: Path
) -> None:
    for trials, there in ((2, 2), (4, 4), (3, 4)):
        table, _ = tune(tmp_path, tunable(), TUNING.model_copy(update={"trials": trials}))
        pd.testing.assert_frame_equal(table, tuned[0][table.columns][:there])


@pytest.mark.parametrize(
    "changed",
    [
        {"chosen": tunable({"shift": 4.0, "scale": 2})},
        {"chosen": tunable(search_space=SPACE | {"shift": {"low": -19.0, "high": 10.0}})},
        {"chosen": tunable().model_copy(update={"seed": 1})},
        {"tuning": TUNING.model_copy(update={"fold_share": 0.25, "trials": 1})},
    ],
)
def test_another_command_begins_a_study_of_its_own(changed: dict[str, Any], tmp_path: Path) -> None:
    one = TUNING.model_copy(update={"trials": 1})
    _, first = tune(tmp_path, tunable(), one)
    _, other = tune(tmp_path, **({"chosen": tunable(), "tuning": one} | changed))
    assert other["trials"] == 1
    assert other["study"] != first["study"]


def test_other_data_begin_a_study_of_their_own(tmp_path: Path) -> None:
    store, one = StudyStore(tmp_path / "tuning.db"), TUNING.model_copy(update={"trials": 1})
    longer = rows().assign(duration=rows()["duration"] + 1)
    names = {tune_model(table, tunable(), EXPERIMENT, one, store)[1]["study"] for table in (rows(), longer)}
    assert len(names) == 2


def test_neither_validation_nor_test_months_have_a_say(tmp_path: Path) -> None:
    one = TUNING.model_copy(update={"trials": 1})
    _, first = tune(tmp_path, tunable(), one)
    elsewhere = EXPERIMENT.model_copy(update={"val_data": "2021-05", "test_data": "2021-06"})
    _, other = tune_model(rows(), tunable(), elsewhere, one, StudyStore(tmp_path / "tuning.db"))
    assert other == first


def test_choices_are_tried_as_they_are(tmp_path: Path) -> None:
    chosen = tunable({"kind": "a"}, search_space={"kind": {"choices": ["a", "b", 3, True]}})
    trials, found = tune(tmp_path, chosen, TUNING.model_copy(update={"trials": 6}))
    assert set(trials["kind"]) <= {"a", "b", 3, True}
    assert trials["kind"].nunique() > 1
    assert found["hyper_parameters"]["kind"] in {"a", "b", 3, True}


def test_values_that_the_estimator_refuses_are_told(tmp_path: Path) -> None:
    chosen = tunable({"shift": 16.0}, search_space={"shift": {"low": 15.5, "high": 20.0}})
    with pytest.raises(RideDurationError, match=r"'m' cannot be fitted: too far; .* had tried \{'shift': 16.0\}"):
        tune(tmp_path, chosen)


def test_a_model_without_numbers_is_told_and_not_tried_forever(tmp_path: Path) -> None:
    chosen = tunable({"kind": "nan"}, search_space={"kind": {"choices": ["nan", "b"]}})
    with pytest.raises(RideDurationError, match=r"'m' answers no numbers with .*narrow models\.m\.search_space"):
        tune(tmp_path, chosen)


def test_listeners_hear_of_each_trial_when_it_ends(tmp_path: Path) -> None:
    store, heard = StudyStore(tmp_path / "tuning.db"), []
    store.listeners.append(lambda study, trial: heard.append(trial.state))
    trials, _ = tune(tmp_path, tunable(), TUNING.model_copy(update={"trials": 6}), store)
    assert [state.name.lower() for state in heard] == list(trials["state"])
    assert set(heard) == {TrialState.COMPLETE, TrialState.PRUNED}


def test_progress_is_told_by_trial(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ride_duration")
    tune(tmp_path, tunable(), TUNING.model_copy(update={"trials": 5}))
    told = [message.strip() for message in caplog.messages]
    assert "fold: train on 480 trips, evaluate on 120 of 2021-01" in told
    assert [message.split(":")[0] for message in told if message.startswith("trial")] == [
        f"trial {number}/5" for number in range(1, 6)
    ]
    assert "looking for the number of rounds" not in caplog.text


@pytest.mark.parametrize(
    "model", [name for name in CONFIGURED["models"] if "search_space" in CONFIGURED["models"][name]]
)
def test_every_shipped_search_space_is_fit_for_use(model: str) -> None:
    check_search(training(model, CONFIGURED["models"][model]))


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (training("mean"), r"models\.mean has no search_space .* these have one: lasso, ridge, random_forest"),
        (tunable({"scale": 2}), r"models\.m\.hyper_parameters\.shift is missing"),
        (tunable({"shift": 11.0, "scale": 2}), r"shift is 11\.0, but its search_space is -20\.0 to 10\.0; widen"),
        (tunable({"shift": 1.0, "scale": 2.5}), r"scale is 2\.5, but its search_space is 1 to 64"),
        (
            tunable({"kind": "c"}, search_space={"kind": {"choices": ["a", "b"]}}),
            r"kind is c, but its search_space is a, b",
        ),
    ],
)
def test_a_model_that_cannot_be_tuned_is_told_why(chosen: Training, words: str, tmp_path: Path) -> None:
    with pytest.raises(RideDurationError, match=words):
        check_search(chosen)
    with pytest.raises(RideDurationError, match=words):
        tune(tmp_path, chosen)
