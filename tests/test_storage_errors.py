"""One true sentence for each kind of failure of a database or of MLflow's store, made by the real thing."""

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from sqlalchemy import create_engine, text

from ride_duration.errors import RideDurationError
from ride_duration.storage_errors import describe_mlflow_failure, describe_storage_failure, is_missing

STORE = "sqlite:///data/mlflow/mlflow.db"


def failure(act: Callable[[], object]) -> Exception:
    """What an act fails with."""
    with pytest.raises(Exception) as failed:  # noqa: PT011  each library has its own
        act()
    return failed.value


def ask(file: str, statement: str = "SELECT count(*) FROM sqlite_master") -> Callable[[], object]:
    """Run a statement in a SQLite file, without waiting for anybody."""

    def run() -> None:
        engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(file, uri=True, timeout=0))
        with engine.connect() as connection:
            connection.execute(text(statement))

    return run


def test_a_locked_file_is_called_locked(tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    said = describe_storage_failure(failure(ask(f"file:{tmp_path}/store.db")), STORE)
    holder.close()
    assert said == f"{STORE} is locked by another program; wait until that has ended, and try again"


def test_a_file_that_may_not_be_written_or_opened_is_not_called_damaged(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "store.db").execute("CREATE TABLE runs (id)").close()
    for act in (
        ask(f"file:{tmp_path}/store.db?mode=ro", "INSERT INTO runs VALUES (1)"),
        ask(f"file:{tmp_path}/nowhere/store.db"),
    ):
        said = describe_storage_failure(failure(act), STORE)
        assert said.startswith(f"{STORE} cannot be read or written; let ")
        assert "damaged" not in said


def test_a_damaged_file_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no database" * 1000)
    said = describe_storage_failure(failure(ask(f"file:{tmp_path}/store.db")), STORE)
    assert "it is damaged: put a backup in its place" in said


@pytest.mark.parametrize(
    ("revision", "words"),
    [("ffffffffffff", ["a newer MLflow", "make run"]), ("451aebb31d03", ["an older MLflow", "mlflow db upgrade"])],
)
def test_a_schema_of_another_mlflow_is_called_newer_or_older(
    tmp_path: Path, revision: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.store.db import utils

    file = tmp_path / "store.db"
    made = sqlite3.connect(file)
    made.execute("CREATE TABLE alembic_version (version_num)")
    made.execute("INSERT INTO alembic_version VALUES (?)", [revision])
    made.commit()
    made.close()
    engine = create_engine(f"sqlite:///{file}")
    said = describe_storage_failure(failure(lambda: utils._verify_schema(engine)), STORE)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("The run 12ab must be in the 'active' state. Current state is deleted.", ["run 12ab", "has been deleted"]),
        (
            "The experiment 3 must be in the 'active' state. Current state is deleted.",
            ["experiment 3", f"`MLFLOW_TRACKING_URI={STORE} mlflow experiments restore --experiment-id 3`"],
        ),
        ("Run with id=12ab not found", ["run 12ab is not in", "deleted for good"]),
        ("No such artifact: 'gate_report.json'", ["the file gate_report.json", "is gone"]),
        (
            "API request to http://h/api failed with exception HTTPConnectionPool(host='h'): Max retries exceeded",
            ["cannot be reached", "start it, or correct its address"],
        ),
        ("API request to endpoint /api failed with error code 503 != 200. Response body: ''", ["cannot be reached"]),
        ("API request to endpoint /api failed with error code 401 != 200. Response body: ''", ["refuses access"]),
        ("PERMISSION_DENIED: Permission denied on it", ["refuses access", "MLFLOW_TRACKING_USERNAME"]),
        ("API request to endpoint /api failed with error code 404 != 200. Response body: '<h1>'", ["not as an MLflow"]),
        (
            "(psycopg.OperationalError) connection failed: Connection refused",
            ["be reached"],
        ),
        ('(psycopg.OperationalError) FATAL:  password authentication failed for user "ana"', ["refuses access"]),
        ("No module named 'psycopg2'", ["needs the Python package psycopg2"]),
        ("Names may only contain alphanumerics", ["cannot keep such a name"]),
        ("something else altogether\nand more of it", ["refuses the request (something else altogether)"]),
    ],
)
def test_each_kind_has_a_sentence_with_the_way_out(message: str, words: list[str]) -> None:
    said = describe_mlflow_failure(mlflow.MlflowException(message), STORE)
    assert said
    assert "\n" not in said
    assert "MlflowException" not in said
    for word in words:
        assert word in said


def test_passwords_are_not_shown() -> None:
    error = mlflow.MlflowException("postgresql://ana:secret@db/mlflow refuses")
    assert "secret" not in str(describe_mlflow_failure(error, "postgresql://ana:secret@db/mlflow"))


def test_only_errors_of_mlflow_are_explained_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe_mlflow_failure(ValueError("no"), STORE) is None
    error = mlflow.MlflowException("no")
    monkeypatch.delitem(sys.modules, "mlflow")
    assert describe_mlflow_failure(error, STORE) is None


def test_what_is_missing_is_told_from_what_cannot_be_looked_for() -> None:
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

    assert is_missing(mlflow.MlflowException("no run", error_code=RESOURCE_DOES_NOT_EXIST))
    assert not is_missing(mlflow.MlflowException("database is locked"))
    assert not is_missing(RideDurationError("no"))
