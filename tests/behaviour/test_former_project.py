"""What exists stays usable: a project of an earlier release is listed, served, rolled back and compared."""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

from ride_duration.registry import Registry
from ride_duration.store.log_records import ActualRecord
from tests.conftest import Project
from tests.registry.store import SETTINGS
from tests.support.former_project import open_former_project
from tests.support.serving.service import Running
from tests.support.store.former_writer import FormerService

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


def monitor(project: Project, window: str) -> tuple[str, dict[str, Any]]:
    """What a run says, and its verdict; 60 rides are too few to decide on, with wild levels."""
    limits = {"min_days": 12, "min_rides": 40, "min_rides_of_a_day": 1, "incident_level": 9}
    few = ",".join(f"verdict_thresholds.{name}={value}" for name, value in limits.items())
    ended = project.kedro("monitor", "run", "--env=test", f"--window={window}", f"--params={few}")
    assert ended.code == 0, ended.err
    return ended.out, json.loads(project.data("08_reporting/verdict.json").read_text())


NOT_IN_THE_PACKAGE = ["drift: ", "expected error: "]


def test_its_log_is_monitored_while_its_service_goes_on_writing(former: Project, tmp_path: Path) -> None:
    """Its champion has neither reference nor error model, and answered with distances that contradict the zones."""
    project = Project.copy_of(former, tmp_path / "project")
    reports = [[ActualRecord(f"late-{number}", f"ride-{number}", 1.8e9, 8.0 + number % 11)] for number in range(40, 60)]
    again = [[ActualRecord(f"again-{number}", f"ride-{number % 60}", 1.8e9, 9.0)] for number in range(200)]
    with FormerService(f"sqlite:///{project.data(LOG)}", [*reports, *again]) as service:
        assert service.is_half_done.wait(60)
        monitor(project, "2021-03-01..2021-03-28")  # has migrated the store when the service goes on
        service.go_on.set()
        while service.written < len(reports) + len(again):
            monitor(project, "2021-03-01..2021-03-28")
    assert service.written == len(reports) + len(again)
    said, verdict = monitor(project, "2021-03-01..2021-03-28")
    assert (verdict["version"], verdict["evidence"], verdict["incidents"]) == (1, "log", [])
    assert select(project, "SELECT sum(reports) FROM monitoring_labels") == [(40 + len(reports) + len(again),)]
    rides = select(project, "SELECT avg(coalesce(trip_distance, 0) > 0) FROM predictions WHERE variant = 'champion'")
    assert rides == [(0.5,)]
    assert verdict["figures"]["labelled"][0] == 1.0
    assert 0.2 < verdict["figures"]["level"][0] < 1.0  # made-up durations
    assert 0.0 < verdict["figures"]["coverage"][0] < 1.0
    assert verdict["figures"]["rmse"][0] > 5
    assert [one for name in NOT_IN_THE_PACKAGE for one in verdict["missing"] if one.startswith(name)] == verdict[
        "missing"
    ]
    for version in (1, 4):
        assert f"answers of version {version} agree with its package" in said


def test_its_scored_month_is_monitored(former: Project, tmp_path: Path) -> None:
    project = Project.copy_of(former, tmp_path / "project")
    said, verdict = monitor(project, "2021-03")
    assert (verdict["version"], verdict["evidence"], verdict["verdict"]) == (1, "scored", "ok")
    assert verdict["figures"]["level"][0] == pytest.approx(1.0, abs=0.05)
    assert verdict["figures"]["coverage"][0] == pytest.approx(0.9, abs=0.03)
    assert verdict["figures"]["rmse"][0] == pytest.approx(5.5, abs=0.5)
    for missing in (*NOT_IN_THE_PACKAGE, "answers at request time: there are none of version 1"):
        assert f"Not evaluated: {missing}" in said
    page = project.data("08_reporting/monitoring_report.html").read_text()
    assert "answers at request time: there are none of version 1" in page
