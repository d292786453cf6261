"""Fixtures of the store's tests: every test that takes `store_url` runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.store.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server."""
    server = Postgres()
    yield server
    server.end()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that nobody has written to."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store/predictions.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.database()
