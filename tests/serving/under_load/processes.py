"""Services as processes of their own, over a real registry with tiny packages."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import text

from ride_duration.playback.service_process import find_free_port
from ride_duration.store.database import open_reading_engine
from tests.registry.store import SETTINGS
from tests.support.serving.service import LIMITS, ROLLOUT
from tests.support.store.samples import until


def environment() -> dict[str, str]:
    """Of processes that import what this one does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class ServiceProcess:
    """A service that can be killed and started again.

    Args:
        project: With the registry.
        model: Name of the registered model.
        folder: For journals, packages and settings; the prediction log, too, if there is no `store`.
        given: Other settings.
    """

    def __init__(self, project: Path, model: str, folder: Path, **given: Any) -> None:
        self.port = given.get("port") or find_free_port()
        self.folder = folder
        self.settings = {
            "project": str(project),
            "model": model,
            "tracking": SETTINGS,
            "port": self.port,
            "instance": "one",
            "store": f"sqlite:///{folder}/predictions.db",
            "folder": str(folder),
            "durability": "journal",
            "journal_bytes": 50_000_000,
            "registry_seconds": 0.05,
            "api_keys": str(folder / "keys.json"),
            "require_keys": False,
            "behind_proxy": False,
            "limits": LIMITS,
            "rollout": ROLLOUT,
            **given,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def settings_file(self) -> Path:
        """What it is started with."""
        return self.folder / f"{self.settings['instance']}.json"

    def write_settings(self) -> Path:
        """Write them to their file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings_file.write_text(json.dumps(self.settings))
        return self.settings_file

    def start(self) -> "ServiceProcess":
        """Start it, and wait until it is ready."""
        command = [sys.executable, "-m", "ride_duration.serving", "--settings", str(self.write_settings())]
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment())
        until(self.ready, 90.0)
        return self

    def ready(self) -> bool:
        """Whether it says so."""
        assert self.process
        assert self.process.poll() is None, self.log
        try:
            return bool(self.get("/ready"))
        except (URLError, ConnectionError):
            return False

    def get(self, path: str) -> Any:
        """What it says there."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait until it has ended well."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(40) == 0, self.log

    @property
    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "service.log").read_text()

    def __enter__(self) -> "ServiceProcess":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self.kill()


def logged(store_url: str) -> list[str]:
    """Ids of the rides in a prediction log, one for each prediction, sorted."""
    engine = open_reading_engine(store_url)
    with engine.connect() as connection:
        rides = sorted(connection.scalars(text("SELECT ride_id FROM predictions")))
    engine.dispose()
    return rides


def check_kept(acknowledged: list[str], store_url: str) -> None:
    """Every acknowledged ride is in the prediction log exactly once, and no other one twice."""
    rides = logged(store_url)
    assert acknowledged
    assert not set(acknowledged) - set(rides), "acknowledged predictions are lost"
    doubled = [one for one, after in itertools.pairwise(rides) if one == after]
    assert not doubled, "predictions are doubled"
