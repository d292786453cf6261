"""`kill -9` of the process that computes the level, anywhere: each published row is whole, and the next goes on."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from ride_duration.clock import ClockKind
from ride_duration.live_level import replay_levels
from ride_duration.store.database import migrate, open_writing_engine
from ride_duration.store.levels import LevelRow
from tests.support.level_process import KilledLevels
from tests.support.live_level import PACKAGES, SETTINGS


def check_replay(engine: Engine, rows: list[LevelRow]) -> None:
    """Each row is what a replay of the log gives, to the last digit."""
    package = PACKAGES[1].to_package()
    replayed = list(replay_levels(engine, package, rows, SETTINGS))
    assert [(state.factor, state.to_row()) for _, state in replayed] == [(row.factor, row.state) for row in rows]


def kill(url: str, folder: Path, kills: int, seed: int, quarters: int = 4) -> list[LevelRow]:
    """Kill so many processes, and return what they have published."""
    engine = open_writing_engine(url)
    migrate(engine, ClockKind.SIMULATED)
    engine.dispose()
    killed = KilledLevels(url, folder, seed, kills * quarters)
    killed.play(kills, quarters)
    killed.finish()
    killed.check(check_replay)
    return killed.load()


def test_no_row_is_of_half_an_hours_sums(tmp_path: Path) -> None:
    rows = kill(f"sqlite:///{tmp_path}/predictions.db", tmp_path, kills=2, seed=1)
    assert len(rows) >= 7
    assert len({row.holder for row in rows}) == 3
    assert len({row.began_at for row in rows}) == 1, "each process goes on where the one before was killed"
    assert sum(row.rides for row in rows) > 10
    steps = [row.step for row in rows]
    assert steps == sorted(set(steps))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_no_row_is_of_half_an_hours_sums_whenever_it_is_killed(tmp_path: Path, seed: int) -> None:
    rows = kill(f"sqlite:///{tmp_path}/predictions.db", tmp_path, kills=25, seed=seed, quarters=3)
    assert len({row.began_at for row in rows}) == 1
