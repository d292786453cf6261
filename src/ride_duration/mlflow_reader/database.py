"""MLflow's tables in SQLite or PostgreSQL, read by plain SQL."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ride_duration.errors import NotFound, RegistryUnavailable
from ride_duration.mlflow_reader.records import TIMEOUT_SECONDS, LoggedModel, StoredRun, StoredVersion, pick_experiments
from ride_duration.mlflow_store import UNTIL
from ride_duration.postgresql import timeout_args

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

_EXPERIMENTS = "SELECT experiment_id, name, lifecycle_stage FROM experiments WHERE name = :name OR name LIKE :moved"
_RUNS = """
    SELECT run_uuid, experiment_id, status, start_time, artifact_uri FROM runs
    WHERE lifecycle_stage = 'active' AND experiment_id IN ({experiments}) ORDER BY start_time DESC, run_uuid
"""
_OF_RUNS = """
    SELECT run_uuid, {columns} FROM {table} WHERE run_uuid IN
    (SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active' AND experiment_id IN ({experiments}))
"""
_ALIAS = "SELECT version FROM registered_model_aliases WHERE name = :name AND alias = 'champion'"
_VERSIONS = """
    SELECT version, creation_time, source, run_id FROM model_versions
    WHERE name = :name AND current_stage <> 'Deleted_Internal'
"""
_VERSION_TAGS = "SELECT version, key, value FROM model_version_tags WHERE name = :name"
_LOGGED = """
    SELECT logged_models.artifact_location, experiments.artifact_location FROM logged_models
    JOIN experiments ON experiments.experiment_id = logged_models.experiment_id
    WHERE 'models:/' || logged_models.model_id = :source
"""


class DatabaseReader:
    """Reads MLflow's tables.

    Args:
        uri: Address of the database.
        file: The same, of SQLite.
    """

    def __init__(self, uri: str, file: Path | None) -> None:
        self._uri = uri
        self._file = file
        self._engine: Engine | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a store; a database elsewhere is there, or cannot be reached."""
        return self._file is None or self._file.exists()

    def experiments(self, name: str) -> list[str]:
        """Ids of the experiment of that name, and of those that had it before; empty if there is none."""
        found = self._query(_EXPERIMENTS, name=name, moved=f"{name}{UNTIL}%") if self.exists else []
        return pick_experiments(name, [(str(identity), called, stage) for identity, called, stage in found])

    def runs(self, experiments: Sequence[str]) -> list[StoredRun]:
        """Every run that was not deleted, the newest first."""
        if not experiments:
            return []
        chosen = ", ".join(str(int(identity)) for identity in experiments)
        params, tags, metrics = (
            self._values(table, columns, chosen)
            for table, columns in (("params", "key, value"), ("tags", "key, value"), ("latest_metrics", _METRIC))
        )
        return [
            StoredRun(run, status, int(started or 0), uri, params.get(run, {}), metrics.get(run, {}), tags.get(run, {}))
            for run, _, status, started, uri in self._query(_RUNS.format(experiments=chosen))
        ]

    def versions(self, model: str) -> list[StoredVersion]:
        """Every version of a model, in no order."""
        if not self.exists:
            return []
        tags: dict[int, dict[str, str]] = {}
        for version, name, value in self._query(_VERSION_TAGS, name=model):
            tags.setdefault(int(version), {})[name] = value
        return [
            StoredVersion(int(version), int(created), source, run or "", tags.get(int(version), {}))
            for version, created, source, run in self._query(_VERSIONS, name=model)
        ]

    def champion(self, model: str) -> int | None:
        """The version that the alias names, if there is one."""
        found = self._query(_ALIAS, name=model) if self.exists else []
        return int(found[0][0]) if found else None

    def logged_model(self, source: str) -> LoggedModel:
        """Where the files of a version lie; see `StoredVersion.source`."""
        found = self._query(_LOGGED, source=source)
        if not found:
            raise NotFound(f"there is no logged model {source}")
        return LoggedModel(*found[0])

    def _values(self, table: str, columns: str, chosen: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for run, key, value in self._query(_OF_RUNS.format(table=table, columns=columns, experiments=chosen)):
            found.setdefault(run, {})[key] = math.nan if value is None else value
        return found

    def _query(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        if not self.exists:
            raise RegistryUnavailable(f"there is no registry at {self._uri}; `kedro run` makes one, and a champion")
        if self._file is not None:  # by itself, since SQLAlchemy takes half a second to import
            address = f"file:{quote(str(self._file))}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=TIMEOUT_SECONDS)) as connection:
                return connection.execute(query, values).fetchall()
        from sqlalchemy import text

        if self._engine is None:
            self._engine = _open_engine(self._uri)
        with self._engine.connect() as engine_connection:
            return [tuple(row) for row in engine_connection.execute(text(query), values)]


#: MLflow keeps NaN as zero with a mark.
_METRIC = "key, CASE WHEN is_nan THEN NULL ELSE value END"


def _open_engine(uri: str) -> Engine:
    from sqlalchemy import create_engine, make_url

    url = make_url(uri.replace("postgresql://", "postgresql+psycopg://", 1))
    others = {"connect_timeout": TIMEOUT_SECONDS}
    arguments = timeout_args(url, TIMEOUT_SECONDS) if url.get_backend_name() == "postgresql" else others
    return create_engine(url, connect_args=arguments, pool_pre_ping=True)
