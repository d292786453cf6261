"""A copy of a store: whole, of one moment, into either database; what journals hold comes along."""

import signal
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from ride_duration.clock import ClockKind
from ride_duration.errors import ConfigurationError, DecisionRefused, NotFound
from ride_duration.store import PredictionLog
from ride_duration.store.backup import copy_journals, copy_store, put_journals_back
from ride_duration.store.database import open_reading_engine, open_writing_engine
from ride_duration.store.monitoring_tables import monitoring_watermarks
from ride_duration.store.schema import load_metadata
from ride_duration.store.tables import rollouts
from tests.support.store.postgres import Postgres
from tests.support.store.samples import actual, kept, predictions

REAL = ClockKind.REAL


def fill(store_url: str, folder: Path, count: int = 25) -> None:
    """Write answers, reports, a rollout and a watermark."""
    log = PredictionLog(store_url, folder)
    log.append(predictions(count))
    log.append([actual(f"a{number}", f"ride {number}", number + 900.0) for number in range(count)])
    log.close(patience=30.0)
    engine = open_writing_engine(store_url)
    with engine.begin() as connection:
        row = {"model": "green", "version": 2, "against": 1, "status": "shadow", "share": 0.0, "since": 5.0}
        row |= {"failed": 0, "revision": 1, "by": "ada", "why": "a test", "history": "[]"}
        connection.execute(insert(rollouts).values(row))
        connection.execute(
            insert(monitoring_watermarks).values(model="green", predictions=20, actuals=3, computed_at=1.0)
        )
    engine.dispose()


def rows_of(store_url: str) -> dict[str, list[tuple]]:
    """All rows of a store but its own properties."""
    engine = open_reading_engine(store_url)
    with engine.connect() as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in load_metadata().sorted_tables
            if table.name != "store_properties"
        }
    engine.dispose()
    return found


@pytest.mark.parametrize(("source", "target"), product(["sqlite", "postgresql"], repeat=2))
def test_a_copy_has_every_row_and_goes_on_counting(
    source: str, target: str, postgres: Postgres, tmp_path: Path
) -> None:
    first, second = (
        f"sqlite:///{tmp_path}/{name}.db" if kind == "sqlite" else postgres.database()
        for name, kind in (("first", source), ("second", target))
    )
    fill(first, tmp_path / "journal")
    said: list[tuple[str, int]] = []
    copied = copy_store(first, second, REAL, lambda *what: said.append(what))
    assert (copied["predictions"], copied["actuals"], copied["rollouts"]) == (25, 25, 1)
    assert ("predictions", 25) in said
    assert rows_of(second) == rows_of(first)
    log = PredictionLog(second, tmp_path / "another journal")  # numbers go on, and nothing counts twice
    log.append(predictions(30))
    log.close(patience=30.0)
    assert len(kept(second)) == 30
    with pytest.raises(DecisionRefused, match=r"has rows already \(in"):
        copy_store(first, second, REAL)
    assert len(kept(second)) == 30


def test_a_copy_that_is_killed_leaves_no_rows_and_is_made_again(
    store_url: str, tmp_path: Path, postgres: Postgres
) -> None:
    fill(store_url, tmp_path / "journal")
    second = f"sqlite:///{tmp_path}/copy.db" if store_url.startswith("sqlite") else postgres.database()
    program = (
        "import os, signal, sys; from ride_duration.clock import ClockKind; "
        "from ride_duration.store.backup import copy_store\n"
        "copy_store(*sys.argv[1:], ClockKind.REAL, then=lambda _: os.kill(os.getpid(), signal.SIGKILL))"
    )
    ended = subprocess.run([sys.executable, "-c", program, store_url, second], timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not any(rows_of(second).values())
    copy_store(store_url, second, REAL)
    assert rows_of(second) == rows_of(store_url)


def test_there_is_nothing_to_copy_or_it_is_on_another_clock(store_url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        copy_store(store_url, f"sqlite:///{tmp_path}/copy.db", REAL)
    fill(store_url, tmp_path / "journal")
    with pytest.raises(ConfigurationError, match="clock"):
        copy_store(store_url, f"sqlite:///{tmp_path}/copy.db", ClockKind.SIMULATED)


def test_what_is_only_in_a_journal_comes_along(store_url: str, tmp_path: Path) -> None:
    """Writing goes on while everything is copied; what was acknowledged before is in the copy, and nothing twice."""
    folder, aside = tmp_path / "serving", tmp_path / "aside"
    begun = PredictionLog(store_url, folder, instance="9696")
    begun.append(predictions(1, "first"))
    begun.close(patience=30.0)
    log = PredictionLog(store_url, folder, instance="9696")
    log.append(predictions(500, "before"))
    copy_journals(folder, store_url, aside)
    log.append(predictions(500, "after"))
    copy = f"sqlite:///{tmp_path}/copy.db"
    copy_store(store_url, copy, REAL)
    log.close(patience=30.0)
    put_journals_back(aside, tmp_path / "restored", copy)
    following = PredictionLog(copy, tmp_path / "restored", instance="9697")
    following.close(patience=30.0)
    found = kept(copy)
    assert len(found) == len(set(found))
    assert {f"before{number}" for number in range(500)} | {"first0"} <= set(found)
