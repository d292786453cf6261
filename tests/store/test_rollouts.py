"""Rollouts in the store."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from ride_duration.errors import RideDurationError
from ride_duration.store.database import migrate, open_writing_engine
from ride_duration.store.rollouts import Rollout, RolloutEvent, Rollouts, RolloutStatus

MODEL = "ride-duration-green-simulated"


@pytest.fixture
def rollouts(store_url: str) -> Iterator[Rollouts]:
    engine = open_writing_engine(store_url)
    migrate(engine)
    engine.dispose()
    opened = Rollouts(store_url, MODEL)
    yield opened
    opened.close()


def begun(rollouts: Rollouts, version: int = 2) -> Rollout:
    return rollouts.begin(version, 1, 0.0, 1000.0, "Ana", "learnt from March")


def test_a_rollout_is_kept_with_its_history(rollouts: Rollouts) -> None:
    assert rollouts.last() is None
    first = begun(rollouts)
    assert rollouts.last() == first
    second = rollouts.change(first, RolloutEvent(2000.0, RolloutStatus.RUNNING, 0.05, "rollout", "shadow is done"))
    assert second is not None
    assert (second.status, second.share, second.since, second.ended_at, second.began_at) == (
        "running",
        0.05,
        2000.0,
        None,
        1000.0,
    )
    third = rollouts.change(second, RolloutEvent(3000.0, RolloutStatus.STOPPED, 0.05, "Ben", "complaints"))
    assert third is not None
    assert rollouts.last() == third
    assert (third.ended_at, [noted.by for noted in third.history]) == (3000.0, ["Ana", "rollout", "Ben"])


def test_a_rollout_that_an_older_program_began_goes_on(rollouts: Rollouts, store_url: str) -> None:
    """Its history does not say what the shadow has shown."""
    first = begun(rollouts)
    engine = open_writing_engine(store_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("""UPDATE rollouts SET history = REPLACE(history, ',"not_worse":false', '')""")
        assert "not_worse" not in str(connection.scalar(text("SELECT history FROM rollouts")))
    engine.dispose()
    assert rollouts.last() == first
    later = rollouts.change(first, RolloutEvent(2000.0, RolloutStatus.RUNNING, 0.05, "rollout", "shadow is done", True))
    assert later is not None
    assert rollouts.last() == later
    assert [noted.not_worse for noted in later.history] == [False, True]


def test_of_two_that_see_the_same_one_goes_on(rollouts: Rollouts) -> None:
    seen, together = begun(rollouts), Barrier(2)

    def step(by: str) -> Rollout | None:
        together.wait(60)
        return rollouts.change(seen, RolloutEvent(2000.0, RolloutStatus.RUNNING, 0.05, by, "done"))

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(step, ("one", "two")))
    assert sorted(one is None for one in made) == [False, True]
    last = rollouts.last()
    assert last is not None
    assert len(last.history) == 2
    assert last in made


def test_one_rollout_of_a_model_at_a_time(rollouts: Rollouts, store_url: str) -> None:
    first = begun(rollouts)
    with pytest.raises(RideDurationError, match=r"rollout of version 2 goes on already; .*rollout stop"):
        begun(rollouts, 3)
    other = Rollouts(store_url, "ride-duration-yellow-simulated")
    assert other.last() is None
    begun(other, 3)
    other.close()
    rollouts.change(first, RolloutEvent(2000.0, RolloutStatus.ROLLED_BACK, 0.0, "rollout", "worse"))
    assert begun(rollouts, 3).version == 3


def test_two_that_begin_at_once(rollouts: Rollouts) -> None:
    together = Barrier(2)
    rollouts.last()

    def begin(version: int) -> bool:
        together.wait(60)
        try:
            begun(rollouts, version)
        except RideDurationError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(begin, (2, 3))) == [False, True]


def test_failures_of_all_instances_add_up_until_the_next_stage(rollouts: Rollouts) -> None:
    first = begun(rollouts)
    rollouts.add_failures(first.number, 3)
    rollouts.add_failures(first.number, 4)
    last = rollouts.last()
    assert last is not None
    assert last.failed == 7
    later = rollouts.change(
        first, RolloutEvent(2000.0, RolloutStatus.RUNNING, 0.05, "rollout", "done")
    )  # counting is no step
    assert later is not None
    assert later.failed == 0
    assert rollouts.last() == later


def test_without_a_store_a_rollout_cannot_begin(tmp_path: Path) -> None:
    rollouts = Rollouts(f"sqlite:///{tmp_path}/predictions.db", MODEL)
    with pytest.raises(RideDurationError, match=r"there is no prediction log .* `kedro service start` begins it"):
        begun(rollouts)
    rollouts.close()
