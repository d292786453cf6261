"""Fixtures of the tests under load: a model with two versions, and a PostgreSQL server, once for all of them."""

from collections.abc import Iterator

import pytest

from tests.registry.store import Store
from tests.serving.under_load.trials import Pair, two_versions
from tests.store.postgres import Postgres


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Two versions of a model; the first is champion."""
    return two_versions(Store(tmp_path_factory.mktemp("under_load") / "project"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server."""
    server = Postgres()
    yield server
    server.end()
