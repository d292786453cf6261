"""A run in a folder of its own, with the parameters and raw months that it is given.

The folder becomes a project: it has its own `data/`, and therefore its own lock, so that neither the data of the
project that starts the run nor a run that goes on there is touched. The code lies where it was.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

import ride_duration
from ride_duration.errors import ConfigurationError, NotFound, RideDurationError
from ride_duration.in_use import folder_identity
from ride_duration.mlflow_store import EXPERIMENT, connect, locate_store
from ride_duration.runs.tracked_runs import TrackedRuns

log = logging.getLogger(__name__)

#: The pipelines that lead from raw months to metrics.
TRAINING_PIPELINES = ("ingestion", "data_engineering", "data_science")

_DEFAULT_ENVIRONMENT = "local"
#: Fetched once for the project, and not by each run.
_ZONE_ARCHIVE = "data/01_raw/zones/taxi_zones.zip"


@dataclass(frozen=True)
class Code:
    """Code that can be run.

    Attributes:
        root: Folder with its `conf/` and `pyproject.toml`.
        source: Folder that Python imports it from.
    """

    root: Path
    source: Path


def present_code(project: Path) -> Code:
    """Return the code that runs here."""
    return Code(project, Path(ride_duration.__file__).parents[1])


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that is removed when the block ends, also by Ctrl-C or SIGTERM."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="ride_duration-") as folder:
            yield Path(folder).resolve()
    finally:
        signal.signal(signal.SIGTERM, before)


def run_isolated(
    project: Path,
    settings: dict[str, str],
    folder: Path,
    parameters: dict[str, Any],
    raw_months: Sequence[Path],
    environment: str | None = None,
    pipelines: Sequence[str] = TRAINING_PIPELINES,
) -> str:
    """Run pipelines in a folder of their own, tracked in the store of the project.

    Args:
        project: Folder of the project, whose code and configuration are used, and whose data are only read.
        settings: `uri` and `artifacts` of the project's tracking store.
        folder: Where the run has its own project; it must not be there yet.
        parameters: All parameters; nothing that `conf/` says is added.
        raw_months: Files of the raw months, which are linked to.
        environment: Of `conf/`; None for the default.
        pipelines: Names of those to run.

    Returns:
        Id of the tracked run.

    Raises:
        ConfigurationError: Other code would run, or data outside the folder would be written.
        RideDurationError: The run failed.
        NotFound: It was not tracked.
    """
    connect(project, settings, EXPERIMENT)  # in a project that was moved, its own store moves first
    store = locate_store(project, settings)
    tracking = {"uri": store.uri, "artifacts": store.artifacts or settings["artifacts"]}
    tracked = TrackedRuns(project, settings)
    pid = execute(folder, present_code(project), project, parameters, raw_months, environment, pipelines, tracking)
    owner = {"project": str(folder.resolve()), "pid": str(pid)}
    for run in tracked.find_all():
        if owner.items() <= run.tags.items():
            return run.run_id
    raise NotFound(f"the run in {folder} was not tracked as a training; see what it said above")


def execute(
    folder: Path,
    code: Code,
    project: Path,
    parameters: dict[str, Any],
    raw_months: Sequence[Path],
    environment: str | None,
    pipelines: Sequence[str],
    tracking: dict[str, str],
) -> int:
    """Make a project in a folder, run pipelines there, and wait for their end.

    Args:
        folder: Where; it must not be there yet.
        code: What to run.
        project: The one whose `conf/local` is used, which no commit has.
        parameters: All parameters.
        raw_months: Files of the raw months, which are linked to; others are made or downloaded.
        environment: Of `conf/`; None for the default.
        pipelines: Names of those to run; those that the code does not have are left out.
        tracking: `uri` and `artifacts` of the tracking store, as seen from the folder.

    Returns:
        Id of the process that ran.

    Raises:
        ConfigurationError: Other code would run, or data outside the folder would be written.
        RideDurationError: The run failed.
    """
    compose_project(folder, code.root, project / "conf" / _DEFAULT_ENVIRONMENT, environment, parameters, tracking)
    folder_identity(folder / "data", given=folder_identity(project / "data"))
    _link(raw_months, folder / "data/01_raw" / str(parameters["source"]))
    _link([project / _ZONE_ARCHIVE], (folder / _ZONE_ARCHIVE).parent)
    known = check_code(folder, code.source, environment)
    chosen = ",".join(name for name in pipelines if name in known)
    command = ["-m", "kedro", "run", *(["--env", environment] if environment else []), f"--pipelines={chosen}"]
    with _started(command, folder, code.source, output=subprocess.DEVNULL) as process:
        for line in process.stderr or ():
            log.info("  %s", line.rstrip())
    if process.returncode:
        raise RideDurationError(f"the run in {folder} failed with exit code {process.returncode}; see its output above")
    return process.pid


def compose_project(
    project: Path,
    root: Path,
    local: Path,
    environment: str | None,
    parameters: dict[str, Any],
    tracking: dict[str, str],
) -> None:
    """Make a project with the configuration of `root`, but these parameters alone, and this tracking store."""
    without_parameters = shutil.ignore_patterns("parameters*")
    shutil.copytree(root / "conf", project / "conf", ignore=without_parameters)
    if local.is_dir():
        shutil.copytree(local, project / "conf" / _DEFAULT_ENVIRONMENT, ignore=without_parameters, dirs_exist_ok=True)
    shutil.copy(root / "pyproject.toml", project)
    (project / "src").mkdir()  # Kedro wants the folder; the code lies elsewhere
    OmegaConf.save(OmegaConf.create(parameters), project / "conf/base/parameters.yml")
    chosen = project / "conf" / (environment or _DEFAULT_ENVIRONMENT)
    if not chosen.is_dir():
        raise ConfigurationError(f"the environment '{environment}' is not in {root / 'conf'}; put it back there")
    settings = chosen / "globals.yml"
    given = OmegaConf.load(settings) if settings.exists() else OmegaConf.create()
    OmegaConf.save(OmegaConf.merge(given, {"tracking": tracking}), settings)


def _link(months: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for month in months:
        if month.exists():
            (folder / month.name).symlink_to(month.resolve())


def check_code(project: Path, source: Path, environment: str | None) -> list[str]:
    """Refuse code from elsewhere, and datasets outside the project.

    Returns:
        Names of the pipelines that the code has.

    Raises:
        ConfigurationError: Other code would run, or data outside the project would be written.
    """
    probe = [str(Path(__file__).with_name("probe.py")), *filter(None, [environment])]
    with _started(["-P", *probe], project, source, output=subprocess.PIPE) as process:
        out, err = process.communicate()
    if process.returncode:
        raise ConfigurationError(f"the code in {source} cannot be run: {err.strip().rpartition(chr(10))[2]}")
    found = json.loads(out.splitlines()[-1])
    if not Path(found["code"]).resolve().is_relative_to(source.resolve()):
        raise ConfigurationError(
            f"not the code in {source} would run, but {found['code']}; does it hold ride_duration?"
        )
    for name, path in found["paths"].items():
        if "://" in path or Path(path).is_absolute():
            raise ConfigurationError(
                f"the run would write {name} to {path}, outside its own folder; "
                f"let the catalog of the environment '{environment or _DEFAULT_ENVIRONMENT}' keep it below data/"
            )
    return list(found["pipelines"])


@contextmanager
def _started(arguments: list[str], project: Path, source: Path, output: int) -> Iterator[subprocess.Popen[str]]:
    """Start Python in the project, with the code in `source` before any that is installed; end it with the block."""
    elsewhere = os.environ.get("PYTHONPATH")
    environ = {name: value for name, value in os.environ.items() if name != "KEDRO_ENV"}
    environ |= {"KEDRO_DISABLE_TELEMETRY": "1", "PYTHONPATH": os.pathsep.join(filter(None, [str(source), elsewhere]))}
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, cwd=project, env=environ, text=True, stdout=output, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        except BaseException:
            process.terminate()
            process.wait()
            raise
