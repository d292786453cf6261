"""A project with a real registry, a rollout plan of moments, and services in processes of their own."""

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ride_duration.playback.service_process import find_free_port
from ride_duration.registry import Registry, model_name
from tests.conftest import Project
from tests.model_package.tiny import tiny_package
from tests.registry.store import SETTINGS, Store
from tests.support.store.samples import until

MODEL = model_name("green", "simulated")
PLAN = {
    "stages": [
        {"share": "shadow", "days": 1e-6, "predictions": 100, "actuals": 100},
        {"share": 0.5, "days": 1e-6, "predictions": 40},
        {"share": 1.0, "days": 1e-6, "predictions": 100},
    ],
    "limits": {
        "requests": 20,
        "error_rate": 0.01,
        "p99_ms": 60_000,
        "worse_rmse": None,
        "guard_rides": 100,
        "guard_worse_rmse": 0.25,
    },
}
RIDES = [
    {"ride_id": f"{pickup}-{dropoff}", "PULocationID": pickup, "DOLocationID": dropoff}
    for pickup in range(41, 81)
    for dropoff in (pickup + 1, pickup + 2, pickup + 4, pickup + 7)
]


class Town(Project):
    """A project with a champion, a candidate and a version that awaits approval, and its service."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        (root / "conf/base/parameters_rollout.yml").write_text(json.dumps({"rollout": PLAN}))
        store = Store(root)
        self.registry: Registry = store.registry(MODEL)
        for minutes_a_mile in (3.0, 6.0, 3.1):
            _, uri = store.log(tiny_package(minutes_a_mile))
            approval = "manual" if minutes_a_mile == 3.1 else "auto"
            version = store.release(self.registry, approval, uri)
            if version == 1:
                self.registry.promote(1, "Ana", "the first")
        self.port = find_free_port()

    def serve(self, port: int | None = None) -> subprocess.Popen[bytes]:
        """Start a service, and wait until it is ready; it writes to `PORT.log`."""
        port = port or self.port
        limits = {"body_bytes": 1_000_000, "body_seconds": 10, "requests_per_second": 1e6, "burst": 1_000_000}
        settings = {
            "project": str(self.root),
            "model": MODEL,
            "tracking": SETTINGS,
            "port": port,
            "store": "sqlite:///data/serving/predictions.db",
            "folder": "data/serving",
            "journal_bytes": 10_000_000,
            "registry_seconds": 0.05,
            "api_keys": "keys.json",
            "require_keys": False,
            "behind_proxy": False,
            "limits": limits | {"concurrency": 64, "batches": 16},
            "rollout": PLAN,
        }
        file = self.root / f"{port}.json"
        file.write_text(json.dumps(settings))
        with file.with_suffix(".log").open("wb") as log:
            service = subprocess.Popen(
                [sys.executable, "-m", "ride_duration.serving", "--settings", str(file)], stderr=log
            )
        until(lambda: service.poll() is not None or self.ready(port), 30)
        return service

    def ready(self, port: int) -> bool:
        try:
            return bool(self.ask("GET", "/ready", port=port)["status"] == "ready")
        except ConnectionError:
            return False

    def ask(self, method: str, path: str, body: Any = None, port: int | None = None) -> Any:
        """What a service says, as JSON."""
        return json.loads(self.raw(method, path, body, port))

    def raw(self, method: str, path: str, body: Any = None, port: int | None = None) -> bytes:
        """What a service says."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        told = response.read()
        connection.close()
        assert response.status in (200, 202), told
        return told

    def drive(self, port: int | None = None) -> dict[str, tuple[str, str]]:
        """All rides: who answered which. Each takes as long as the mean of what versions 1 and 3 say."""
        answers = self.ask("POST", "/predict/batch", {"rides": RIDES}, port)["predictions"]
        minutes = {"1": 3.0, "2": 6.0, "3": 3.1}
        actuals = [
            {"ride_id": answer["ride_id"], "duration": answer["duration"] * 3.05 / minutes[answer["model_version"]]}
            for answer in answers
        ]
        self.ask("POST", "/actuals", {"actuals": actuals}, port)
        return {answer["ride_id"]: (answer["model_version"], answer["variant"]) for answer in answers}

    def told(self, *arguments: str) -> Any:
        """What `kedro …` says."""
        ended = self.kedro(*arguments)
        assert ended.code == 0, ended.err
        return json.loads(ended.out) if "--json" in arguments else ended.out

    def refused(self, *arguments: str) -> str:
        ended = self.kedro(*arguments)
        assert ended.code == 1
        assert "Traceback" not in ended.err
        return ended.err
