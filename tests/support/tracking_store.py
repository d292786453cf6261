"""MLflow's tables, made once: they take two seconds of every new store."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory


def provide_tables(file: Path) -> None:
    """Make the SQLite file of a new tracking store, with the tables that MLflow makes and nothing of a project's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_make_tables())


@cache
def _make_tables() -> bytes:
    from mlflow import MlflowClient

    with TemporaryDirectory() as folder:
        path = Path(folder) / "mlflow.db"
        MlflowClient(f"sqlite:///{path}").search_experiments()
        with closing(sqlite3.connect(path)) as connection:
            return connection.serialize()
