"""Published levels in the store: whole or not at all, and one for each quarter of an hour."""

from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import Engine, text

from ride_duration.errors import RideDurationError
from ride_duration.level import LevelState
from ride_duration.store.database import migrate, open_reading_engine, open_writing_engine
from ride_duration.store.leases import take_lease
from ride_duration.store.levels import LevelRow, lease_name, load_levels, load_newest_levels, publish_level

MODEL = "green"
STATE = LevelState(7, 0.1 + 0.2, False, 1 / 3, 2 / 3, 1e-300, ((3, 2**60, 2**60 + 1),), (1, 2, 3))  # type: ignore[arg-type]


def level(step: int = 7, version: int = 1, holder: str = "ada") -> LevelRow:
    state = STATE.to_row() | {"step": step}
    return LevelRow(
        MODEL, version, step, STATE.factor, False, state, 40, 30, 5.5, 43_200.0, 3, 1, ["2021-06-01"], 99.5, holder
    )


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = open_writing_engine(store_url)
    migrate(engine)
    take_lease(engine, lease_name(MODEL), "ada", 100.0, 30.0)
    yield engine
    engine.dispose()


def test_a_level_comes_back_to_the_last_digit(engine: Engine, store_url: str) -> None:
    assert publish_level(engine, level(), 101.0, 30.0)
    reading = open_reading_engine(store_url)
    newest = load_newest_levels(reading, MODEL, [1, 2])
    reading.dispose()
    assert list(newest) == [1]
    found = newest[1]
    assert found is not None
    assert found == msgspec.structs.replace(level(), number=found.number)
    assert LevelState.from_row(found.state) == STATE


def test_the_newest_is_that_of_the_last_step_of_each_version(engine: Engine) -> None:
    for step, version in ((8, 1), (9, 1), (5, 2)):
        assert publish_level(engine, level(step, version), 101.0, 30.0)
    newest = load_newest_levels(engine, MODEL, [1, 2])
    assert {version: row.step for version, row in newest.items() if row} == {1: 9, 2: 5}
    assert [row.step for row in load_levels(engine, MODEL, 1) if row] == [8, 9]
    assert load_newest_levels(engine, "yellow", [1]) == {}


def test_nobody_without_the_lease_publishes(engine: Engine) -> None:
    assert not publish_level(engine, level(holder="ben"), 101.0, 30.0)
    assert not publish_level(engine, level(), 130.0, 30.0), "the lease has run out meanwhile"
    assert load_levels(engine, MODEL, 1) == []


def test_two_holders_never_publish_the_same_quarter_of_an_hour(engine: Engine) -> None:
    assert publish_level(engine, level(), 101.0, 30.0)
    assert take_lease(engine, lease_name(MODEL), "ben", 131.0, 30.0)
    assert not publish_level(engine, level(holder="ben"), 132.0, 30.0)
    assert publish_level(engine, level(step=8, holder="ben"), 132.0, 30.0)
    assert [(row.step, row.holder) for row in load_levels(engine, MODEL, 1) if row] == [(7, "ada"), (8, "ben")]


@pytest.mark.parametrize("damage", ["state = '{'", "state = '[]'", "incidents = '3'", "state = ''"])
def test_a_row_that_cannot_be_read_is_none(engine: Engine, damage: str) -> None:
    publish_level(engine, level(), 101.0, 30.0)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE levels SET {damage}"))
    assert load_newest_levels(engine, MODEL, [1]) == {1: None}


def test_a_store_without_the_table_is_said(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE levels"))
    with pytest.raises(RideDurationError, match="the live levels in the store cannot be reached"):
        load_newest_levels(engine, MODEL, [1])
