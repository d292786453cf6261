"""Where MLflow keeps runs and models."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ride_duration.errors import RideDurationError, Unreachable, without_passwords

#: Training runs.
EXPERIMENT = "ride_duration"

#: The tag that says of which kind a run is. Runs without it are older, and trainings.
KIND = "kind"

#: Parts the name of an experiment from where its artifacts lay before the project was moved.
_UNTIL = ", until it lay in "


def connect(project: Path, settings: dict[str, str], name: str) -> str:
    """Open the tracking store of a project, and make it if it is not there yet.

    Args:
        project: Folder of the project.
        settings: `uri` of the store and folder of its `artifacts`, both relative to the project.
        name: Of an experiment.

    Returns:
        Id of that experiment.

    Raises:
        Unreachable: MLflow is not installed, or the store cannot be opened.
    """
    if find_spec("mlflow") is None:
        raise Unreachable("MLflow keeps runs and models; `pip install 'ride_duration[tracking]'` brings it")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # its errors reach the user once, through ours
    mlflow.set_tracking_uri(_inside(project, settings["uri"]))
    artifacts = str(project / settings["artifacts"])
    try:
        experiment = mlflow.get_experiment_by_name(name)
    except mlflow.MlflowException as error:
        told = f"the record of runs, {settings['uri']}, cannot be opened ({str(error).partition(chr(10))[0]}); "
        raise Unreachable(without_passwords(told) + "if the file is damaged, move it away and run again") from error
    if experiment is not None and experiment.artifact_location == artifacts:
        return str(experiment.experiment_id)
    if experiment is not None:  # the project was moved or copied, and MLflow keeps absolute paths
        moved = f"{name}{_UNTIL}{experiment.artifact_location} ({experiment.experiment_id})"
        mlflow.MlflowClient().rename_experiment(experiment.experiment_id, moved)
    return str(mlflow.create_experiment(name, artifact_location=artifacts))


def experiments_before(name: str) -> list[str]:
    """Ids of the experiments that had a name before the project was moved; the store must be open."""
    import mlflow

    earlier = mlflow.search_experiments(filter_string=f"name LIKE '{name}{_UNTIL}%'")
    return [str(experiment.experiment_id) for experiment in earlier]


def recorded_parameters(run: Any) -> dict[str, Any]:
    """All parameters of a tracked run, as they were resolved.

    Raises:
        RideDurationError: The store has no such file, or none that can be read.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    try:
        return dict(mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/parameters.json"))
    except (mlflow.MlflowException, OSError) as error:
        raise RideDurationError(
            f"run {run.info.run_id[:8]} has no readable parameters.json in {run.info.artifact_uri}"
        ) from error


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
    prefix = "sqlite:///"
    if not uri.startswith(prefix) or uri.startswith(prefix + "/"):
        return uri
    database = project / uri.removeprefix(prefix)
    database.parent.mkdir(parents=True, exist_ok=True)
    return f"{prefix}{database}"
