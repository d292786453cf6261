"""A tracked run again, in a temporary project of its own.

It is given the recorded parameters and the user's raw months, writes into its own `data/`, and is tracked in a store of
its own, so that neither the user's data nor the user's list of runs changes. All of it is removed at the end.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ride_duration.errors import ConfigurationError, RideDurationError
from ride_duration.runs.comparison import find_runs
from ride_duration.runs.reproduction.record import TRAINING, Record, read_record

log = logging.getLogger(__name__)

_TRACKING = {"uri": "sqlite:///data/mlflow/mlflow.db", "artifacts": "data/mlflow/artifacts"}
_DEFAULT_ENVIRONMENT = "local"


@dataclass(frozen=True)
class Code:
    """Code that can be run.

    Attributes:
        root: Folder with its `conf/` and `pyproject.toml`.
        source: Folder that Python imports it from.
    """

    root: Path
    source: Path


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed when the block ends, also by Ctrl-C or SIGTERM."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="ride_duration-") as folder:
            yield Path(folder).resolve()
    finally:
        signal.signal(signal.SIGTERM, before)


def rerun(record: Record, code: Code, parameters: dict[str, Any], project: Path, temporary: Path) -> Record:
    """Run the training pipelines again.

    Args:
        record: Of the run.
        code: What to run.
        parameters: All parameters; nothing that `conf/` says is added.
        project: The user's, for raw months and for `conf/local`, which no commit has. It is only read.
        temporary: Where to make the temporary project.

    Returns:
        What the rerun recorded.

    Raises:
        RideDurationError: Other code would run, data outside the project would be written, or the rerun failed.
    """
    _compose(temporary, code.root, project / "conf" / _DEFAULT_ENVIRONMENT, record.environment, parameters)
    _link(project / record.raw_folder, temporary / record.raw_folder, list(record.raw))
    pipelines = _check(temporary, code.source, record.environment)
    environment = ["--env", record.environment] if record.environment else []
    command = ["-m", "kedro", "run", *environment, f"--pipelines={','.join(pipelines)}"]
    with _started(command, temporary, code.source, output=subprocess.DEVNULL) as process:
        for line in process.stderr or ():
            log.info("  %s", line.rstrip())
    if process.returncode:
        raise RideDurationError(f"the rerun failed with exit code {process.returncode}; what it said stands above")
    return read_record(find_runs(temporary, _TRACKING)[0], temporary / _TRACKING["artifacts"])


def _compose(project: Path, root: Path, local: Path, environment: str | None, parameters: dict[str, Any]) -> None:
    """Make a project with the configuration of `root`, but these parameters alone, and tracking of its own."""
    without_parameters = shutil.ignore_patterns("parameters*")
    shutil.copytree(root / "conf", project / "conf", ignore=without_parameters)
    if local.is_dir():
        shutil.copytree(local, project / "conf" / _DEFAULT_ENVIRONMENT, ignore=without_parameters, dirs_exist_ok=True)
    shutil.copy(root / "pyproject.toml", project)
    (project / "src").mkdir()  # Kedro wants the folder; the code lies elsewhere
    OmegaConf.save(OmegaConf.create(parameters), project / "conf/base/parameters.yml")
    chosen = project / "conf" / (environment or _DEFAULT_ENVIRONMENT)
    if not chosen.is_dir():
        raise ConfigurationError(f"the run's environment '{environment}' is not in {root / 'conf'}; put it back there")
    settings = chosen / "globals.yml"
    given = OmegaConf.load(settings) if settings.exists() else OmegaConf.create()
    OmegaConf.save(OmegaConf.merge(given, {"tracking": _TRACKING}), settings)


def _link(raw: Path, folder: Path, stems: list[str]) -> None:
    folder.mkdir(parents=True)
    for month in (raw / f"{stem}.parquet" for stem in stems):
        if month.exists():
            (folder / month.name).symlink_to(month.resolve())


def _check(project: Path, source: Path, environment: str | None) -> list[str]:
    """Refuse code from elsewhere, and datasets outside the project; give the training pipelines that there are."""
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
                f"the rerun would write {name} to {path}, outside its temporary project; "
                f"let the catalog of the environment '{environment or _DEFAULT_ENVIRONMENT}' keep it below data/"
            )
    return [name for name in TRAINING if name in found["pipelines"]]


@contextmanager
def _started(arguments: list[str], project: Path, source: Path, output: int) -> Iterator[subprocess.Popen[str]]:
    """Python in the project, with the code in `source` before any that is installed; ended when the block is left."""
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
