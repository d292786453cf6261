"""What the service must endure under load; `make test` tries each a few times, `make soak` often."""

import random
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import mlflow

from ride_duration.mlflow_store import EXPERIMENT, connect
from tests.conftest import REPOSITORY
from tests.model_package.tiny import tiny_package
from tests.registry.store import SETTINGS, Store
from tests.serving.load import Load
from tests.serving.processes import ServiceProcess, check_kept, environment, free_port
from tests.store.postgres import Postgres
from tests.store.samples import until

_CHAMPION = "champion"


class Models(NamedTuple):
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


def two_versions(store: Store) -> Models:
    """A model of its own in a store."""
    registry = store.new()
    store.champions(registry, 1)
    _, other = store.log(tiny_package(5.0))
    store.release(registry, model_uri=other)
    return Models(store.project, registry.name)


def swap_models(models: Models, folder: Path, times: int) -> Load:
    """Move the alias again and again; each time the other version answers soon, and nobody waits for it."""
    connect(models.project, SETTINGS, EXPERIMENT)
    with ServiceProcess(models.project, models.name, folder) as service, Load(service.port) as load:
        for turn in range(times):
            wanted = 2 - turn % 2
            models.make_champion(wanted)
            until(lambda wanted=wanted: service.get("/version")["model_version"] == str(wanted))
            load.more()
    models.make_champion(1)
    return load


def kill_service(models: Models, folder: Path, times: int, seed: int, **given: str) -> None:
    """Kill it in the middle of its work; what it acknowledged is in the database once the last one has drained."""
    randomness = random.Random(seed)
    service = ServiceProcess(models.project, models.name, folder, **given)
    with Load(service.port) as load:
        for _ in range(times):
            service.start()
            load.more(randomness.randrange(100, 1000))
            service.kill()
        service.start()
        load.more()
    service.stop()
    assert set(load.statuses) == {200}
    check_kept(load.acknowledged, service.settings["store"])


def stop_database(models: Models, folder: Path, postgres: Postgres, seconds: float) -> None:
    """The database goes away for a while; nobody who asks for rides notices."""
    store_url = postgres.database()
    with ServiceProcess(models.project, models.name, folder, store=store_url) as service:
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


class BlueGreen:
    """`deploy/blue_green.sh` with a folder and ports of its own, and services that need no Kedro."""

    def __init__(self, models: Models, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.store = f"sqlite:///{folder}/predictions.db"
        self.services = {
            colour: ServiceProcess(models.project, models.name, folder, instance=colour, behind_proxy=True)
            for colour in ("blue", "green")
        }
        for service in self.services.values():
            service.write_settings()

    def __call__(self, *arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
        """Run the script."""
        settings = {
            "RIDE_DURATION_LISTEN": f"127.0.0.1:{self.port}",
            "RIDE_DURATION_BLUE_PORT": str(self.services["blue"].port),
            "RIDE_DURATION_GREEN_PORT": str(self.services["green"].port),
            "RIDE_DURATION_FOLDER": str(self.folder),
            "RIDE_DURATION_PATIENCE": "30",
            "RIDE_DURATION_KEY": key,
        }
        return subprocess.run(
            [str(REPOSITORY / "deploy/blue_green.sh"), *arguments],
            env=environment() | settings,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def deploy(self) -> str:
        """A new instance; what the script says."""
        done = self("deploy", "--", "python", "-m", "ride_duration.serving", f"{self.folder}/{{colour}}.json")
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def blue_green(models: Models) -> Iterator[BlueGreen]:
    """Everything is stopped in the end. nginx's workers must be allowed to read the folder, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix="ride-duration-blue-green-"))
    folder.chmod(0o755)
    script = BlueGreen(models, folder)
    try:
        yield script
    finally:
        stopped = script("stop")
        assert stopped.returncode == 0, stopped.stderr
        shutil.rmtree(folder)


def switch_colours(models: Models, times: int) -> Load:
    """Replace the service under load, again and again; everything acknowledged is in the prediction log."""
    with blue_green(models) as script:
        script.deploy()
        with Load(script.port) as load:
            for _ in range(times):
                load.more()
                script.deploy()
            load.more()
        assert script("stop").returncode == 0
        check_kept(load.acknowledged, script.store)
    return load
