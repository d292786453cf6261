"""Where MLflow keeps runs and models."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ride_duration.atomic import lock_folder
from ride_duration.errors import ConfigurationError, RegistryUnavailable
from ride_duration.in_use import PROCESS, folder_identity
from ride_duration.postgresql import SECONDS, timeout_args
from ride_duration.storage_errors import describe_storage_failure

#: Training runs.
EXPERIMENT = "ride_duration"
RELEASES = "releases"

#: MLflow's tags of an experiment: its description, and what it is for.
_DESCRIPTION, _EXPERIMENT_KIND = "mlflow.note.content", "mlflow.experimentKind"
_DESCRIPTIONS = {
    EXPERIMENT: "Trainings, releases, tuning (each trial is a child run) and backtests; see the tag `kind`.",
    "releases": "Gate reports, and every decision about which version is champion.",
}

#: The tag that says of which kind a run is. Runs without it are older, and trainings.
KIND = "kind"

#: Parts the name of an experiment from where its artifacts lay before the project was moved.
UNTIL = ", until it lay in "

#: Most characters that MLflow takes for the name of an experiment.
_LONGEST_NAME = 500

#: Variables of the environment that would send runs elsewhere than `conf/` says, for instance left by another project.
_REDIRECTING = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_ACTIVE_MODEL_ID")

_SQLITE = "sqlite:///"
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")

_ADDRESS = re.compile("[a-z][a-z0-9+.-]+:/")


class TrackingStore(NamedTuple):
    """Where MLflow keeps the runs and models of a project.

    Attributes:
        uri: Its address; of SQLite with the absolute path.
        file: The database, of SQLite.
        artifacts: Where a new experiment keeps its files; None where a server decides that.
        is_own: Whether it is the project's own: a SQLite file inside its folder, which moves with it. Any other store
            may be shared with other projects and machines, and is taken as it is.
    """

    uri: str
    file: Path | None
    artifacts: str | None
    is_own: bool

    @property
    def own_artifacts(self) -> Path | None:
        """The folder of the artifacts of a project's own store, which MLflow may know by a former path."""
        return Path(self.artifacts) if self.is_own and self.artifacts and not is_address(self.artifacts) else None


def locate_store(project: Path, settings: dict[str, str]) -> TrackingStore:
    """Find out where the tracking store of a project lies; nothing is opened.

    Args:
        project: Folder of the project.
        settings: `uri` of the store, relative to the project, and the folder or address of its `artifacts`: relative to
            the project, or beside a SQLite file that lies elsewhere.
    """
    uri, artifacts = settings["uri"], settings["artifacts"]
    if uri.startswith(("http://", "https://")):
        return TrackingStore(uri, None, None, is_own=False)
    if not uri.startswith(_SQLITE):
        return TrackingStore(uri, None, _place(project, artifacts), is_own=False)
    file = project / uri.removeprefix(_SQLITE)
    if file.resolve().is_relative_to(project.resolve()):
        return TrackingStore(f"{_SQLITE}{file}", file, _place(project, artifacts), is_own=True)
    beside = artifacts if Path(artifacts).is_absolute() else Path(artifacts).name
    return TrackingStore(
        f"{_SQLITE}{file}",
        file,
        artifacts if is_address(artifacts) else _place(file.parent, beside),
        is_own=False,
    )


def is_address(location: str) -> bool:
    """Whether a location is an address (s3://..., mlflow-artifacts:/...) and not a path on this machine."""
    return _ADDRESS.match(location) is not None


def owner_tags(project: Path) -> dict[str, str]:
    """Return the tags that tell which process runs: `host`, `project` (its folder) and `pid`.

    Containers may share all three: `folder` tells folders of the same path apart, `process` processes of one number.
    """
    return {
        "host": socket.gethostname(),
        "project": str(project.resolve()),
        "pid": str(os.getpid()),
        "folder": folder_identity(project / "data"),
        "process": PROCESS,
    }


def _place(folder: Path, artifacts: str) -> str:
    return artifacts if is_address(artifacts) else str(folder / artifacts)


