"""What happens around every run: names are checked, one run at a time is let in, progress is shown."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import filelock
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.framework.hooks import hook_impl
from kedro.framework.hooks.manager import _create_hook_manager, _register_hooks
from kedro.pipeline import Pipeline, node

from ride_duration.config_loader import _check_names
from ride_duration.errors import RideDurationError
from ride_duration.hooks.run import ProgressHook, ProjectFolderHook, RunLockHook
from ride_duration.hooks.tracking import TrackingHook
from ride_duration.settings import HOOKS

DECLARED: dict[str, Any] = {
    "train_data": "2021-01",
    "val_data": "2021-02",
    "test_data": None,
    "model": "xgboost",
    "example_ride": {"pickup_zone": 132, "dropoff_zone": 230},
    "models": {
        "xgboost": {"distance": "optional", "hyper_parameters": {"n_estimators": 1500}},
        "linear_regression": {"distance": "required"},
    },
}

#: Enters a project as a run does, says so, and stays until its input ends.
RUN = """
import sys
from pathlib import Path
from types import SimpleNamespace
from ride_duration.hooks.run import RunLockHook

hook = RunLockHook()
hook.after_context_created(SimpleNamespace(project_path=Path(sys.argv[1])))
hook.before_pipeline_run()
print("in", flush=True)
sys.stdin.read()
hook.after_pipeline_run()
"""


def names() -> st.SearchStrategy[dict[str, Any]]:
    """Some of the declared names, with other values."""
    keys = st.lists(st.sampled_from([name for name, value in DECLARED.items() if not isinstance(value, dict)]))
    return keys.map(lambda chosen: dict.fromkeys(chosen, "anything"))


@settings(max_examples=30, derandomize=True, deadline=None)
@given(names())
def test_declared_parameters_may_be_given(given_names: dict[str, Any]) -> None:
    _check_names(given_names, DECLARED)


@pytest.mark.parametrize(
    "given_names",
    [
        {"example_ride": {"pickup_zone": 1}},
        {"models": {"xgboost": {"distance": "unused"}}},
        {"models": {"xgboost": {"hyper_parameters": {"n_estimators": 1, "whatever_the_estimator_knows": 2}}}},
        {"models": {"xgboost": {"hyper_parameters": {"nested": {"freely": 1}}}}},
    ],
)
def test_nested_parameters_may_be_given_and_any_hyper_parameter(given_names: dict[str, Any]) -> None:
    _check_names(given_names, DECLARED)


@pytest.mark.parametrize(
    ("given_names", "words"),
    [
        ({"train_date": "2021-01"}, "unknown parameter 'train_date'; did you mean 'train_data'?"),
        (
            {"xyz": 1},
            "unknown parameter 'xyz'; there are: example_ride, model, models, test_data, train_data, val_data",
        ),
        ({"example_ride": {"pick_up_zone": 1}}, "'example_ride.pick_up_zone'; did you mean 'pickup_zone'?"),
        ({"models": {"xgbost": {}}}, "unknown parameter 'models.xgbost'; did you mean 'xgboost'?"),
        ({"models": {"xgboost": {"hyper_parameter": {}}}}, "did you mean 'hyper_parameters'?"),
        ({"model": {"name": "xgboost"}}, "parameter 'model' is a single value, it has no 'name'"),
        ({"models": {"xgboost": {"distance": {"miles": 1}}}}, "'models.xgboost.distance' is a single value"),
        ({"train_data": "2021-01", "vaal_data": 1}, "'vaal_data'"),
    ],
)
def test_a_name_that_is_not_declared_is_refused_with_a_hint(given_names: dict[str, Any], words: str) -> None:
    with pytest.raises(RideDurationError) as told:
        _check_names(given_names, DECLARED)
    assert words in str(told.value)


def test_hyper_parameters_may_be_given_to_a_model_that_has_none_in_the_configuration() -> None:
    _check_names({"models": {"linear_regression": {"hyper_parameters": {"fit_intercept": False}}}}, DECLARED)


def lock_of(project: Path) -> RunLockHook:
    """The hook as Kedro sets it up for a project."""
    hook = RunLockHook()
    hook.after_context_created(SimpleNamespace(project_path=project))
    return hook


def is_free(project: Path) -> bool:
    """Whether a run may enter."""
    lock = filelock.FileLock(project / "data/.run.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return False
    lock.release()
    return True


@pytest.fixture
def other_run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs in the project."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "in\n"
        yield process
        process.kill()


def test_a_second_run_is_not_let_in_and_learns_who_is_there(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    with pytest.raises(RideDurationError) as told:
        lock_of(tmp_path).before_pipeline_run()
    assert f"another run is writing to {tmp_path / 'data'} (process {other_run.pid}, since " in str(told.value)
    assert "wait until it has ended, or use a second copy of the project" in str(told.value)


def test_a_run_that_was_refused_leaves_the_other_in_peace(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    refused = lock_of(tmp_path)
    with pytest.raises(RideDurationError):
        refused.before_pipeline_run()
    refused.on_pipeline_error()
    refused.after_pipeline_run()
    with pytest.raises(RideDurationError, match=f"process {other_run.pid}"):
        lock_of(tmp_path).before_pipeline_run()


def test_when_the_other_run_has_ended_the_next_is_let_in(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    other_run.stdin.close()
    assert other_run.wait() == 0
    lock_of(tmp_path).before_pipeline_run()


def test_a_run_that_was_killed_keeps_nobody_out(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    other_run.kill()
    other_run.wait()
    hook = lock_of(tmp_path)
    hook.before_pipeline_run()
    assert f"process {os.getpid()}" in (tmp_path / "data/.run.holder").read_text()
    hook.after_pipeline_run()


@pytest.mark.parametrize("ending", ["after_pipeline_run", "on_pipeline_error"])
def test_a_run_that_has_ended_well_or_not_lets_the_next_one_in(tmp_path: Path, ending: str) -> None:
    hook = lock_of(tmp_path)
    hook.before_pipeline_run()
    assert not is_free(tmp_path)
    getattr(hook, ending)()
    assert is_free(tmp_path)
    assert not (tmp_path / "data/.run.holder").exists()
    hook.before_pipeline_run()
    hook.after_pipeline_run()


def test_where_the_holder_is_not_known_the_words_still_make_sense(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (
        filelock.FileLock(tmp_path / "data/.run.lock"),
        pytest.raises(RideDurationError, match=r"another run is writing to .* \(another run\)"),
    ):
        lock_of(tmp_path).before_pipeline_run()


def test_other_projects_are_not_locked(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        lock_of(tmp_path / name).before_pipeline_run()


class LooksAtTheLock:
    """Stands where tracking stands, and notes whether the run still has the project to itself."""

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


def test_a_run_is_locked_until_it_has_been_tracked(tmp_path: Path) -> None:
    looking = LooksAtTheLock(tmp_path)
    hooks = [lock_of(tmp_path) if isinstance(hook, RunLockHook) else hook for hook in HOOKS]
    manager = _create_hook_manager()
    _register_hooks(manager, [looking if isinstance(hook, TrackingHook) else hook for hook in hooks])
    run = {"run_params": {}, "pipeline": Pipeline([]), "catalog": None}
    manager.hook.before_pipeline_run(**run)
    manager.hook.after_pipeline_run(run_result={}, **run)
    manager.hook.before_pipeline_run(**run)
    manager.hook.on_pipeline_error(error=ValueError(), **run)
    assert looking.free == {"before": False, "after": False, "error": False}


@pytest.mark.parametrize("character", ["%", "?", "*", "[", "]", "{", "}", ":", "\\", '"', "\n", "\udc80"])
def test_a_folder_that_libraries_misread_is_refused(character: str) -> None:
    for name in (f"a{character}b", f"{character}/project"):
        context: Any = SimpleNamespace(project_path=Path("/home/ana") / name)
        with pytest.raises(RideDurationError, match=r"the project lies in .* rename that folder") as told:
            ProjectFolderHook().after_context_created(context)
        assert str(told.value).isprintable()


def test_any_other_folder_is_taken() -> None:
    context: Any = SimpleNamespace(project_path=Path("/projects/-é ü's #1 & $HOME (a+b)=~@!;,<c>|d^`"))
    ProjectFolderHook().after_context_created(context)


def test_progress_counts_the_steps(caplog: pytest.LogCaptureFixture) -> None:
    steps = [node(len, "text", "length", name="measure_text"), node(abs, "length", "size", name="take_size")]
    hook = ProgressHook()
    hook.before_pipeline_run(pipeline=Pipeline(steps))
    with caplog.at_level(logging.DEBUG, logger="ride_duration"):
        for step in steps:
            hook.before_node_run(node=step)
        hook.after_node_run()
        hook._started -= 65
        hook.after_node_run()
    assert caplog.messages == ["[ 1/2] measure_text", "[ 2/2] take_size", "       took 65 s"]


def test_progress_starts_anew_with_every_run(caplog: pytest.LogCaptureFixture) -> None:
    step = node(len, "text", "length", name="measure_text")
    hook = ProgressHook()
    with caplog.at_level(logging.INFO, logger="ride_duration"):
        for _ in range(2):
            hook.before_pipeline_run(pipeline=Pipeline([step]))
            hook.before_node_run(node=step)
    assert caplog.messages == ["[ 1/1] measure_text"] * 2
