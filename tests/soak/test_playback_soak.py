"""Simulations that are killed again and again: the log is that of one that nothing has interrupted."""

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from ride_duration.clock import SimulatedClock
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
