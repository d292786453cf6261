"""`kedro run --pipelines=tuning`: what it leaves, what uses it, and what a kill does to it."""

import importlib.util
import json
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ride_duration.hooks.tracking import EXPERIMENT
from tests.conftest import Project

#: One worker makes what these tests share.
TUNING_ALONE = ("--pipelines=tuning", "--namespaces=tuning")
TRIALS = "08_reporting/tuning_trials.csv"
FINISHED = "select count(*) from trials where state in ('COMPLETE', 'PRUNED')"


def with_features(root: Path, finished: Project) -> Project:
    """A project whose months are split already."""
    project = Project(root)
    shutil.copytree(finished.root / "data", root / "data", dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlflow"))
    project.with_tracking_store()
    return project


def tracked(project: Project) -> list[Any]:
    """The MLflow runs of a project, last first."""
    from mlflow import MlflowClient

    mlflow = MlflowClient(f"sqlite:///{project.data('mlflow/mlflow.db')}")
    return list(mlflow.search_runs([mlflow.get_experiment_by_name(EXPERIMENT).experiment_id]))


def kinds(project: Project) -> dict[str, list[Any]]:
    """The MLflow runs by kind, first first."""
    found: dict[str, list[Any]] = {"tuning": [], "trial": [], "training": []}
    for run in reversed(tracked(project)):
        found[run.data.tags["kind"]].append(run)
    return found


@pytest.fixture(scope="module")
def tuned(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A project in which ridge was tuned, without anything that disturbed it, and what was said; to be looked at."""
    project = with_features(tmp_path_factory.mktemp("tuned") / "project", finished)
    ended = project.run("model=ridge", *TUNING_ALONE)
    assert ended.code == 0, ended.err
    return project, ended.out


def test_tuning_ends_with_what_it_found_and_what_to_type_next(tuned: tuple[Project, str]) -> None:
    project, out = tuned
    assert "4 trials" in out
    assert "SIMULATED" in out
    assert 'kedro run --env test --params="model=ridge_tuned"' in out
    assert "conf/test/parameters_tuned_ridge.yml" in out
    found = json.loads(project.data("08_reporting/tuning_result.json").read_text())
    entry = yaml.safe_load((project.root / "conf/test/parameters_tuned_ridge.yml").read_text())["models"]["ridge_tuned"]
    assert entry["hyper_parameters"] == found["hyper_parameters"]
    assert found["best"]["objective"] <= found["first"]["objective"]


def test_each_trial_is_a_run_below_the_one_of_tuning(tuned: tuple[Project, str]) -> None:
    project, _ = tuned
    by_kind = kinds(project)
    [parent] = by_kind["tuning"]
    assert (parent.info.run_name, parent.info.status) == ("tuning of ridge 2021-01", "FINISHED")
    assert parent.data.params["search_space.alpha.high"] == "100.0"
    assert parent.data.params["tuning.trials"] == "4"
    trials = pd.read_csv(project.data(TRIALS))
    assert parent.data.metrics["best.objective"] == trials["objective"].min()
    assert [run.info.run_name for run in by_kind["trial"]] == [f"trial {number}" for number in (1, 2, 3, 4)]
    for run, (_, trial) in zip(by_kind["trial"], trials.iterrows(), strict=True):
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["state"] == trial["state"]
        assert run.data.metrics["objective"] == trial["objective"]
        assert run.data.params == {"alpha": str(trial["alpha"])}
        assert run.info.status == "FINISHED"


def test_a_later_run_picks_what_was_found_by_its_name(tuned: tuple[Project, str], tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    shutil.copytree(tuned[0].root, project.root, dirs_exist_ok=True)
    ended = project.run("model=ridge_tuned", "--pipelines=data_science")
    assert ended.code == 0, ended.err
    assert "ridge_tuned" in ended.out
    table = project.root / "runs.csv"
    assert project.kedro("runs", "compare", "--csv", str(table)).code == 0
    assert list(pd.read_csv(table)["model"]) == ["ridge_tuned"]
    again = project.run("model=ridge_tuned", *TUNING_ALONE)
    assert again.code == 1
    assert "models.ridge_tuned has no search_space to tune in; these have one: lasso, ridge" in again.err


def test_each_environment_has_what_was_found_in_it(tuned: tuple[Project, str], tmp_path: Path) -> None:
    project = Project.copy_of(tuned[0], tmp_path / "project")
    found = (project.root / "conf/test/parameters_tuned_ridge.yml").read_bytes()
    assert not [*(project.root / "conf/base").glob("parameters_tuned*")]
    ended = project.kedro("run", "--params", "model=ridge,trials=1", *TUNING_ALONE)
    assert ended.code == 0, ended.err
    assert "conf/local/parameters_tuned_ridge.yml holds ridge_tuned from now on." in ended.out
    assert (project.root / "conf/test/parameters_tuned_ridge.yml").read_bytes() == found
    head = (project.root / "conf/local/parameters_tuned_ridge.yml").read_text()
    assert "# kedro run --env local --pipelines=tuning --params=" in head
    for env, words in (("local", "models.ridge_tuned has no search_space"), ("tlc", "unknown model 'ridge_tuned'")):
        ended = project.kedro("run", "--env", env, "--params=model=ridge_tuned", *TUNING_ALONE)
        assert words in ended.err


def test_one_command_tunes_from_nothing_and_other_validation_months_change_nothing(
    project: Project, tuned: tuple[Project, str]
) -> None:
    ended = project.run("model=ridge,val_data=2021-03,trials=2", "--pipelines=tuning")
    assert ended.code == 0, ended.err
    assert '--params="model=ridge_tuned,val_data=2021-03"' in ended.out
    trials, other = pd.read_csv(project.data(TRIALS)), pd.read_csv(tuned[0].data(TRIALS))
    pd.testing.assert_frame_equal(trials, other[:2])


def test_a_killed_command_goes_on_where_it_was_and_ends_as_if_nothing_had_happened(
    finished: Project, tuned: tuple[Project, str], tmp_path: Path
) -> None:
    project = with_features(tmp_path / "project", finished)
    database = project.data("06_models/tuning.db")
    process = project.start("kedro", "run", "--env=test", "--params=model=ridge,trials=1000", *TUNING_ALONE)
    while not (done := finished_trials(database)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 1 <= done < 4
    ended = project.run("model=ridge", *TUNING_ALONE)
    assert ended.code == 0, ended.err
    assert project.data(TRIALS).read_bytes() == tuned[0].data(TRIALS).read_bytes()
    assert finished_trials(database) == 4
    by_kind = kinds(project)
    assert [run.info.status for run in by_kind["tuning"]] == ["KILLED", "FINISHED"]
    assert by_kind["trial"][-1].info.run_name == "trial 4"


def finished_trials(database: Path) -> int:
    """How many trials have ended well, as the file says."""
    if not database.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return int(connection.execute(FINISHED).fetchone()[0])
    except sqlite3.OperationalError:  # its tables are not there yet
        return 0


def test_without_mlflow_tuning_ends_well_and_without_optuna_it_says_what_to_install(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    project = with_features(tmp_path / "project", finished)
    find_spec = importlib.util.find_spec
    missing = {"mlflow"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else find_spec(name))
    ended = project.run("model=ridge,trials=1", *TUNING_ALONE)
    assert ended.code == 0, ended.err
    assert any("not tracked" in message for message in caplog.messages)
    missing.add("optuna")
    ended = project.run("model=ridge,trials=1", *TUNING_ALONE)
    assert ended.code == 1
    assert ended.err == "Error: tuning needs Optuna; `pip install 'ride_duration[tuning]'` brings it\n"