def connect(project: Path, settings: dict[str, str], name: str) -> str:
    """Open the tracking store of a project for writing, and make it if it is not there yet.

    What `conf/` says holds: variables of the environment by which MLflow would take another store, experiment or run
    are left out of account.

    Args:
        project: Folder of the project.
        settings: See `locate_store`.
        name: Of an experiment, which is made if it is not there yet.

    Returns:
        Id of that experiment.

    Raises:
        ConfigurationError: MLflow is not installed, or a folder lies in the place of the database.
        RegistryUnavailable: The store cannot be opened, or the experiment has been deleted.
    """
    if find_spec("mlflow") is None:
        raise ConfigurationError("MLflow keeps runs and models; `pip install 'ride_duration[tracking]'` brings it")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for variable in _REDIRECTING:
        os.environ.pop(variable, None)
    store = locate_store(project, settings)
    if store.file is not None and store.file.is_dir():
        raise ConfigurationError(f"{store.file} is a folder, and a file is needed; move it away and run again")
    try:
        # Of a SQLite file, MLflow would make the tables twice if two runs were the first at once.
        with nullcontext() if store.file is None else lock_folder(store.file.parent):
            _check_reachable(store.uri)
            return _open(store, name)
    except Exception as error:  # of MLflow, of SQLAlchemy, of each driver, of requests
        raise RegistryUnavailable(describe_storage_failure(error, settings["uri"])) from error


def _open(store: TrackingStore, name: str) -> str:
    import mlflow

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # its errors reach the user once, through ours
    mlflow.set_tracking_uri(store.uri)
    mlflow.set_registry_uri(store.uri)
    experiment = mlflow.get_experiment_by_name(name)
    if experiment is not None and experiment.lifecycle_stage != "active":
        raise mlflow.MlflowException(f"experiment {experiment.experiment_id} must be in the 'active' state")
    if experiment is None:
        return _create(name, store)
    if not store.is_own or experiment.artifact_location == store.artifacts:
        return str(experiment.experiment_id)
    # The project was moved or copied, and MLflow keeps absolute paths.
    number = f" ({experiment.experiment_id})"
    moved = f"{name}{UNTIL}{experiment.artifact_location}"
    mlflow.MlflowClient().rename_experiment(experiment.experiment_id, moved[: _LONGEST_NAME - len(number)] + number)
    return _create(name, store)


def _create(name: str, store: TrackingStore) -> str:
    import mlflow

    try:
        created = str(mlflow.create_experiment(name, artifact_location=store.artifacts, tags=_experiment_tags(name)))
    except mlflow.MlflowException:  # another machine may have been first
        experiment = mlflow.get_experiment_by_name(name)
        if experiment is None:
            raise
        return str(experiment.experiment_id)
    if store.is_own:
        _hide_empty_default()
    return created


def _experiment_tags(name: str) -> dict[str, str]:
    """Return the description of an experiment, and the kind by which MLflow's pages open on its runs."""
    return {_DESCRIPTION: _DESCRIPTIONS.get(name, ""), _EXPERIMENT_KIND: "custom_model_development"}


def _hide_empty_default() -> None:
    """Delete the experiment that MLflow makes in each new store, unless somebody uses it; it may be restored."""
    import mlflow

    client = mlflow.MlflowClient()
    default = client.get_experiment_by_name("Default")
    if default is None or default.lifecycle_stage != "active" or default.experiment_id != "0":
        return
    if not client.search_runs(["0"], max_results=1):
        client.delete_experiment("0")


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
        engine = create_engine(url, connect_args=timeout_args(url) if url.get_backend_name() == "postgresql" else {})
        try:
            inspect(engine).get_table_names()
        finally:
            engine.dispose()


def flat(values: dict[str, Any], above: str = "", *, numbers_only: bool = False) -> dict[str, Any]:
    """Return nested values by their path, for instance `val.rmse`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{above}{name}.", numbers_only=numbers_only)
        elif not numbers_only or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            found[above + name] = value
    return found
