"""Ten instances on one PostgreSQL: all use the same level within seconds, whoever of them is killed."""

import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from ride_duration.level import STEP
from ride_duration.store.database import open_reading_engine
from ride_duration.store.levels import load_levels
from tests.serving.conftest import Models, models, started
from tests.serving.handlers.test_operations import metrics
from tests.support.serving.levelled import RIDE, Town
from tests.support.serving.service import Running
from tests.support.store.postgres import Postgres
from tests.support.store.samples import until

__all__ = ["models", "started"]

pytestmark = pytest.mark.soak

INSTANCES, QUARTERS = 10, 8

#: Seconds in which all instances use what was published.
MOST = 10.0


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A running server."""
    server = Postgres()
    yield server
    server.end()


def test_ten_instances_use_the_same_level_within_seconds(
    models: Models, started: Callable[..., Running], postgres: Postgres
) -> None:
    town = Town(models.project, models.champion(), started, postgres.database())
    services = [town.start(level_seconds=5.0) for _ in range(INSTANCES)]
    town.move(*services)
    dice, factors = random.Random(1), set()
    for _ in range(QUARTERS):
        for service in services:
            town.report_rides(service, 1.2, 30)
        killed = dice.choice(services)
        killed.end(signal.SIGKILL)
        town.clock.advance(town.clock.now() + STEP)
        alive = [service for service in services if service is not killed]
        until(lambda: find_newest(town) == town.clock.now() // STEP, 120.0)
        published = time.monotonic()
        wait_until_used(alive)
        assert time.monotonic() - published < MOST
        told = {one.post("/predict", RIDE).json["level"] for one in alive}
        assert len(told) == 1
        factors |= told
        killed.start()
        assert killed.post("/predict", RIDE).json["level"] in told, "it is picked up after a restart"
    assert len(factors) == QUARTERS
    assert all(one.get("/live").json["errors"] == 0 for one in services)


def wait_until_used(services: list[Running]) -> None:
    """Wait until all use the level of this quarter of an hour."""
    until(lambda: all(metrics(one)["ride_duration_level_age_seconds", "1"] < STEP for one in services), 2 * MOST)


def find_newest(town: Town) -> int:
    """Return the newest quarter of an hour that is published."""
    engine = open_reading_engine(town.url, town.clock.kind)
    rows = [row for row in load_levels(engine, town.registry.name, 1) if row is not None]
    engine.dispose()
    assert len({row.step for row in rows}) == len(rows)
    return rows[-1].step
