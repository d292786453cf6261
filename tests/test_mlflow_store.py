"""MLflow's store as `conf/` names it, whatever the environment says and wherever the project lies."""

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import mlflow
import pytest

from ride_duration import mlflow_store
from ride_duration.errors import RegistryUnavailable, RideDurationError
from ride_duration.mlflow_reader import open_reader
from ride_duration.mlflow_store import EXPERIMENT, connect
from ride_duration.runs.tracked_runs import TrackedRuns, find_run

SETTINGS = {"uri": "sqlite:///data/mlflow/mlflow.db", "artifacts": "data/mlflow/artifacts"}


@pytest.fixture(scope="module")
def once_tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("store") / "project"
    with mlflow.start_run(experiment_id=connect(project, SETTINGS, EXPERIMENT)):
        mlflow.log_dict({"model": "ridge"}, "parameters.json")
    return project


@pytest.fixture
def tracked(once_tracked: Path, tmp_path: Path) -> Path:
    """A project with one tracked run, in another place than where it was tracked."""
    return Path(shutil.copytree(once_tracked, tmp_path / "an odd name, it's #1 & 'é'; $HOME (+~@)"))


def test_runs_of_a_copied_or_renamed_project_are_found_with_their_files(tracked: Path, once_tracked: Path) -> None:
    [before] = TrackedRuns(once_tracked, SETTINGS).find_all()
    [run] = TrackedRuns(tracked, SETTINGS).find_all()
    assert find_run([run], before.run_id[:8]).run_id == before.run_id
    own = tracked / "data/mlflow/artifacts" / run.run_id / "artifacts/parameters.json"
    own.write_text(json.dumps({"model": "its own"}))
    assert TrackedRuns(tracked, SETTINGS).read_parameters(run) == {"model": "its own"}
    with mlflow.start_run(experiment_id=connect(tracked, SETTINGS, EXPERIMENT)) as later:
        pass
    found = TrackedRuns(tracked, SETTINGS).find_all()
    assert [each.run_id for each in found] == [later.info.run_id, run.run_id]
    assert sorted(path.name for path in tracked.parent.iterdir()) == [tracked.name]


@pytest.mark.parametrize(
    "variable",
    ["MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"],
)
def test_what_another_project_left_in_the_environment_redirects_nothing(
    tracked: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "0123456789abcdef0123456789abcdef")
    experiment = connect(tracked, SETTINGS, EXPERIMENT)
    with mlflow.start_run(experiment_id=experiment) as run:
        pass
    assert run.info.experiment_id == experiment
    assert os.environ.get(variable) != "0123456789abcdef0123456789abcdef"
    assert mlflow.get_registry_uri() == mlflow.get_tracking_uri() == f"sqlite:///{tracked}/data/mlflow/mlflow.db"


def test_a_deleted_experiment_is_named_with_the_command_that_restores_it(tracked: Path) -> None:
    experiment = connect(tracked, SETTINGS, EXPERIMENT)
    mlflow.MlflowClient().delete_experiment(experiment)
    for _ in range(2):
        with pytest.raises(RegistryUnavailable, match=rf"{experiment} of .* restore --experiment-id {experiment}`"):
            TrackedRuns(tracked, SETTINGS).find_all()
    mlflow.MlflowClient().restore_experiment(experiment)
    assert connect(tracked, SETTINGS, EXPERIMENT) == experiment


def test_a_locked_store_is_named_after_one_try(tracked: Path) -> None:
    holder = sqlite3.connect(tracked / "data/mlflow/mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RegistryUnavailable, match="is locked by another program"):
        connect(tracked, SETTINGS, EXPERIMENT)
    holder.close()


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1 cannot be reached"),
        ("http://", "`tracking.uri` in conf/ is http://, which cannot be used"),
        ("postgresql+psycopg://ana:secret@127.0.0.1:1/mlflow", r"ana:\*\*\*@127.0.0.1:1/mlflow cannot be reached"),
        ("moon://base", "`tracking.uri` in conf/ is moon://base, which cannot be used"),
        ("sqlite//data/mlflow.db", "cannot be used"),
    ],
)
def test_an_address_that_does_not_answer_is_named_after_one_try(tmp_path: Path, uri: str, message: str) -> None:
    with pytest.raises(RegistryUnavailable, match=message):
        connect(tmp_path, SETTINGS | {"uri": uri}, EXPERIMENT)


@pytest.fixture
def other_server() -> Iterator[str]:
    """Address of a web server that is none of MLflow's."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_web_server_that_is_not_mlflows_is_not_called_away(tmp_path: Path, other_server: str) -> None:
    with pytest.raises(RegistryUnavailable, match=f"{other_server} answers, but not as an MLflow server"):
        connect(tmp_path, SETTINGS | {"uri": other_server}, EXPERIMENT)


def test_a_folder_in_the_place_of_the_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "data/mlflow/mlflow.db").mkdir(parents=True)
    with pytest.raises(RideDurationError, match=r"mlflow\.db is a folder, and a file is needed"):
        connect(tmp_path, SETTINGS, EXPERIMENT)


def test_the_name_of_a_long_place_is_cut(tracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_store, "_LONGEST_NAME", 60)
    experiment = connect(tracked, SETTINGS, EXPERIMENT)
    [present, earlier] = open_reader(tracked, SETTINGS).experiments(EXPERIMENT)
    assert present == experiment
    assert len(mlflow.get_experiment(earlier).name) == 60


def test_an_experiment_says_what_it_is_and_opens_on_its_runs_and_no_empty_one_stands_beside_it(tmp_path: Path) -> None:
    experiment = mlflow.get_experiment(connect(tmp_path, SETTINGS, EXPERIMENT))
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert "Trainings" in experiment.tags["mlflow.note.content"]
    assert [found.name for found in mlflow.search_experiments()] == [EXPERIMENT]


def test_a_default_experiment_that_somebody_uses_stays(tmp_path: Path) -> None:
    connect(tmp_path, SETTINGS, "another")
    client = mlflow.MlflowClient()
    client.restore_experiment("0")
    client.create_run("0")
    connect(tmp_path, SETTINGS, EXPERIMENT)
    assert "Default" in {found.name for found in mlflow.search_experiments()}
