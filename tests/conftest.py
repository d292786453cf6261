"""Fixtures for all tests: projects of their own, the command line, and real months where they lie."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kedro.framework.project  # noqa: F401  configures logging now, so that caplog sees what follows
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).parents[1]
TLC_DATA = Path(os.environ.get("TLC_DATA", REPOSITORY / "data/01_raw/tlc"))

os.environ["KEDRO_DISABLE_TELEMETRY"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["OMP_NUM_THREADS"] = "1"  # two test workers share the cores

# Tests never assert times: a loaded machine is slow at drawing examples, too. And every run draws the same ones.
settings.register_profile("tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Project:
    """A project of its own: the repository's code and configuration, and empty data."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(REPOSITORY / "conf", root / "conf")
        shutil.copy(REPOSITORY / "pyproject.toml", root)
        (root / "src").mkdir()  # Kedro wants the folder; the code comes from the installed package
        (root / "data").mkdir()

    @classmethod
    def copy_of(cls, other: "Project", root: Path) -> "Project":
        """Another project, as it is, in another place."""
        shutil.copytree(other.root, root, symlinks=True)
        return cls.at(root)

    @classmethod
    def at(cls, root: Path) -> "Project":
        """A project that is there already."""
        found = cls.__new__(cls)
        found.root = root
        return found

    def kedro(self, *arguments: str) -> Ended:
        """Run `kedro ARGUMENTS` inside the project, in this process."""
        from kedro.framework.cli.cli import KedroCLI

        out, err, here = io.StringIO(), io.StringIO(), Path.cwd()
        os.chdir(self.root)
        try:
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ending:
                KedroCLI(project_path=self.root).main(list(arguments), prog_name="kedro")
        finally:
            os.chdir(here)
        return Ended(int(ending.value.code or 0), out.getvalue(), err.getvalue())

    def run(self, params: str = "", *arguments: str, env: str = "test") -> Ended:
        """`kedro run` with these parameters."""
        return self.kedro("run", "--env", env, *(["--params", params] if params else []), *arguments)

    def train(self, params: str = "", *arguments: str, env: str = "test") -> Ended:
        """`kedro run` without a release, which takes half the time."""
        return self.run(params, "--pipelines=ingestion,data_engineering,data_science", *arguments, env=env)

    def start(self, *command: str, shell: str = "") -> subprocess.Popen[str]:
        """Start a program of the environment inside the project, after some `shell` settings."""
        program = str(Path(sys.executable).with_name(command[0]))
        line = ["bash", "-c", f'{shell} exec "$@"', "bash", program, *command[1:]]
        return subprocess.Popen(line, cwd=self.root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def data(self, path: str) -> Path:
        """A file below `data/`."""
        return self.root / "data" / path

    def with_tracking_store(self) -> "Project":
        """The same project, with an empty tracking store: MLflow takes two seconds to make one."""
        from tests.support.tracking_store import provide_tables

        provide_tables(self.data("mlflow/mlflow.db"))
        return self

    def with_real_months(self, *months: str) -> "Project":
        """The same project, with real green months lying where `source=tlc` looks."""
        folder = self.data("01_raw/tlc")
        folder.mkdir(parents=True, exist_ok=True)
        for month in months:
            (folder / real_month(month).name).symlink_to(real_month(month))
        return self


def real_month(month: str) -> Path:
    """A real green month; its absence skips the test, unless CI forbids that."""
    path = TLC_DATA.resolve() / f"green_tripdata_{month}.parquet"
    if not path.exists():
        pytest.skip(f"{path.name} is not in {TLC_DATA}: set TLC_DATA to a folder with real months")
    return path


def program(name: str) -> str:
    """Path of a program of the system, also where only administrators look; empty where it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") or ""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of the test's own."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def tlc_month() -> Callable[[str], Path]:
    """Finds a real green month."""
    return real_month


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which `kedro run --env test` has ended well; to be looked at, not to be changed.

    Workers of pytest-xdist share it: the first that wants it makes it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    root, done = shared / "finished" / "project", shared / "finished" / "done"
    with FileLock(shared / "finished.lock"):
        if done.exists():
            return Project.at(root)
        shutil.rmtree(root.parent, ignore_errors=True)  # of a worker that failed
        root.mkdir(parents=True)
        project = Project(root)
        ended = project.run()
        assert ended.code == 0, ended.err
        done.touch()
        return project


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked `needs` is skipped where a program is not installed, before any fixture begins."""
    for name in (name for marker in item.iter_markers("needs") for name in marker.args):
        if not program(name):
            pytest.skip(f"{name} is not installed; `make system-deps` installs it on Debian")


#: Of whole runs, coverage is measured of one file for each pipeline: the others repeat what these and the tests of the
#: units cover, and tracing takes half their time again on Python 3.11.
WHOLE_RUNS = (REPOSITORY / "tests/behaviour", REPOSITORY / "tests/model")
MEASURED_RUNS = {f"test_{name}.py" for name in ("run", "release", "batch_scoring", "monitoring", "backtest", "tuning")}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage of whole runs that repeat others."""
    plugin = item.config.pluginmanager.getplugin("_cov")
    measured = plugin and plugin.cov_controller
    repeats = item.path.name not in MEASURED_RUNS and any(map(item.path.is_relative_to, WHOLE_RUNS))
    if not (measured and repeats):
        return (yield)
    measured.pause()
    try:
        return (yield)
    finally:
        measured.resume()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where FORBID_SKIPS is set, a skipped test is a failure."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Where FORBID_SKIPS is set, so is a module that skips itself."""
    return _judged((yield))


def _judged(report: Any) -> Any:
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("FORBID_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"skipped, though FORBID_SKIPS is set: {report.longrepr}"
    return report
