"""`kedro runs reproduce`: a tracked run had again, or why it cannot be."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ride_duration.runs.isolated import run_isolated
from ride_duration.runs.reproduction.record import read_record
from ride_duration.runs.tracked_runs import TrackedRuns, find_run
from tests.conftest import REPOSITORY, Ended, Project
from tests.registry.store import SETTINGS

#: One worker makes what these tests share.
#: What only the committed code says.
MARK = "this is the code of the commit"


@dataclass(frozen=True)
class Tracked:
    """A project under git, in which one run was tracked."""

    project: Project
    run_id: str

    def git(self, *arguments: str) -> str:
        """What git says there."""
        said = subprocess.run(["git", *arguments], cwd=self.project.root, check=True, capture_output=True, text=True)
        return said.stdout.strip()

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("-c", "commit.gpgsign=false", "commit", "--quiet", "--no-verify", "--message", "a change")

    def reproduce(self, *options: str) -> Ended:
        """`kedro runs reproduce` of the run."""
        return self.project.kedro("runs", "reproduce", self.run_id[:8], *options)

    @property
    def client(self) -> Any:
        """MLflow's view of the project."""
        from mlflow import MlflowClient

        return MlflowClient(f"sqlite:///{self.project.data('mlflow/mlflow.db')}")

    @property
    def files(self) -> dict[str, int]:
        """When each file below `data/` was changed last, but for MLflow's database."""
        data = self.project.root / "data"
        return {str(path): path.stat().st_mtime_ns for path in data.rglob("*") if path.name != "mlflow.db"}


