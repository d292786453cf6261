"""What the service must endure under load; `make test` tries each a few times, `make soak` often."""

import random
import threading
from pathlib import Path
from typing import NamedTuple

import mlflow

from ride_duration.mlflow_store import EXPERIMENT, connect
from tests.model_package.tiny import tiny_package
from tests.registry.store import SETTINGS, Store
from tests.serving.under_load.blue_green import blue_green
from tests.serving.under_load.load import Load
from tests.serving.under_load.processes import ServiceProcess, check_kept
from tests.support.store.postgres import Postgres
from tests.support.store.samples import until

_CHAMPION = "champion"


class Pair(NamedTuple):
    """A registered model with two versions, the first of which is champion.

    Attributes:
        project: Folder of the registry.
        name: Of the model.
    """

    project: Path
    name: str

    def make_champion(self, version: int) -> None:
        """Move the alias, as a decision does."""
        mlflow.MlflowClient().set_registered_model_alias(self.name, _CHAMPION, str(version))


def two_versions(store: Store) -> Pair:
    """A model of its own in a store."""
    registry = store.new()
    store.champions(registry, 1)
    _, other = store.log(tiny_package(5.0))
    store.release(registry, model_uri=other)
    return Pair(store.project, registry.name)


def swap_models(pair: Pair, folder: Path, times: int) -> Load:
    """Move the alias again and again; each time the other version answers soon, and nobody waits for it."""
    connect(pair.project, SETTINGS, EXPERIMENT)
    with ServiceProcess(pair.project, pair.name, folder) as service, Load(service.port) as load:
        for turn in range(times):
            wanted = 2 - turn % 2
            pair.make_champion(wanted)
            until(lambda wanted=wanted: service.get("/version")["model_version"] == str(wanted))
            load.more()
    pair.make_champion(1)
    return load


def kill_service(pair: Pair, folder: Path, times: int, seed: int, **given: str) -> None:
    """Kill it in the middle of its work; what it acknowledged is in the database once the last one has drained."""
    randomness = random.Random(seed)
    service = ServiceProcess(pair.project, pair.name, folder, **given)
    with Load(service.port) as load:
        for _ in range(times):
            service.start()
            load.more(randomness.randrange(100, 600))
            service.kill()
        service.start()
        load.more()
    service.stop()
    assert set(load.statuses) == {200}
    check_kept(load.acknowledged, service.settings["store"])


def stop_database(pair: Pair, folder: Path, postgres: Postgres, seconds: float) -> None:
    """The database goes away for a while; nobody who asks for rides notices."""
    store_url = postgres.database()
    with ServiceProcess(pair.project, pair.name, folder, store=store_url) as service:
        with Load(service.port) as load:
            load.more()
            postgres.stop()
            threading.Event().wait(seconds)
            load.more()
            postgres.start()
            load.more()
        service.stop()
    assert set(load.statuses) == {200}
    assert not load.broken
    check_kept(load.acknowledged, store_url)


def switch_colours(pair: Pair, times: int) -> Load:
    """Replace the service under load, again and again; everything acknowledged is in the prediction log."""
    with blue_green(pair.project, pair.name) as script:
        script.deploy()
        with Load(script.port) as load:
            for _ in range(times):
                load.more()
                script.deploy()
            load.more()
        assert script("stop").returncode == 0
        check_kept(load.acknowledged, script.store)
    return load
