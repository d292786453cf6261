"""The training runs in a project's tracking store."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.errors import NotFound, RegistryUnavailable, RideDurationError
from ride_duration.mlflow_reader import ServerReader, open_reader
from ride_duration.mlflow_store import EXPERIMENT, KIND, RELEASES, connect, is_address, locate_store
from ride_duration.storage_errors import describe_storage_failure

if TYPE_CHECKING:
    from ride_duration.mlflow_reader import StoredRun

#: The kind of a run that trains a model; see `mlflow_store.KIND`.
TRAINING = "training"

_PARAMETERS = "parameters.json"


class TrackedRuns:
    """The training runs in the tracking store of a project, which is only read.

    Args:
        project: Folder of the project.
        settings: `uri` and `artifacts` of the store.
    """

    def __init__(self, project: Path, settings: dict[str, str]) -> None:
        self._project = project
        self._settings = settings
        self._own_artifacts = locate_store(project, settings).own_artifacts
        self._store = open_reader(project, settings)

    def find_all(self) -> list[StoredRun]:
        """Return all training runs, the newest first; those from before the project was moved or copied among them.

        Raises:
            NotFound: There are none.
            RegistryUnavailable: The store cannot be read.
        """
        try:
            tracked = self._store.runs(self._store.experiments(EXPERIMENT))
        except RideDurationError:
            raise
        except Exception as error:  # of SQLAlchemy, of each driver, of a server
            raise RegistryUnavailable(describe_storage_failure(error, self._settings["uri"])) from error
        found = [run for run in tracked if run.tags.get(KIND, TRAINING) == TRAINING]
        if not found:
            raise NotFound("no training run has been tracked yet; `kedro run` makes the first")
        return found

    def find_gates(self) -> dict[str, str]:
        """Return what the newest gate of each training run found, in words, by the run's id.

        Raises:
            RegistryUnavailable: The store cannot be read.
        """
        try:
            decisions = self._store.runs(self._store.experiments(RELEASES))
        except RideDurationError:
            raise
        except Exception as error:
            raise RegistryUnavailable(describe_storage_failure(error, self._settings["uri"])) from error
        gates = sorted((run for run in decisions if _is_gate(run)), key=lambda run: run.started)
        return {run.tags["trained_by"]: run.tags.get("why", "") for run in gates if "trained_by" in run.tags}

    def read_parameters(self, run: StoredRun) -> dict[str, Any]:
        """Return all parameters of a run, as they were resolved.

        MLflow keeps absolute paths. In a project's own store, the file is looked for in the project's folder first, so
        that it is found after the project was moved or copied.

        Raises:
            NotFound: The store has no such file, or none that can be read.
        """
        try:
            return dict(json.loads(self._read(run)))
        except (OSError, ValueError) as error:
            raise NotFound(f"run {run.run_id[:8]} has no readable {_PARAMETERS} in {run.artifact_uri}") from error

    def _read(self, run: StoredRun) -> bytes:
        if is_address(run.artifact_uri):
            content = self._store.artifact(run, _PARAMETERS) if isinstance(self._store, ServerReader) else None
            return content if content is not None else self._download(run)
        own = self._own_artifacts and self._own_artifacts / run.run_id / "artifacts" / _PARAMETERS
        return (own if own and own.exists() else Path(run.artifact_uri) / _PARAMETERS).read_bytes()

    def _download(self, run: StoredRun) -> bytes:
        """Let MLflow fetch the file from another store, for instance S3."""
        connect(self._project, self._settings, EXPERIMENT)
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        import mlflow

        try:
            return mlflow.artifacts.load_text(f"{run.artifact_uri}/{_PARAMETERS}").encode()
        except mlflow.MlflowException as error:
            raise OSError(str(error)) from error


def _is_gate(run: StoredRun) -> bool:
    return run.status == "FINISHED" and run.tags.get("kind") == "gate"


def find_run(runs: list[StoredRun], run_id: str) -> StoredRun:
    """Return the run whose id begins so.

    Raises:
        NotFound: None or several do.
    """
    matches = [run for run in runs if run.run_id.startswith(run_id)]
    if len(matches) != 1:
        many = "several training runs have ids that begin" if matches else "no training run has an id that begins"
        raise NotFound(f"{many} with '{run_id}'; `kedro runs compare` lists the newest")
    return matches[0]
