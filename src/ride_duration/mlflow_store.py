"""Where MLflow keeps runs and models."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ride_duration.errors import RideDurationError

#: Training runs.
EXPERIMENT = "ride_duration"

#: The tag that says of which kind a run is. Runs without it are older, and trainings.
KIND = "kind"


def connect(project: Path, settings: dict[str, str], name: str) -> str:
    """Open the tracking store of a project, and make it if it is not there yet.

    Args:
        project: Folder of the project.
        settings: `uri` of the store and folder of its `artifacts`, both relative to the project.
        name: Of an experiment.

    Returns:
        Id of that experiment.

    Raises:
        RideDurationError: The store cannot be opened.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # its errors reach the user once, through ours
    mlflow.set_tracking_uri(_inside(project, settings["uri"]))
    artifacts = str(project / settings["artifacts"])
    try:
        experiment = mlflow.get_experiment_by_name(name)
    except mlflow.MlflowException as error:
        raise RideDurationError(
            f"the record of runs, {settings['uri']}, cannot be opened ({str(error).splitlines()[0]}); "
            "if the file is damaged, move it away and run again"
        ) from error
    if experiment is not None and experiment.artifact_location == artifacts:
        return str(experiment.experiment_id)
    if experiment is not None:  # the project was moved or copied, and MLflow keeps absolute paths
        moved = f"{name}, until it lay in {experiment.artifact_location} ({experiment.experiment_id})"
        mlflow.MlflowClient().rename_experiment(experiment.experiment_id, moved)
    return str(mlflow.create_experiment(name, artifact_location=artifacts))


def _inside(project: Path, uri: str) -> str:
    """A SQLite file named relative to the project, made absolute; any other address as it is."""
    prefix = "sqlite:///"
    if not uri.startswith(prefix) or uri.startswith(prefix + "/"):
        return uri
    database = project / uri.removeprefix(prefix)
    database.parent.mkdir(parents=True, exist_ok=True)
    return f"{prefix}{database}"
