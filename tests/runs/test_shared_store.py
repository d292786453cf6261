"""Two projects on one tracking store: a SQLite file elsewhere, and a real MLflow server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from ride_duration.hooks.run_lock import RunLockHook
from ride_duration.hooks.tracking import _start
from ride_duration.mlflow_reader import open_reader
from ride_duration.mlflow_store import EXPERIMENT, locate_store
from ride_duration.model_package import ModelPackage
from ride_duration.model_package.files import write_folder
from ride_duration.pipelines.declarations import find_tracked
from ride_duration.registry import Registry
from ride_duration.registry import reader as reader_module
from ride_duration.registry.reader import RegistryReader
from ride_duration.registry.release import GateReport, Outcome, PackageFolder, release_package
from ride_duration.runs.comparison import compare_runs
from ride_duration.runs.tracked_runs import TrackedRuns
from tests.model_package.tiny import tiny_package
from tests.support.mlflow_server import mlflow_server
from tests.support.tracking_store import provide_tables

PARAMETERS = {
    "model": "mean",
    "train_data": "2021-01",
    "val_data": "2021-02",
    "test_data": None,
    "taxi_type": "green",
    "source": "simulated",
    "seed": 42,
    "training": {"models": {"mean": {}}},
}

#: A training of another project: begins, says so, and ends when its input does.
TRAIN = """
import sys
from pathlib import Path
from tests.runs.test_shared_store import Member, mlflow

member = Member(Path(sys.argv[1]), sys.argv[2])
hook, run_id = member.begin("ridge")
print(run_id, flush=True)
if sys.stdin.read():
    mlflow.end_run("FINISHED")
    hook.after_pipeline_run()
