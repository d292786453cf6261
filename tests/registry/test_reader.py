"""A registry that does not answer holds up the reader for some seconds, not for ever."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from ride_duration import postgresql
from ride_duration.errors import Unreachable
from ride_duration.registry import reader as reader_module
from ride_duration.registry.reader import RegistryReader
from tests.store.postgres import Postgres


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    server = Postgres()
    yield server.database()
    server.end()


def test_a_database_that_is_locked_is_not_waited_for(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "SECONDS", 1)
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE registered_model_aliases (name TEXT, alias TEXT, version INT)"))
        connection.execute(text("INSERT INTO registered_model_aliases VALUES ('taxi', 'champion', 3)"))
    reader = RegistryReader(tmp_path, {"uri": database, "artifacts": "artifacts"}, "taxi")
    assert reader.champion() == 3
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE registered_model_aliases"))
        with pytest.raises(Unreachable, match=r"the registry cannot be reached .*lock timeout"):
            reader.champion()
    assert reader.champion() == 3
    engine.dispose()


def test_a_copy_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_COPYING", 0.1)
    engine = create_engine(f"sqlite:///{tmp_path}/mlflow.db")
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE model_versions (name, version, source, creation_time)",
            "CREATE TABLE logged_models (model_id, experiment_id, artifact_location)",
            "CREATE TABLE experiments (experiment_id, artifact_location)",
            "INSERT INTO model_versions VALUES ('taxi', 1, 'models:/m-1', 0)",
            "INSERT INTO logged_models VALUES ('m-1', 1, 's3://models/m-1')",
            "INSERT INTO experiments VALUES (1, 's3://models')",
        ):
            connection.execute(text(statement))
    engine.dispose()
    reader = RegistryReader(tmp_path, {"uri": "sqlite:///mlflow.db", "artifacts": "artifacts"}, "taxi")
    with pytest.raises(Unreachable, match=r"cannot be reached \(s3://models/m-1 took more than 0\.1 s\)"):
        reader.released(1)
