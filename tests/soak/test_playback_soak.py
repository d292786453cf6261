"""Simulations that are killed again and again; and whole months, with what the monitoring says about them."""

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from ride_duration.clock import SimulatedClock
from tests.conftest import Project
from tests.support.playback import Theatre
from tests.support.store.samples import until

pytestmark = pytest.mark.soak

KILLS = 20
CHOICE = ("--days", "12", "--start", "2021-10-30", "--rides-per-day", "500", "--seed", "7")


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    yield Theatre(tmp_path / "project")
    mlflow.set_tracking_uri(None)


def test_kills_at_random_points_lose_and_double_nothing(theatre: Theatre) -> None:
    theatre.simulate(*CHOICE)
    undisturbed = theatre.log
    chance = random.Random(7)
    arguments: tuple[str, ...] = (*CHOICE, "--fresh")
    for _ in range(KILLS):
        running = theatre.begin(*arguments)
        clock = SimulatedClock(theatre.data("simulated/clock"))
        later = clock.now() + chance.uniform(0, 10 * 3600)
        until(lambda clock=clock, later=later, running=running: clock.now() > later or running.poll() is not None)
        running.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        running.communicate(timeout=60)
        until(lambda: not theatre.is_serving)
        arguments = ("--continue",)
    theatre.simulate("--continue")
    assert theatre.log == undisturbed


@pytest.mark.parametrize(("scenario", "says"), [("none", "ok"), ("speed_limit", "retrain (cause: level)")])
def test_a_month_ends_with_the_verdict_that_it_deserves(
    scenario: str, says: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = _train(tmp_path_factory.getbasetemp() / "trained")
    ended = project.kedro("service", "simulate", "--days", "28", "--scenario", scenario, "--fresh")
    assert ended.code == 0, ended.err
    assert f"Verdict: {says}\n" in ended.out


def _train(root: Path) -> Project:
    """A project after `make run`, made once."""
    if root.exists():
        return Project.at(root)
    root.mkdir()
    project = Project(root)
    ended = project.kedro("run")
    assert ended.code == 0, ended.err
    return project
