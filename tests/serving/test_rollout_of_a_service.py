"""Two rollouts of a real service over a real registry: one that ends early, and one to the end."""

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest

from ride_duration.registry import Registry, model_name
from tests.conftest import Project
from tests.model_package.tiny import tiny_package
from tests.registry.store import SETTINGS, Store
from tests.store.samples import until

MODEL = model_name("green", "simulated")
PLAN = {
    "stages": [
        {"share": "shadow", "minutes": 0.001, "predictions": 100, "actuals": 100},
        {"share": 0.5, "minutes": 0.001, "predictions": 40},
        {"share": 1.0, "minutes": 0.001, "predictions": 100},
    ],
    "limits": {"requests": 20, "error_rate": 0.01, "p99_ms": 60_000, "worse_minutes": 1.0},
}
RIDES = [
    {"ride_id": f"{pickup}-{dropoff}", "PULocationID": pickup, "DOLocationID": dropoff}
    for pickup in range(41, 81)
    for dropoff in (pickup + 1, pickup + 2, pickup + 4, pickup + 7)
]


class Town(Project):
    """A project with a champion and two candidates, and its service."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        (root / "conf/base/parameters_rollout.yml").write_text(json.dumps({"rollout": PLAN}))
        store = Store(root)
        self.registry: Registry = store.registry(MODEL)
        for minutes_a_mile in (3.0, 6.0, 3.1):
            _, uri = store.log(tiny_package(minutes_a_mile))
            version = store.release(self.registry, model_uri=uri)
            if version == 1:
                self.registry.promote(1, "Ana", "the first")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def serve(self) -> subprocess.Popen[bytes]:
        """Start the service, and wait until it is ready."""
        limits = {"body_bytes": 1_000_000, "body_seconds": 10, "requests_per_second": 1e6, "burst": 1_000_000}
        settings = {
            "project": str(self.root),
            "model": MODEL,
            "tracking": SETTINGS,
            "port": self.port,
            "store": "sqlite:///data/serving/predictions.db",
            "folder": "data/serving",
            "journal_bytes": 10_000_000,
            "registry_seconds": 0.05,
            "api_keys": "keys.json",
            "require_keys": False,
            "behind_proxy": False,
            "limits": limits | {"concurrency": 64},
            "rollout": PLAN,
        }
        (self.root / "settings.json").write_text(json.dumps(settings))
        service = subprocess.Popen([sys.executable, "-m", "ride_duration.serving", str(self.root / "settings.json")])
        until(lambda: service.poll() is not None or self.ready(), 30)
        return service

    def ready(self) -> bool:
        try:
            return bool(self.ask("GET", "/ready")["status"] == "ready")
        except ConnectionError:
            return False

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.raw(method, path, body))

    def raw(self, method: str, path: str, body: Any = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        told = response.read()
        connection.close()
        assert response.status in (200, 202), told
        return told

    def drive(self) -> dict[str, tuple[str, str]]:
        """All rides: who answered which. Each takes as long as the first champion says."""
        answers = self.ask("POST", "/predict/batch", {"rides": RIDES})["predictions"]
        minutes = {"1": 3.0, "2": 6.0, "3": 3.1}
        actuals = [
            {"ride_id": answer["ride_id"], "duration": answer["duration"] * 3.0 / minutes[answer["model_version"]]}
            for answer in answers
        ]
        self.ask("POST", "/actuals", {"actuals": actuals})
        return {answer["ride_id"]: (answer["model_version"], answer["variant"]) for answer in answers}

    def told(self, *arguments: str) -> Any:
        """What `kedro models …` says."""
        ended = self.kedro("models", *arguments)
        assert ended.code == 0, ended.err
        return json.loads(ended.out) if "--json" in arguments else ended.out

    def refused(self, *arguments: str) -> str:
        ended = self.kedro("models", *arguments)
        assert ended.code == 1
        assert "Traceback" not in ended.err
        return ended.err


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path / "project")
    service = town.serve()
    yield town
    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0
    mlflow.set_tracking_uri(None)


def test_one_challenger_is_sent_back_and_one_becomes_champion(town: Town) -> None:
    assert "no rollout yet" in town.told("rollout", "status")
    assert "version 1 is the champion already" in town.refused("rollout", "start", "1")
    assert "no rollout goes on" in town.refused("rollout", "stop", "--why", "it rains")

    assert "Version 2 challenges version 1 now" in town.told("rollout", "start", "2", "--by", "Ana")
    assert "goes on already" in town.refused("rollout", "start", "3")
    until(lambda: town.ask("GET", "/models")["rollout"])
    until(lambda: len(town.ask("GET", "/models")["variants"]) == 2)
    assert set(town.drive().values()) == {("1", "champion")}, "nobody gets the shadow's answers"
    until(lambda: town.ask("GET", "/models")["rollout"] is None)
    status = town.told("rollout", "status", "--json")
    assert (status["version"], status["status"], status["stage"]) == (2, "rolled back", "shadow")
    assert "challenger worse by" in status["history"][-1]["why"]
    report = town.told("ab", "--json")
    assert "challenger worse by" in report["verdict"]
    assert [row["variant"] for row in report["variants"]] == ["champion", "shadow"]
    assert "rolled back" in report["next"]

    town.told("rollout", "start", "3", "--by", "Ana", "--why", "learnt from March")
    until(lambda: town.ask("GET", "/models")["rollout"])
    seen: dict[str, list[tuple[str, str]]] = {ride["ride_id"]: [] for ride in RIDES}

    def drive() -> None:
        for ride, answered in town.drive().items():
            if answered not in seen[ride]:
                seen[ride].append(answered)

    def promoting() -> bool:
        drive()
        rollout = town.ask("GET", "/models")["rollout"]
        return rollout is None or rollout["status"] == "promoting"

    assert b'ride_duration_rollout_share{stage="shadow",version="3"} 0.0' in town.raw("GET", "/metrics")
    until(promoting, 60)
    until(lambda: town.ask("GET", "/version")["model_version"] == "3", 60)
    drive()
    stages = [("1", "champion"), ("3", "challenger"), ("3", "champion")]
    assert all(answered == stages for answered in seen.values()), "who has the challenger keeps it"
    assert town.registry.champion() == 3
    assert [reign.decision.by for reign in town.registry.history()] == ["Ana", "rollout"]
    until(lambda: town.told("rollout", "status", "--json")["status"] == "finished")
    status = town.told("rollout", "status", "--json")
    assert [noted["stage"] for noted in status["history"]] == ["shadow", "50 %", "100 %", "100 %", "100 %"]
    assert "Verdict: " in town.told("ab")
    report = town.told("ab", "--json")
    assert report["next"] == "nothing: the rollout is finished (version 3 is champion)"
    assert report["variants"][0]["variant"] == "challenger"
    assert report["variants"][0]["predicted"] == len(seen), "the last stage had all rides"
    assert "Version 3" in town.told("rollout", "status")
