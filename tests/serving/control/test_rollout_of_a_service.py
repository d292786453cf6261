"""Two rollouts of a real service over a real registry: one that ends early, and one of a new version to the end."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from tests.support.serving.town import RIDES, Town
from tests.support.store.samples import until


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
    assert "there was no rollout yet" in town.refused("rollout", "stop", "--why", "it rains")

    assert "Version 2 challenges version 1 now" in town.told("rollout", "start", "2", "--by", "Ana")
    told = town.refused("rollout", "start", "3", "--by", "Ben")
    assert "version 3 awaits approval: starting its rollout approves it" in told
    assert "give --by NAME and --why TEXT" in told
    until(lambda: town.ask("GET", "/models")["rollout"])
    until(lambda: len(town.ask("GET", "/models")["variants"]) == 2)
    assert set(town.drive().values()) == {("1", "champion")}, "nobody gets the shadow's answers"
    until(lambda: town.ask("GET", "/models")["rollout"] is None)
    status = town.told("rollout", "status", "--json")
    assert (status["version"], status["status"], status["stage"]) == (2, "rolled back", "shadow")
    assert "shared rides; 25 % is allowed" in status["history"][-1]["why"]
    report = town.told("rollout", "compare", "--json")
    assert "too early to say: 1 of 7 days with joined rides; RMSE +" in report["verdict"]
    assert [row["variant"] for row in report["variants"]] == ["champion", "shadow"]
    assert "rolled back" in report["next"]

    town.told("rollout", "start", "3", "--by", "Ben", "--why", "trained on March")
    until(lambda: town.ask("GET", "/models")["rollout"])
    seen: dict[str, list[tuple[str, str]]] = {ride["ride_id"]: [] for ride in RIDES}

    def drive() -> None:
        for ride, answered in town.drive().items():
            if answered not in seen[ride]:
                seen[ride].append(answered)

    def promoting() -> bool:
        time.sleep(0.1)  # the more rides there are, the less often the service looks at them
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
    first, last = (tenure.decision for tenure in town.registry.history())
    assert (first.kind, first.by) == ("promotion", "Ana")
    assert (last.kind, last.by, last.why) == (
        "approval",
        "Ben",
        "trained on March; all stages of its rollout are done",
    )
    until(lambda: town.told("rollout", "status", "--json")["status"] == "finished")
    status = town.told("rollout", "status", "--json")
    assert [noted["stage"] for noted in status["history"]] == ["shadow", "50 %", "100 %", "100 %", "100 %"]
    told = town.told("rollout", "compare")
    assert "Verdict: " in told
    assert "RMSE" in told
    assert "out of range (1 to 60 minutes)" in told
    report = town.told("rollout", "compare", "--json")
    assert report["next"] == "nothing: the rollout is finished (version 3 is champion)"
    assert report["variants"][0]["variant"] == "challenger"
    assert report["variants"][0]["predicted"] == len(seen), "the last stage had all rides"
    assert "Version 3" in town.told("rollout", "status")
