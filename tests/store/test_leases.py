"""Leases in the store: one holder at a time, and another one after it has run out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine

from ride_duration.store.database import migrate, open_writing_engine
from ride_duration.store.leases import release_lease, renew_lease, take_lease

NAME = "level of green"


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = open_writing_engine(store_url)
    migrate(engine)
    yield engine
    engine.dispose()


def test_a_lease_has_one_holder_until_it_runs_out(engine: Engine) -> None:
    assert take_lease(engine, NAME, "ada", 1000.0, 30.0)
    assert take_lease(engine, NAME, "ada", 1010.0, 30.0), "the holder renews it"
    assert not take_lease(engine, NAME, "ben", 1039.9, 30.0)
    assert take_lease(engine, "level of yellow", "ben", 1039.9, 30.0), "it is another lease"
    assert take_lease(engine, NAME, "ben", 1040.0, 30.0), "it has run out"
    assert not take_lease(engine, NAME, "ada", 1041.0, 30.0)


def test_a_holder_that_was_suspended_finds_out(engine: Engine) -> None:
    take_lease(engine, NAME, "ada", 1000.0, 30.0)
    with engine.begin() as connection:
        assert renew_lease(connection, NAME, "ada", 1029.0, 30.0)
        assert not renew_lease(connection, NAME, "ada", 1059.0, 30.0), "it has run out"
        assert not renew_lease(connection, NAME, "ben", 1029.0, 30.0), "it is not his"


def test_a_lease_that_is_released_is_free_at_once(engine: Engine) -> None:
    take_lease(engine, NAME, "ada", 1000.0, 30.0)
    release_lease(engine, NAME, "ben")
    assert not take_lease(engine, NAME, "ben", 1001.0, 30.0)
    release_lease(engine, NAME, "ada")
    assert take_lease(engine, NAME, "ben", 1001.0, 30.0)


@pytest.mark.usefixtures("engine")
def test_of_many_that_ask_at_once_one_gets_it(store_url: str) -> None:
    together = Barrier(4)

    def ask(holder: int) -> list[bool]:
        own = open_writing_engine(store_url)
        together.wait(60)
        taken = [take_lease(own, f"lease {turn}", str(holder), 1000.0, 30.0) for turn in range(10)]
        own.dispose()
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(ask, range(4)))
    assert [sum(turn) for turn in zip(*taken, strict=True)] == [1] * 10