@pytest.fixture(scope="module")
def _recorded(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    project = Project(tmp_path_factory.mktemp("tracked") / "project")
    root = project.root
    shutil.copytree(finished.root / "data", root / "data", dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlflow"))
    project.with_tracking_store()
    shutil.copytree(REPOSITORY / "src/ride_duration", root / "src/ride_duration")
    with (root / "src/ride_duration/hooks/run.py").open("a") as code:
        code.write(f"log.warning('{MARK}')\n")
    (root / "requirements.lock").write_text("kedro==1.7.0\n")
    shutil.copy(REPOSITORY / ".gitignore", root)
    tracked = Tracked(project, "")
    tracked.git("init", "--quiet")
    tracked.git("config", "user.name", "Ada Lovelace")
    tracked.git("config", "user.email", "ada@example.com")
    tracked.commit()
    with pytest.MonkeyPatch.context() as patch:  # Kedro puts the project's `src` into both
        patch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
        patch.setattr(sys, "path", sys.path.copy())
        ended = project.run("model=ridge,models.ridge.hyper_parameters.alpha=3", "--pipelines=data_science")
        assert ended.code == 0, ended.err
        [experiment] = tracked.client.search_experiments(filter_string="name = 'ride_duration'")
        [run] = tracked.client.search_runs([experiment.experiment_id])
        assert run.data.tags["git_dirty"] == "false"
        yield Tracked(project, run.info.run_id)


@pytest.fixture
def tracked(_recorded: Tracked) -> Iterator[Tracked]:
    """A clean project under git, in which a run of `ridge` was tracked."""
    commit = _recorded.git("rev-parse", "HEAD")
    yield _recorded
    _recorded.git("reset", "--quiet", "--hard", commit)


def test_a_fresh_run_is_identical(tracked: Tracked, caplog: pytest.LogCaptureFixture) -> None:
    before = tracked.files
    ended = tracked.reproduce()
    assert ended.code == 0, ended.err
    metrics = len(tracked.client.get_run(tracked.run_id).data.metrics)
    assert ended.out.splitlines()[-2] == f"identical: {metrics} metrics"
    assert "val.rmse " in ended.out
    assert caplog.messages[0].startswith(f"running {tracked.run_id[:8]} again")
    assert any("fit_model" in message for message in caplog.messages)
    assert tracked.files == before


def test_another_months_bytes_are_named(tracked: Tracked, caplog: pytest.LogCaptureFixture) -> None:
    raw = tracked.project.data("01_raw/simulated")
    month = raw / "green_tripdata_2021-01.parquet"
    kept = month.read_bytes()
    shutil.copy(raw / "green_tripdata_2021-02.parquet", month)
    try:
        ended = tracked.reproduce("--anyway")
    finally:
        month.write_bytes(kept)
    assert ended.code == 1
    assert "data/01_raw/simulated/green_tripdata_2021-01.parquet: sha256 " in ended.err
    assert "2021-02.parquet" not in ended.err
    assert not caplog.messages


def test_another_commit_and_lock_are_named(tracked: Tracked, caplog: pytest.LogCaptureFixture) -> None:
    recorded = tracked.git("rev-parse", "HEAD")
    (tracked.project.root / "requirements.lock").write_text("kedro==1.7.1\n")
    tracked.commit()
    (tracked.project.root / "conf/base/catalog.yml").write_text("")
    ended = tracked.reproduce()
    assert ended.code == 1
    assert f"commit: {recorded[:8]} was recorded" in ended.err
    assert "requirements.lock: " in ended.err
    assert "files differ from the commit: conf/base/catalog.yml" in ended.err
    assert "--checkout" in ended.err
    assert not caplog.messages


def test_the_recorded_commit_is_run(tracked: Tracked, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """The commit's code and the recorded parameters; a month simulated again; and a metric recorded wrongly."""
    shutil.rmtree(tracked.project.root / "src/ride_duration")
    (tracked.project.root / "conf/test/parameters.yml").write_text("models: {ridge: {hyper_parameters: {alpha: 9}}}\n")
    tracked.commit()
    month = tracked.project.data("01_raw/simulated/green_tripdata_2021-02.parquet")
    month.rename(tmp_path / month.name)
    rmse = tracked.client.get_run(tracked.run_id).data.metrics["val.rmse"]
    tracked.client.log_metric(tracked.run_id, "val.rmse", rmse + 0.5, step=1)
    try:
        ended = tracked.reproduce("--checkout")
        assert not month.exists()
    finally:
        tracked.client.log_metric(tracked.run_id, "val.rmse", rmse, step=2)
        (tmp_path / month.name).rename(month)
    assert ended.code == 1
    lines = ended.out.splitlines()[2:]
    assert [line.split()[0] for line in lines if not line.endswith("identical")] == ["val.rmse"]
    assert "differs by -0.5" in ended.out
    assert f"1 of {len(lines)} metrics differ: val.rmse;" in ended.err
    assert f"  {MARK}" in caplog.messages
    assert "  simulating green_tripdata_2021-02" in caplog.messages
    assert len(tracked.git("worktree", "list").splitlines()) == 1


def test_a_rerun_that_fails_is_told(tracked: Tracked, caplog: pytest.LogCaptureFixture) -> None:
    recorded = Path(tracked.client.get_run(tracked.run_id).info.artifact_uri) / "parameters.json"
    kept = recorded.read_text()
    recorded.write_text(kept.replace('"alpha": 3', '"alpha": -3'))
    (tracked.project.root / "notes.txt").touch()
    try:
        ended = tracked.reproduce()
    finally:
        recorded.write_text(kept)
        (tracked.project.root / "notes.txt").unlink()
    assert ended.code == 1
    assert "failed with exit code 1; see its output above" in ended.err
    assert any("alpha is -3, but cannot be negative" in message for message in caplog.messages)
    assert "here, files differ from the commit: notes.txt" in caplog.messages


def test_without_git_no_commit_can_be_run(finished: Project, tmp_path: Path) -> None:
    ended = finished.kedro("runs", "compare", "--csv", str(tmp_path / "runs.csv"))
    assert ended.code == 0, ended.err
    run_id = (tmp_path / "runs.csv").read_text().splitlines()[1][:8]
    ended = finished.kedro("runs", "reproduce", run_id, "--checkout")
    assert ended.code == 1
    assert "no recorded commit" in ended.err


def test_an_unknown_run_is_named(tracked: Tracked) -> None:
    ended = tracked.project.kedro("runs", "reproduce", "nosuchrun")
    assert ended.code == 1
    assert "no training run has an id that begins with 'nosuchrun'" in ended.err


def test_help_shows_an_example(tracked: Tracked) -> None:
    ended = tracked.project.kedro("runs", "reproduce", "--help")
    assert ended.code == 0
    assert "kedro runs reproduce 3d4c6f79 --checkout" in ended.out


def test_isolated_run_is_tracked_in_its_projects_store_and_writes_nothing_else_there(
    tracked: Tracked, tmp_path: Path
) -> None:
    root, folder = tracked.project.root, tmp_path / "isolated"
    runs = TrackedRuns(root, SETTINGS)
    record = read_record(find_run(runs.find_all(), tracked.run_id), runs)
    before = {path: changed for path, changed in tracked.files.items() if "/data/mlflow" not in path}
    months = [root / record.raw_folder / f"{stem}.parquet" for stem in record.raw]
    run_id = run_isolated(root, SETTINGS, folder, record.parameters | {"model": "mean"}, months, record.environment)
    run = find_run(runs.find_all(), run_id)
    assert (run.status, run.params["model"], run.tags["project"]) == ("FINISHED", "mean", str(folder))
    assert Path(run.artifact_uri).is_relative_to(root / "data/mlflow/artifacts")
    assert runs.read_parameters(run)["model"] == "mean"
    assert {path: changed for path, changed in tracked.files.items() if "/data/mlflow" not in path} == before
    assert (folder / "data/08_reporting/metrics.json").is_file()
    assert not (folder / "data/mlflow").exists()
