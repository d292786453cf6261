"""A rollout that two services lead, of which one is killed while it promotes."""

import signal
import time
from pathlib import Path

import mlflow
import pytest

from ride_duration.playback.service_process import find_free_port
from tests.support.serving.town import Town
from tests.support.store.samples import until

pytestmark = pytest.mark.soak


def test_a_kill_amid_the_promotion_costs_nothing(tmp_path: Path) -> None:
    town = Town(tmp_path / "project")
    ports = (town.port, find_free_port())
    services = {port: town.serve(port) for port in ports}
    town.told("rollout", "start", "3", "--by", "Ana", "--why", "trained on March")
    for port in ports:
        until(lambda port=port: town.ask("GET", "/models", port=port)["rollout"])  # type: ignore[misc]

    def promoting() -> bool:
        time.sleep(0.1)  # the more rides there are, the less often the service looks at them
        for port in ports:
            town.drive(port)
        rollout = town.ask("GET", "/models")["rollout"]
        return rollout is None or rollout["status"] == "promoting"

    until(promoting, 60)
    [leader] = [port for port in ports if ", finish: " in (town.root / f"{port}.log").read_text()]
    [other] = set(ports) - {leader}
    services[leader].kill()
    services[leader].wait()
    until(lambda: town.ask("GET", "/version", port=other)["model_version"] == "3", 60)
    services[leader] = town.serve(leader)
    assert town.ask("GET", "/version", port=leader)["model_version"] == "3"
    until(lambda: town.told("rollout", "status", "--json")["status"] == "finished")
    history = town.told("rollout", "status", "--json")["history"]
    assert [noted["status"] for noted in history] == ["running"] * 3 + ["promoting", "finished"]
    assert [(tenure.version, tenure.decision.kind) for tenure in town.registry.history()] == [
        (1, "promotion"),
        (3, "approval"),
    ]
    for service in services.values():
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
    mlflow.set_tracking_uri(None)
