"""Fixtures of the service's tests: one MLflow registry a session, and one service that tests ask, and do not change."""

from collections.abc import Callable, Iterator

import mlflow
import pytest

from ride_duration.registry import Registry
from tests.registry.store import Store
from tests.support.serving.packages import priced
from tests.support.serving.service import Running


class Models:
    """A real registry with packages that answer by hand-made weights, logged once each."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.project = store.project
        self._logged: dict[str, str] = {}

    def champion(self, minutes_a_mile: float = 3.0, *, registry: Registry | None = None) -> Registry:
        """A model of the test's own whose champion asks so much a mile, or another champion of a model."""
        registry = registry or self.store.new()
        registry.promote(self.release(registry, minutes_a_mile), "Ana", "better")
        return registry

    def release(self, registry: Registry, minutes_a_mile: float = 3.0, *, own: bool = False, **package: float) -> int:
        """Register a version; `own` where no other version shares its files."""
        name = f"{minutes_a_mile} {package}"
        if own or package or name not in self._logged:
            _, self._logged[name] = self.store.log(priced(minutes_a_mile, **package))
        return self.store.release(registry, model_uri=self._logged[name])


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """One registry for all tests of a worker, since MLflow takes seconds to make it."""
    yield Models(Store(tmp_path_factory.mktemp("serving") / "project"))
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="session")
def service(models: Models) -> Iterator[Running]:
    """A service whose champion is version 1, at 3 minutes a mile; to be asked, not to be changed."""
    with Running(models.project, models.champion().name, covered=True) as running:
        yield running


@pytest.fixture
def started(models: Models) -> Iterator[Callable[..., Running]]:
    """Starts services of the test's own, and ends them."""
    running: list[Running] = []

    def start(registry: Registry, **given: object) -> Running:
        running.append(Running(models.project, registry.name, **given))
        running[-1].start()
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.end()
