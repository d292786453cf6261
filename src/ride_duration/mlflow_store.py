"""Where MLflow keeps runs and models."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ride_duration.errors import ConfigurationError, NotFound, RegistryUnavailable
from ride_duration.postgresql import SECONDS, patient
from ride_duration.storage_errors import describe_storage_failure

#: Training runs.
EXPERIMENT = "ride_duration"

#: The tag that says of which kind a run is. Runs without it are older, and trainings.
KIND = "kind"

#: Parts the name of an experiment from where its artifacts lay before the project was moved.
_UNTIL = ", until it lay in "

#: Most characters that MLflow takes for the name of an experiment.
_LONGEST_NAME = 500

#: Variables of the environment that would send runs elsewhere than `conf/` says, for instance left by another project.
_REDIRECTING = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_ACTIVE_MODEL_ID")

_SQLITE = "sqlite:///"
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")

#: A place that is no path: s3://..., mlflow-artifacts:/...
_ELSEWHERE = re.compile("[a-z][a-z0-9+.-]+:/")


def connect(project: Path, settings: dict[str, str], name: str) -> str:
    """Open the tracking store of a project, and make it if it is not there yet.

    What `conf/` says holds: variables of the environment by which MLflow would take another store, experiment or run
    are left out of account.

    Args:
        project: Folder of the project.
        settings: `uri` of the store and folder of its `artifacts`, both relative to the project.
        name: Of an experiment.

    Returns:
        Id of that experiment.

    Raises:
        RegistryUnavailable: MLflow is not installed, the store cannot be opened, or the experiment has been deleted.
    """
    if find_spec("mlflow") is None:
        raise ConfigurationError("MLflow keeps runs and models; `pip install 'ride_duration[tracking]'` brings it")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for variable in _REDIRECTING:
        os.environ.pop(variable, None)
    uri = _inside(project, settings["uri"])
    try:
        _check_reachable(uri)
        return _open(uri, str(project / settings["artifacts"]), name)
    except Exception as error:  # of MLflow, of SQLAlchemy, of each driver, of requests
        raise RegistryUnavailable(describe_storage_failure(error, settings["uri"])) from error


def _open(uri: str, artifacts: str, name: str) -> str:
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # its errors reach the user once, through ours
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    experiment = mlflow.get_experiment_by_name(name)
    if experiment is not None and experiment.lifecycle_stage != "active":
        raise mlflow.MlflowException(f"experiment {experiment.experiment_id} must be in the 'active' state")
    if experiment is not None and experiment.artifact_location == artifacts:
        return str(experiment.experiment_id)
    if experiment is not None:  # the project was moved or copied, and MLflow keeps absolute paths
        number = f" ({experiment.experiment_id})"
        moved = f"{name}{_UNTIL}{experiment.artifact_location}"
        mlflow.MlflowClient().rename_experiment(experiment.experiment_id, moved[: _LONGEST_NAME - len(number)] + number)
    return str(mlflow.create_experiment(name, artifact_location=artifacts))


def _check_reachable(uri: str) -> None:
    """Ask a database or a server for a sign of life, once: MLflow itself would go on trying for minutes.

    Raises:
        Exception: Of SQLAlchemy, the driver or requests, where there is none.
    """
    if uri.startswith(("http://", "https://")):
        import requests

        with contextlib.suppress(requests.exceptions.SSLError):  # it is there; MLflow has settings of its own for this
            requests.get(uri, timeout=SECONDS, stream=True, allow_redirects=False).close()
    elif uri.startswith(_DATABASES):
        from sqlalchemy import create_engine, inspect, make_url

        url = make_url(uri)
        engine = create_engine(url, connect_args=patient(url) if url.get_backend_name() == "postgresql" else {})
        try:
            inspect(engine).get_table_names()
        finally:
            engine.dispose()


def experiments_before(name: str) -> list[str]:
    """Ids of the experiments that had a name before the project was moved; the store must be open."""
    import mlflow

    earlier = mlflow.search_experiments(filter_string=f"name LIKE '{name}{_UNTIL}%'")
    return [str(experiment.experiment_id) for experiment in earlier]


def recorded_parameters(run: Any, artifacts: Path) -> dict[str, Any]:
    """All parameters of a tracked run, as they were resolved.

    MLflow keeps absolute paths. A run whose files lie on this machine is looked for in the project's own folder first,
    so that it is found after the project was moved or copied.

    Args:
        run: As MLflow gives it.
        artifacts: The folder of the project's artifacts.

    Raises:
        RideDurationError: The store has no such file, or none that can be read.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    kept, file = run.info.artifact_uri, "parameters.json"
    own = artifacts / run.info.run_id / "artifacts"
    try:
        if _ELSEWHERE.match(kept):
            return dict(mlflow.artifacts.load_dict(f"{kept}/{file}"))
        return dict(json.loads(((own if (own / file).exists() else Path(kept)) / file).read_text(encoding="utf-8")))
    except (mlflow.MlflowException, OSError, ValueError) as error:
        raise NotFound(f"run {run.info.run_id[:8]} has no readable {file} in {kept}") from error


def flat(values: dict[str, Any], above: str = "", *, numbers_only: bool = False) -> dict[str, Any]:
    """Nested values by their path, for instance `val.rmse`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{above}{name}.", numbers_only=numbers_only)
        elif not numbers_only or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            found[above + name] = value
    return found


def _inside(project: Path, uri: str) -> str:
    """A SQLite file named relative to the project, made absolute; any other address as it is."""
    if not uri.startswith(_SQLITE) or uri.startswith(_SQLITE + "/"):
        return uri
    database = project / uri.removeprefix(_SQLITE)
    if database.is_dir():
        raise ConfigurationError(f"{database} is a folder, and a file is needed; move it away and run again")
    database.parent.mkdir(parents=True, exist_ok=True)
    # Not `sqlalchemy.URL.create`, which escapes: MLflow makes the folders of the address as it is written. A folder in
    # whose name anything would have to be escaped is refused (`ride_duration.hooks.run`).
    return f"{_SQLITE}{database}"
