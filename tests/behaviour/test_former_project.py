"""What exists stays usable: a project of an earlier release is listed, served, rolled back and compared."""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

from ride_duration.registry import Registry
from tests.conftest import Project
from tests.registry.store import SETTINGS
from tests.support.former_project import open_former_project
from tests.support.serving.service import Running

MODEL = "ride-duration-green-simulated"
LOG = "serving/predictions.db"

#: Logged before the service was killed: 60 rides, each answered by the champion and by the shadow.
INSERTED = 120
#: Acknowledged while the database was locked: they stand in the journal alone.
JOURNALLED = 10


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return open_former_project(tmp_path_factory.mktemp("former") / "project")


def read_json(project: Project, *command: str) -> Any:
    ended = project.kedro(*command, "--env", "test", "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def select(project: Project, question: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(project.data(LOG)) as connection:
        return connection.execute(question).fetchall()


def serve(project: Project) -> Running:
    """The service of today, on the folder, the log and the plan that the project has."""
    plan = yaml.safe_load((project.root / "conf/base/parameters_rollout.yml").read_text())["rollout"]
    own = {"instance": "9747", "folder": "data/serving", "store": f"sqlite:///data/{LOG}", "rollout": plan}
    return Running(project.root, MODEL, api_keys="conf/local/api_keys.json", **own)


def test_versions_and_history_are_listed(former: Project) -> None:
    versions = {version["version"]: version["status"] for version in read_json(former, "models", "list")}
    assert versions == {1: "champion", 2: "former champion", 3: "rejected", 4: "awaiting approval"}
    assert [entry["version"] for entry in read_json(former, "models", "history")] == [1, 2, 1]


def read_files(project: Project) -> dict[Path, tuple[int, bytes]]:
    """Time of change and hash of each file below `data/`."""
    files = (path for path in project.data("").rglob("*") if path.is_file())
    return {path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).digest()) for path in files}


def test_commands_that_only_read_write_nothing(former: Project) -> None:
    """Although the project was moved, and one of its decisions was not finished."""
    with sqlite3.connect(former.data("mlflow/mlflow.db")) as connection:
        connection.execute("UPDATE runs SET status = 'RUNNING' WHERE name LIKE 'rollback%'")
        assert connection.total_changes == 1
    before = read_files(former)
    assert [entry["decision"] for entry in read_json(former, "models", "history")][-1] == "rollback"
    for command in (("models", "list"), ("runs", "compare")):
        ended = former.kedro(*command, "--env", "test")
        assert ended.code == 0, ended.err
    ended = former.kedro("rollout", "status", "--env", "test")
    assert "those of an older version; `kedro service start`" in ended.err  # which migrates its tables
    assert read_files(former) == before


def test_training_runs_are_compared_after_the_project_was_moved(former: Project) -> None:
    ended = former.kedro("runs", "compare", "--env", "test")
    assert ended.code == 0, ended.err
    assert ended.out.count("finished") == 4


@pytest.mark.parametrize("version", [1, 2, 4])
def test_packages_answer_as_they_did(former: Project, version: int) -> None:
    from ride_duration.model_package.golden import golden_error

    package = Registry(former.root, SETTINGS, MODEL).package(version)
    assert golden_error(package) < 0.01


def test_service_goes_on_with_log_journal_and_rollout(former: Project, tmp_path: Path) -> None:
    project = Project.copy_of(former, tmp_path / "project")
    assert select(project, "SELECT count(*) FROM predictions") == [(INSERTED,)]
    with serve(project) as service:
        service.until("/ready", lambda told: told)
        reply = service.post("/predict", {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 4})
        assert reply.status == 200
        assert reply.json["model_version"] == "1"
        service.until("/models", lambda told: told["rollout"] and told["rollout"]["stage"] == "shadow")
    rides = f"ride_id IN ({', '.join(repr(f'ride-{number}') for number in range(60, 70))}) AND variant = 'champion'"
    assert select(project, f"SELECT count(*) FROM predictions WHERE {rides}") == [(JOURNALLED,)]
    assert select(project, "SELECT count(*) FROM actuals") == [(40,)]
    assert read_json(project, "rollout", "status")["status"] == "running"
    decided = project.kedro("models", "promote", "2", "--by", "Ana", "--why", "back again", "--env", "test")
    assert decided.code == 0, decided.err
    assert [entry["version"] for entry in read_json(project, "models", "history")] == [1, 2, 1, 2]
