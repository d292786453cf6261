import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ride_duration import postgresql
from ride_duration.store import LogFull, PredictionLog
from ride_duration.store.database import open_writing_engine
from tests.support.store.postgres import Postgres
from tests.support.store.samples import actual, kept, prediction, predictions, until

OpenLog = Callable[..., PredictionLog]


@pytest.fixture
def open_log(tmp_path: Path) -> Iterator[OpenLog]:
    """Opens prediction logs, and closes those that are still open when the test ends."""
    opened: list[PredictionLog] = []

    def open_log(store_url: str, **options: object) -> PredictionLog:
        opened.append(PredictionLog(store_url, tmp_path / "journal", **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_log
    for log in opened:
        if log._thread.is_alive():
            log.close(patience=0.0)


@pytest.mark.parametrize("durability", ["memory", "journal", "sync"])
def test_what_is_appended_arrives(open_log: OpenLog, store_url: str, durability: str, tmp_path: Path) -> None:
    log = open_log(store_url, durability=durability)
    assert log.writable
    for record in predictions(2500):
        log.append([record])
    log.append([actual("a", "ride 1", 5.0), actual("b", "nobody asked", 5.0)])
    until(lambda: log.queue_depth == 0)
    assert log.last_error is None
    log.append([])
    log.append([prediction("last")])
    log.close()
    with pytest.raises(LogFull, match="is closed"):
        log.append([prediction("too late")])
    assert not log.writable
    assert kept(store_url) == sorted([*(f"p{i}" for i in range(2500)), "last"])
    assert kept(store_url, "actuals") == ["a", "b"]
    assert [path.name for path in (tmp_path / "journal/default").rglob("*") if path.is_file()] == [".lock"]


def test_waiting_for_the_disk_is_shared(open_log: OpenLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(f"sqlite:///{tmp_path}/predictions.db", durability="sync")
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(fd), fsync(fd)))

    async def answer(i: int) -> None:
        log.append([prediction(f"p{i}")])
        await log.durable()

    async def answer_many() -> None:
        await asyncio.gather(*(answer(i) for i in range(200)))

    asyncio.run(answer_many())
    assert 1 <= len(synced) <= 2


def test_an_answer_is_not_acknowledged_if_the_disk_refuses(
    open_log: OpenLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int) -> None:
        raise OSError(5, "Input/output error")

    log = open_log(f"sqlite:///{tmp_path}/predictions.db", durability="sync")
    monkeypatch.setattr(os, "fsync", refuse)
    log.append([prediction("p")])
    with pytest.raises(LogFull, match="cannot be brought to the disk: Input/output error"):
        asyncio.run(log.durable())
    monkeypatch.undo()
    asyncio.run(log.durable())


def test_two_instances_write_to_one_store(open_log: OpenLog, store_url: str) -> None:
    logs = {name: open_log(store_url, instance=name) for name in ("blue", "green")}
    for name, log in logs.items():
        log.append(predictions(100, name))
    for log in logs.values():
        log.close()
    assert len(kept(store_url)) == 200


@pytest.mark.parametrize("durability", ["memory", "journal"])
def test_while_the_database_is_locked_the_log_is_bounded_and_then_catches_up(
    open_log: OpenLog, tmp_path: Path, durability: str
) -> None:
    database = tmp_path / "predictions.db"
    log = open_log(f"sqlite:///{database}", durability=durability, capacity=2000, journal_bytes=300_000)
    log.append([prediction("first")])
    until(lambda: log.queue_depth == 0)
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    taken = 1
    with pytest.raises(LogFull):  # noqa: PT012  until it is full
        while True:
            log.append([prediction(f"p{taken}")])
            taken += 1
    assert not log.writable
    other.execute("ROLLBACK")
    other.close()
    until(lambda: log.queue_depth == 0)
    assert log.writable
    log.append([prediction("after")])
    log.close()
    assert len(kept(f"sqlite:///{database}")) == taken + 1


def test_a_table_that_is_locked_for_ever_holds_up_nobody(
    open_log: OpenLog,
    postgres: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(postgresql, "SECONDS", 10)
    store_url = postgres.database()
    log = open_log(store_url)
    log.append([prediction("first")])
    until(lambda: log.queue_depth == 0)
    other = open_writing_engine(store_url)
    with other.begin() as connection:
        connection.execute(text("LOCK TABLE predictions"))
        log.append(predictions(100))
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'predictions'::regclass")
        until(lambda: connection.scalar(waiting))
        log.close(patience=0.1)
        assert log._thread.is_alive(), "closing does not wait for the database"
        assert "100 records are not in the database yet: it does not answer" in caplog.text
        until(lambda: not log._thread.is_alive())
        assert "lock timeout" in str(log.last_error)
    other.dispose()
    left = shutil.copytree(tmp_path / "journal", tmp_path / "left")  # as it is after the process has ended
    PredictionLog(store_url, left).close()
    assert kept(store_url) == sorted([*(f"p{i}" for i in range(100)), "first"])


def test_what_the_database_never_saw_waits_for_the_next_start(open_log: OpenLog, tmp_path: Path) -> None:
    database = tmp_path / "predictions.db"
    database.mkdir()
    store_url = f"sqlite:///{database}"
    log = open_log(store_url)
    log.append(predictions(1500))
    until(lambda: log.last_error)
    assert log.writable
    assert str(log.last_error).startswith("unable to open database file")
    log.close(patience=0.0)
    assert log.queue_depth == 1500
    database.rmdir()
    other_url = f"sqlite:///{tmp_path}/other.db"
    open_log(other_url).close()
    assert kept(other_url) == []
    open_log(store_url, instance="another").close()
    assert len(kept(store_url)) == 1500


def test_a_record_that_no_database_takes_is_set_aside(open_log: OpenLog, store_url: str, tmp_path: Path) -> None:
    log = open_log(store_url)
    log.append([prediction("good"), prediction("bad", duration=float("nan")), prediction("better")])
    log.close()
    assert kept(store_url) == ["better", "good"]
    assert log.refused == 1
    (file,) = tmp_path.glob("journal/default/*/refused.jsonl")
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["what"][1] == "bad"