"""

TRAINING = next(kind for kind in find_tracked() if kind.tag == "training")


class Member(NamedTuple):
    """A project that shares a store with others."""

    project: Path
    uri: str

    @property
    def settings(self) -> dict[str, str]:
        return {"uri": self.uri, "artifacts": "data/mlflow/artifacts"}

    def begin(self, model: str) -> tuple[RunLockHook, str]:
        """Begin a training, as the hooks of a run do."""
        (self.project / "data").mkdir(parents=True, exist_ok=True)
        hook = RunLockHook()
        hook.after_context_created(self)
        hook.before_pipeline_run(pipeline=Pipeline([]), catalog=DataCatalog({}))
        return hook, _start(self.project, self.settings, {}, PARAMETERS | {"model": model}, TRAINING)

    @property
    def project_path(self) -> Path:
        return self.project

    def train(self, model: str) -> str:
        hook, run_id = self.begin(model)
        mlflow.log_metric("val.rmse", 5.25)
        mlflow.end_run("FINISHED")
        hook.after_pipeline_run()
        return run_id

    def statuses(self) -> dict[str, str]:
        return {run.run_id: run.status for run in TrackedRuns(self.project, self.settings).find_all()}

    def registry(self) -> Registry:
        return Registry(self.project, self.settings, "ride-duration-green-simulated")

    def release(self, minutes_a_mile: float, run_id: str) -> Outcome:
        registry, folder = self.registry(), self.project / "data/model_package"
        write_folder(folder, tiny_package(minutes_a_mile, run_id))
        package = ModelPackage.load(folder)
        report: dict[str, Any] = {"passed": True, "verdict": "passed all checks", "package": package.fingerprint}
        report |= {"champion": registry.champion(), "same_as_champion": False}
        with mlflow.start_run(run_id=run_id):
            return release_package(
                registry, PackageFolder(folder, package), GateReport(report, "<h1>Gate</h1>"), "auto"
            )


class Shared(NamedTuple):
    """Two projects on one store, and the folder where that store keeps its artifacts."""

    one: Member
    other: Member
    artifacts: Path


@pytest.fixture(scope="module", params=["sqlite", "server"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("store")
    projects = [tmp_path_factory.mktemp(name) / "project" for name in ("one", "other")]
    if request.param == "sqlite":
        provide_tables(folder / "mlflow.db")
        uri = f"sqlite:///{folder}/mlflow.db"
        yield Shared(*(Member(project, uri) for project in projects), folder / "artifacts")
    else:
        with mlflow_server(folder) as uri:
            yield Shared(*(Member(project, uri) for project in projects), folder / "artifacts")
    mlflow.set_tracking_uri(None)


def start_training(member: Member) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-c", TRAIN, str(member.project), member.uri]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def experiments(member: Member) -> set[tuple[str, str]]:
    open_reader(member.project, member.settings)
    return {(found.experiment_id, found.name) for found in mlflow.search_experiments(view_type=3)}


def test_two_projects_train_compare_and_release_on_one_store(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, artifacts = shared
    first = one.train("mean")
    before = experiments(one)
    assert [name for _, name in before].count(EXPERIMENT) == 1

    # Both train at once; a kill of one leaves the other alone, and only its own project closes what it left.
    process, killed = start_training(other)
    try:
        hook, running = one.begin("mean")
        assert one.statuses() == other.statuses() == {first: "FINISHED", killed: "RUNNING", running: "RUNNING"}
    finally:
        process.kill()
        process.communicate()
    mlflow.end_run("FINISHED")
    hook.after_pipeline_run()
    second = one.train("mean")
    assert one.statuses()[killed] == "RUNNING"
    third = other.train("ridge")
    ended = {first: "FINISHED", killed: "KILLED", running: "FINISHED", second: "FINISHED", third: "FINISHED"}
    assert one.statuses() == other.statuses() == ended

    # Both see the whole history, under the one name.
    tables = [compare_runs(member.project, member.settings, (), 5) for member in (one, other)]
    assert tables[0] == tables[1]
    assert [row["model"] for row in tables[0].values()] == ["ridge", "mean", "mean", "ridge", "mean"]
    assert experiments(other) == before

    # Both release, and see what the other released.
    assert one.release(3.0, first).text == "Version 1 is champion now."
    assert other.registry().champion() == 1
    assert other.release(4.0, third).text == "Version 2 is champion now, after version 1."
    assert one.registry().package(2).fingerprint == other.registry().versions()[0].tags["manifest_sha256"]
    assert one.registry().rollback("Ana", "worse").version == 1
    reader = RegistryReader(other.project, other.settings, other.registry().name)
    assert reader.champion() == 1
    monkeypatch.setattr(reader_module, "_is_mlflow_imported", lambda: False)  # as in a service, which copies it too
    assert ModelPackage.load(reader.released(2).folder).fingerprint == one.registry().package(2).fingerprint
    monkeypatch.undo()
    assert one.registry().history() == other.registry().history()
    assert [tenure.version for tenure in other.registry().history()] == [1, 2, 1]

    # Files lie where the store keeps them, and nowhere in the projects.
    kept = {path.parent.parent.name for path in artifacts.rglob("parameters.json")}
    assert kept == set(ended)
    for member in (one, other):
        assert not list((member.project / "data").rglob("parameters.json"))
        assert not (member.project / "data/mlflow").exists()


def test_reader_returns_what_mlflow_returns(shared: Shared) -> None:
    one = shared.one
    one.train("mean")
    reader = open_reader(one.project, one.settings)
    [experiment] = reader.experiments(EXPERIMENT)
    found = reader.runs([experiment])
    expected = mlflow.search_runs([experiment], output_format="list")
    assert [run.run_id for run in found] == [run.info.run_id for run in expected]
    for run, same in zip(found, expected, strict=True):
        assert (run.status, run.started, run.artifact_uri) == (
            same.info.status,
            same.info.start_time,
            same.info.artifact_uri,
        )
        assert (run.params, run.metrics, run.tags) == (same.data.params, same.data.metrics, same.data.tags)


@pytest.mark.parametrize(
    ("uri", "address", "artifacts", "is_own"),
    [
        ("sqlite:///data/mlflow/mlflow.db", "sqlite:///{project}/data/mlflow/mlflow.db", "{project}/kept", True),
        ("sqlite:///{project}/data/mlflow.db", "sqlite:///{project}/data/mlflow.db", "{project}/kept", True),
        ("sqlite:////var/mlflow/mlflow.db", "sqlite:////var/mlflow/mlflow.db", "/var/mlflow/kept", False),
        ("postgresql+psycopg://ana@db/mlflow", "postgresql+psycopg://ana@db/mlflow", "{project}/kept", False),
        ("http://mlflow.example.com:5000", "http://mlflow.example.com:5000", None, False),
    ],
)
def test_only_a_database_inside_the_project_is_its_own(
    tmp_path: Path, uri: str, address: str, artifacts: str | None, is_own: bool
) -> None:
    store = locate_store(tmp_path, {"uri": uri.format(project=tmp_path), "artifacts": "kept"})
    assert store.uri == address.format(project=tmp_path)
    assert store.artifacts == (artifacts and artifacts.format(project=tmp_path))
    assert store.is_own is is_own
    bucket = locate_store(tmp_path, {"uri": uri.format(project=tmp_path), "artifacts": "s3://bucket/runs"})
    assert bucket.artifacts == (artifacts and "s3://bucket/runs")
