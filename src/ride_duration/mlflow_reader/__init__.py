"""MLflow's store, read without MLflow, whose import takes five seconds and 200 MB.

Commands that only read, and the web service, have no time and no room for that. They read what MLflow has written from
its database or through its server's REST API; nothing is ever written. Tests hold that both return what MLflow itself
returns, since the tables of the database are MLflow's own affair.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ride_duration.errors import ConfigurationError
from ride_duration.mlflow_reader.database import DatabaseReader
from ride_duration.mlflow_reader.records import LoggedModel, StoredRun, StoredVersion
from ride_duration.mlflow_reader.server import ServerReader
from ride_duration.mlflow_store import locate_store

__all__ = ["DatabaseReader", "LoggedModel", "ServerReader", "StoredRun", "StoredVersion", "open_reader"]


def open_reader(project: Path, settings: dict[str, str]) -> DatabaseReader | ServerReader:
    """Open the tracking store of a project for reading.

    Args:
        project: Folder of the project.
        settings: `uri` and `artifacts` of the tracking store.

    Raises:
        ConfigurationError: A package is missing.
    """
    store = locate_store(project, settings)
    if store.uri.startswith(("http://", "https://")):
        return ServerReader(store.uri)
    if store.file is None and find_spec("sqlalchemy") is None:
        raise ConfigurationError("MLflow keeps runs and models; `pip install 'ride_duration[tracking]'` brings it")
    return DatabaseReader(store.uri, store.file)
