"""Fixtures of the tests under load: a model with two versions, and a PostgreSQL server, once for all of them."""

from collections.abc import Iterator

import pytest

from tests.serving.conftest import Models
from tests.serving.under_load.trials import Pair, two_versions
from tests.support.store.postgres import Postgres


@pytest.fixture(scope="session")
def pair(models: Models) -> Pair:
    """Two versions of a model; the first is champion."""
    return two_versions(models.store)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server."""
    server = Postgres()
    yield server
    server.end()
