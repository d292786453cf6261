"""A registry for the services that Prometheus scrapes."""

from collections.abc import Iterator

import mlflow
import pytest

from tests.registry.store import Store
from tests.serving.conftest import Models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """One registry for these tests."""
    yield Models(Store(tmp_path_factory.mktemp("scraped") / "project"))
    mlflow.set_tracking_uri(None)
