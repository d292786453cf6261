"""Runs that read or write the same datasets of a project go one at a time; others go side by side."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.framework.hooks import hook_impl
from kedro.framework.hooks.manager import _create_hook_manager, _register_hooks
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro_datasets.json import JSONDataset

from ride_duration.errors import RideDurationError
from ride_duration.hooks.run_lock import RunLockHook, _locked_names
from ride_duration.hooks.tracking import TrackingHook
from ride_duration.in_use import RUNS, find_locks
from ride_duration.pipeline_registry import register_pipelines
from ride_duration.settings import HOOKS
from tests.conftest import REPOSITORY

#: Enters a project as a run does that makes `trips` and `model`, says so, and stays until its input ends.
RUN = """
import sys
from pathlib import Path
from tests.hooks.test_run_lock import CATALOG, TRAINING, set_up

hook = set_up(Path(sys.argv[1]))
hook.before_pipeline_run(pipeline=TRAINING, catalog=CATALOG)
print("in", flush=True)
sys.stdin.read()
hook.after_pipeline_run()
"""


class SharedDataset(JSONDataset):
    """Locks what it writes itself."""

    HAS_OWN_LOCK = True


CATALOG = DataCatalog(
    {name: JSONDataset(filepath=f"data/{name}.json") for name in ("trips", "model", "report", "scores", "scores@table")}
    | {"months": SharedDataset(filepath="data/months.json"), "cache": MemoryDataset()}
)
TRAINING = Pipeline(
    [
        node(lambda: 1, None, "months", name="ingest"),
        node(lambda months: (1, 2), "months", ["trips", "cache"], name="clean"),
        node(lambda trips, rate: 1, ["trips", "params:rate"], "model", name="fit"),
    ]
)
SCORING = Pipeline(
    [
        node(lambda: 1, None, "months", name="ingest"),
        node(lambda months, rate: (1, 2), ["months", "params:rate"], ["scores", "cache"], name="score"),
    ]
)
REPORTING = Pipeline([node(lambda model: 1, "model", "report", name="report")])


def set_up(project: Path) -> RunLockHook:
    """The hook as Kedro sets it up for a project."""
    hook = RunLockHook()
    hook.after_context_created(SimpleNamespace(project_path=project))
    return hook


def enter(project: Path, pipeline: Pipeline = TRAINING) -> RunLockHook:
    hook = set_up(project)
    hook.before_pipeline_run(pipeline=pipeline, catalog=CATALOG)
    return hook


def is_free(project: Path) -> bool:
    """Whether no run is in the project."""
    return not find_locks(project / "data" / RUNS)


@pytest.fixture
def other_run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that trains in the project."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "in\n"
        yield process
        process.kill()


def test_second_run_is_refused_and_names_the_first(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    with pytest.raises(RideDurationError) as raised:
        enter(tmp_path)
    message = str(raised.value)
    assert f"another run is writing to {tmp_path / 'data'} (process {other_run.pid}, since " in message
    assert "both need model, trips; wait until it has ended, or use a second copy of the project" in message


def test_run_that_reads_what_another_writes_is_refused(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    with pytest.raises(RideDurationError, match="both need model;"):
        enter(tmp_path, REPORTING)


def test_runs_that_write_nothing_in_common_go_side_by_side(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    scoring = enter(tmp_path, SCORING)
    written = [json.loads(path.read_text()) for path in (tmp_path / "data" / RUNS).glob("*.lock")]
    assert sorted(run["writes"] for run in written) == [["model", "trips"], ["scores"]]
    with pytest.raises(RideDurationError, match="both need scores;"):
        set_up(tmp_path)._check_others(Path("own"), set(), {"scores"})
    scoring.after_pipeline_run()


def test_transcoded_names_are_one_dataset(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    hook = enter(tmp_path, Pipeline([node(lambda table: 1, "scores@table", "report", name="read")]))
    [own] = (tmp_path / "data" / RUNS).glob(f"*-{os.getpid()}-*.lock")
    assert json.loads(own.read_text())["reads"] == ["scores"]
    hook.after_pipeline_run()


def test_refused_run_leaves_the_other_alone(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    refused = set_up(tmp_path)
    with pytest.raises(RideDurationError):
        refused.before_pipeline_run(pipeline=TRAINING, catalog=CATALOG)
    refused.on_pipeline_error()
    refused.after_pipeline_run()
    with pytest.raises(RideDurationError, match=f"process {other_run.pid}"):
        enter(tmp_path)


def test_next_run_is_let_in_when_the_other_has_ended(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    other_run.stdin.close()
    assert other_run.wait() == 0
    enter(tmp_path).after_pipeline_run()


def test_killed_run_keeps_no_other_out(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    other_run.kill()
    other_run.wait()
    hook = enter(tmp_path)
    [lock] = (tmp_path / "data" / RUNS).iterdir()
    assert f"process {os.getpid()}" in json.loads(lock.read_text())["run"]
    hook.after_pipeline_run()


@pytest.mark.parametrize("ending", ["after_pipeline_run", "on_pipeline_error"])
def test_ended_run_lets_the_next_one_in(tmp_path: Path, ending: str) -> None:
    hook = enter(tmp_path)
    assert not is_free(tmp_path)
    getattr(hook, ending)()
    assert is_free(tmp_path)
    assert not list((tmp_path / "data" / RUNS).iterdir())
    hook.before_pipeline_run(pipeline=TRAINING, catalog=CATALOG)
    hook.after_pipeline_run()


def test_other_projects_are_not_locked(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    enter(tmp_path / "other").after_pipeline_run()


class LockObserver:
    """Stands where tracking stands, and notes whether the run still holds its lock."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.free: dict[str, bool] = {}

    @hook_impl
    def before_pipeline_run(self) -> None:
        self.free["before"] = is_free(self.project)

    @hook_impl
    def after_pipeline_run(self) -> None:
        self.free["after"] = is_free(self.project)

    @hook_impl
    def on_pipeline_error(self) -> None:
        self.free["error"] = is_free(self.project)


def test_run_is_locked_until_it_has_been_tracked(tmp_path: Path) -> None:
    observer = LockObserver(tmp_path)
    hooks = [set_up(tmp_path) if isinstance(hook, RunLockHook) else hook for hook in HOOKS]
    manager = _create_hook_manager()
    _register_hooks(manager, [observer if isinstance(hook, TrackingHook) else hook for hook in hooks])
    run = {"run_params": {}, "pipeline": Pipeline([]), "catalog": DataCatalog({})}
    manager.hook.before_pipeline_run(**run)
    manager.hook.after_pipeline_run(run_result={}, **run)
    manager.hook.before_pipeline_run(**run)
    manager.hook.on_pipeline_error(error=ValueError(), **run)
    assert observer.free == {"before": False, "after": False, "error": False}


def test_batch_scoring_and_training_of_the_project_go_side_by_side() -> None:
    bootstrap_project(REPOSITORY)
    with KedroSession.create(project_path=REPOSITORY, env="test") as session:
        catalog = session.load_context().catalog
    pipelines = register_pipelines()
    names = {
        name: [_locked_names(each, catalog) for each in (pipeline.inputs(), pipeline.all_outputs())]
        for name, pipeline in pipelines.items()
    }
    (train_reads, train_writes), (score_reads, score_writes) = names["__default__"], names["batch_scoring"]
    assert "model" in train_writes
    assert "scored_trips" in score_writes
    assert not train_writes & (score_reads | score_writes)
    assert not score_writes & (train_reads | train_writes)
    assert train_writes & names["tuning"][1]
    assert train_writes & names["backtest"][1]
