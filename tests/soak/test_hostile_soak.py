"""Attacks on the service, larger: hundreds of slow connections, bodies of 100 MB, thousands of broken requests."""

from pathlib import Path

import pytest

from tests.serving.conftest import Models, models
from tests.support.serving.costly import MOST, costliest
from tests.support.serving.hostile import Bystander, dribble, flood, garbage, pipeline
from tests.support.serving.odd import KINDS, seconds_open
from tests.support.serving.service import Running
from tests.support.store.samples import until

__all__ = ["models"]

pytestmark = pytest.mark.soak

MEMORY = 250
TIMEOUT_SECONDS = 2.0
REFUSALS = 20_000
CONNECTIONS = 500
LIMIT = 2.0


def test_all_attacks_at_their_worst(models: Models, tmp_path: Path) -> None:
    with Running(models.project, models.champion().name, limits={"body_seconds": 3.0}) as running:
        for name, attack in {
            "600 slow connections": lambda: dribble(running, 600, 6.0),
            "8 bodies of 100 MB": lambda: flood(running, 8, 100, chunked=False),
            "8 chunked bodies of 100 MB": lambda: flood(running, 8, 100, chunked=True),
            "5,000 broken requests": lambda: garbage(running, 5000),
            "20 pipelines of 20,000 requests": lambda: [pipeline(running, 20_000) for _ in range(20)],
        }.items():
            with Bystander(running) as bystander:
                attack()
            worst, memory = 1000 * bystander.worst, running.memory
            print(f"{name}: {bystander.answered} others answered, the slowest in {worst:.0f} ms; {memory:.0f} MB")
            assert bystander.worst < TIMEOUT_SECONDS
            assert memory < MEMORY
        assert running.get("/ready").status == 200


def test_no_refusal_of_thousands_takes_long(models: Models) -> None:
    with Running(models.project, models.champion().name, registry_seconds=3600.0) as running:
        cost, request = costliest(running, seed=2, count=REFUSALS)
        print(f"{REFUSALS:,} refusals, the costliest took {cost:.1f} ms of a processor: {request!r}")
        assert cost <= MOST
        assert running.memory < MEMORY


def test_hundreds_of_odd_connections_end_in_time(models: Models) -> None:
    limits = {"body_seconds": LIMIT, "keep_alive_seconds": int(LIMIT)}
    with Running(models.project, models.champion().name, limits=limits) as running:
        before = running.open_files
        for name in KINDS:
            took = seconds_open(running, CONNECTIONS, 20.0, (name,))
            print({kind: round(seconds, 2) for kind, seconds in took.items()})
            assert max(took.values()) < LIMIT + 1.0, took
            until(lambda: running.open_files < before + 20)  # but for files of its own
        assert running.get("/ready").status == 200
