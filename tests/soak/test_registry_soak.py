"""The registry for long: thousands of random decisions, real kills, and commands at the same time."""

import json
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import mlflow
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from ride_duration.registry import Registry, model_name
from tests.conftest import Project
from tests.registry.machine import machine_of
from tests.registry.store import Store, runs

pytestmark = pytest.mark.soak

EXAMPLES = 200
KILLS = 30
AT_ONCE = 6


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in a project that has a configuration, so that commands can be run in it."""
    project = Project(tmp_path / "project")
    project.data("").rmdir()
    yield Store(project.root)
    mlflow.set_tracking_uri(None)


def test_whatever_happens_there_is_one_champion_and_one_history(store: Store) -> None:
    many = settings(
        max_examples=EXAMPLES, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine_of(store), settings=many)


def start(store: Store, *arguments: str) -> subprocess.Popen[str]:
    project = Project.__new__(Project)
    project.root = store.project
    return project.start("kedro", "models", *arguments)


def consistent(registry: Registry) -> list[int]:
    """The champions so far, after a look at everything that must hold."""
    champion, history = registry.champion(), registry.history()
    assert not runs(registry, "RUNNING")
    assert history[-1].version == champion
    assert all(earlier.until == later.since for earlier, later in pairwise(history))
    assert all(later.decision.previous == earlier.version for earlier, later in pairwise(history))
    assert [version.status for version in registry.versions()].count("champion") == 1
    return [tenure.version for tenure in history]


def _written(store: Store) -> int:
    return (store.project / "data/mlflow/mlflow.db").stat().st_mtime_ns


def test_a_command_killed_at_any_moment_decides_all_or_nothing(store: Store) -> None:
    registry = store.registry(model_name("green", "simulated"))
    store.champions(registry, 2)
    moments = random.Random(5)
    outcomes = {"before": 0, "after": 0}
    for _ in range(KILLS):
        before = consistent(registry)
        other = 3 - before[-1]
        untouched = _written(store)
        process = start(store, "promote", str(other), "--by", "Ana", "--why", "kill")
        while _written(store) == untouched and process.poll() is None:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.1))  # from here on it writes down, decides, and ends
        process.send_signal(signal.SIGKILL)
        process.communicate()
        after = consistent(registry)
        assert after in (before, [*before, other])
        outcomes["before" if after == before else "after"] += 1
    killed = len(runs(registry, "KILLED"))
    print(f"{outcomes['before']} of {KILLS} kills came before the decision, {outcomes['after']} after; {killed} within")
    assert min(outcomes.values()) > 0


def test_commands_at_the_same_time_lose_nothing(store: Store) -> None:
    registry = store.registry(model_name("green", "simulated"))
    store.champions(registry, 3)
    processes = [start(store, "promote", str(1 + number % 3), "--by", f"p{number}") for number in range(AT_ONCE)]
    decided = [process.wait() == 0 for process in processes]
    champions = consistent(registry)
    assert len(champions) == 3 + sum(decided)
    names = {f"p{number}" for number in range(AT_ONCE) if decided[number]}
    assert {tenure.decision.by for tenure in registry.history()[3:]} == names
    entries = json.loads(start(store, "history", "--json").communicate()[0])
    assert [entry["version"] for entry in entries] == champions


def test_first_commands_at_the_same_time_make_one_store(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    processes = [project.start("kedro", "models", "list") for _ in range(AT_ONCE)]
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert "`kedro run` releases the first" in out
