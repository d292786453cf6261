"""Fixtures of the live level's tests: a store on SQLite and on PostgreSQL, whose tables are made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ride_duration.store.database import migrate, open_writing_engine
from tests.support.store.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server."""
    server = Postgres()
    yield server
    server.end()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that has tables, and no rows."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/store/predictions.db"
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.database()
    engine = open_writing_engine(url)
    migrate(engine)
    engine.dispose()
    return url
