"""What was acknowledged is in a file that still exists, whatever is done to the database under the service."""

import resource
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from ride_duration.serving.settings import ServiceSettings
from ride_duration.store import PredictionLog
from ride_duration.store.database import open_reading_engine
from ride_duration.store.queries.ground_truth import load_joined
from ride_duration.store.sqlite_content import CHECKPOINT_BYTES, read_content, read_stamp
from tests.support.serving.service import Running
from tests.support.store.samples import kept, prediction, predictions, until


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "store/predictions.db"


@pytest.fixture
def log(database: Path, tmp_path: Path) -> Iterator[PredictionLog]:
    """A log that has brought ten records to its database."""
    log = PredictionLog(f"sqlite:///{database}", tmp_path / "journal")
    log.append(predictions(10))
    until(lambda: log.queue_depth == 0)
    yield log
    if log._thread.is_alive():
        log.close(patience=0.0)


def in_file(database: Path) -> list[str]:
    return kept(f"sqlite:///{database}")


TEN = [f"p{i}" for i in range(10)]
ALL = sorted([*TEN, "after"])


@pytest.mark.parametrize("also", [(), ("-wal",), ("-wal", "-shm")])
def test_a_deleted_database_is_written_again(log: PredictionLog, database: Path, also: tuple[str, ...]) -> None:
    for beside in ("", *also):
        database.with_name(database.name + beside).unlink()
    log.append([prediction("after")])
    until(lambda: database.exists() and log.queue_depth == 0)
    assert log.writable
    until(lambda: in_file(database) == ALL)
    log.close()
    assert in_file(database) == ALL
    first, *more = log.account()
    assert first == "every prediction that was acknowledged is kept."
    assert "was deleted; it was written again" in " ".join(more)


@pytest.fixture
def forgetful(database: Path, tmp_path: Path) -> Iterator[PredictionLog]:
    """A log that has brought ten records to its database, and whose journal has them no more."""
    log = PredictionLog(f"sqlite:///{database}", tmp_path / "journal", journal_bytes=800)
    for record in predictions(10):
        log.append([record])
        until(lambda: log.queue_depth == 0)
    yield log
    if log._thread.is_alive():
        log.close(patience=0.0)


def delete(database: Path) -> None:
    for beside in ("", "-wal", "-shm"):
        database.with_name(database.name + beside).unlink(missing_ok=True)


def test_a_database_that_is_deleted_while_it_is_locked_is_written_again(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, database: Path
) -> None:
    monkeypatch.setattr("ride_duration.store.database._SECONDS", 0.05)
    log: PredictionLog = request.getfixturevalue("forgetful")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        log.append([prediction("after")])
        until(lambda: log.last_error == "database is locked")
        delete(database)
        other.execute("ROLLBACK")
    until(lambda: log.queue_depth == 0)
    log.close()
    assert in_file(database) == ALL
    assert log.account()[0] == "every prediction that was acknowledged is kept."


@pytest.mark.parametrize("reused", [False, True])
def test_a_database_that_is_deleted_while_it_is_not_open_is_not_said_to_have_everything(
    monkeypatch: pytest.MonkeyPatch, forgetful: PredictionLog, database: Path, reused: bool
) -> None:
    if reused:  # the new file gets the number of the deleted one, as file systems do
        monkeypatch.setattr("ride_duration.store.sqlite_file._identity", lambda path: (1, 1) if path.exists() else None)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    forgetful._file.let_go(error)  # type: ignore[union-attr]
    with database.open("rb"):  # else the new file may get the number of the deleted one
        delete(database)
        forgetful.append([prediction("after")])
        until(lambda: forgetful.queue_depth == 0)
    forgetful.close()
    assert set(TEN) - set(in_file(database)), "lost by the test, or there is nothing to say"
    first, *more = forgetful.account()
    assert first == "the database may lack predictions that were acknowledged."
    assert " ".join(more).count("was deleted or replaced while it was not open") == 1


def test_a_deleted_folder_is_made_again_with_all_that_was_in_it(
    log: PredictionLog, database: Path, tmp_path: Path
) -> None:
    shutil.rmtree(database.parent)
    shutil.rmtree(tmp_path / "journal")
    log.append([prediction("after")])
    until(lambda: database.exists() and in_file(database) == ALL)
    until((tmp_path / "journal/default/.lock").exists)
    log.close()
    assert in_file(database) == ALL


def test_a_replaced_database_is_written_from_then_on_and_the_other_is_set_aside(
    log: PredictionLog, database: Path, tmp_path: Path
) -> None:
    other = PredictionLog(f"sqlite:///{tmp_path}/other.db", tmp_path / "other")
    other.append([prediction("other")])
    other.close()
    (tmp_path / "other.db").replace(database)
    log.append([prediction("after")])
    until(lambda: log.account()[1:])
    until(lambda: log.queue_depth == 0)
    log.close()
    assert in_file(database) == sorted([*ALL, "other"])  # what the journal still had went in once more
    aside = database.with_name("predictions.db.replaced")
    assert set(TEN) <= set(in_file(aside))
    assert f"kept as {aside}" in " ".join(log.account())


def test_a_folder_in_the_place_of_the_database_is_waited_for(log: PredictionLog, database: Path) -> None:
    database.unlink()
    database.mkdir()
    log.append([prediction("after")])
    until(lambda: log.last_error)
    assert "has taken the place of" in str(log.last_error)
    assert log.writable, "the journal takes it"
    database.rmdir()
    until(lambda: log.last_error is None)
    log.close()
    assert in_file(database) == ALL


@pytest.mark.parametrize("beside", ["-wal", "-shm"])
def test_a_deleted_file_beside_the_database_costs_nothing(
    log: PredictionLog, database: Path, beside: str, tmp_path: Path
) -> None:
    database.with_name(database.name + beside).unlink()
    until(lambda: log.account()[1:])
    assert in_file(database) == sorted(TEN)
    log.append([prediction("after")])
    until(lambda: log.queue_depth == 0 and in_file(database) == ALL)
    killed = shutil.copytree(database.parent, tmp_path / "as a kill leaves it")
    assert in_file(killed / database.name) == ALL


def test_a_database_that_cannot_be_written_is_waited_for_and_told(
    log: PredictionLog, database: Path, tmp_path: Path
) -> None:
    log.close()
    content = bytearray(database.read_bytes())
    content[18] = content[19] = 9  # of a later SQLite, which this one opens for reading alone
    database.write_bytes(content)
    again = PredictionLog(f"sqlite:///{database}", tmp_path / "journal")
    again.append([prediction("after")])
    until(lambda: again.last_error)
    again.close(patience=0.0)
    [said] = again.account()
    assert said.startswith("1 records are not in the database yet (")
    assert f"kept in {tmp_path}/journal/default/" in said
    content[18] = content[19] = 2
    database.write_bytes(content)
    PredictionLog(f"sqlite:///{database}", tmp_path / "journal").close()
    assert in_file(database) == ALL


def test_what_only_memory_had_is_told_as_lost(tmp_path: Path) -> None:
    database = tmp_path / "predictions.db"
    database.mkdir()
    log = PredictionLog(f"sqlite:///{database}", tmp_path / "journal", "memory")
    log.append(predictions(3))
    until(lambda: log.last_error)
    log.close(patience=0.0)
    assert log.account()[0].startswith("3 records are lost: they were in memory alone (unable to open")


def test_readers_see_the_file_that_has_the_name(log: PredictionLog, database: Path) -> None:
    log.close()
    engine = open_reading_engine(f"sqlite:///{database}")
    assert len(load_joined(engine)) == 10
    with closing(sqlite3.connect(database.with_name("copy.db"))) as copy, closing(sqlite3.connect(database)) as own:
        own.backup(copy)
        copy.execute("DELETE FROM predictions WHERE prediction_id <> 'p1'")
        copy.commit()
    database.with_name("copy.db").replace(database)
    assert [row.prediction.prediction_id for row in load_joined(engine)] == ["p1"]
    engine.dispose()


@pytest.mark.parametrize("name", ["a%2Fb", "a b", "a%20b", "what?", "c:d", "[1]*", "é#&=+"])
def test_any_folder_may_have_a_store(tmp_path: Path, name: str) -> None:
    project = tmp_path / name
    project.mkdir()
    given = Running(project, "any", folder="data", store="sqlite:///data/p.db").settings
    settings = msgspec.convert(given, ServiceSettings)
    log = PredictionLog(settings.store_url, settings.folder_path)
    log.append(predictions(2))
    log.close()
    assert kept(settings.store_url) == ["p0", "p1"]
    assert (project / "data/p.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@contextmanager
def full_disk() -> Iterator[None]:
    """Let this process write no file beyond 20 kB, as on a disk that is full; empty files can still be made."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_database_that_is_deleted_on_a_full_disk_is_told_and_written_again_once_there_is_room(
    forgetful: PredictionLog, database: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with full_disk():
        delete(database)
        until(lambda: forgetful.unsaved)
        [danger] = [line for line in caplog.messages if "only this process has what they held" in line]
        assert str(database) in danger
        [marker] = tmp_path.rglob("database-not-saved")
        forgetful.append([prediction("after")])
    until(lambda: not forgetful.unsaved and forgetful.queue_depth == 0)
    assert not marker.exists()
    forgetful.close()
    assert in_file(database) == ALL
    assert forgetful.account()[0] == "every prediction that was acknowledged is kept."


@pytest.mark.parametrize("instance", ["default", "another"])
def test_a_database_that_is_lost_on_a_full_disk_is_never_said_to_have_everything(
    forgetful: PredictionLog, database: Path, tmp_path: Path, instance: str
) -> None:
    with full_disk():
        delete(database)
        forgetful.append([prediction("after")])
        until(lambda: forgetful.unsaved)
        forgetful.close(patience=0.0)
    first, *more = forgetful.account()
    assert first.startswith(f"predictions that were acknowledged are lost: the files of the database {database} were")
    assert "1 records are not in the database yet" in more[0]
    again = PredictionLog(f"sqlite:///{database}", tmp_path / "journal", instance=instance)
    again.close()
    assert "after" in in_file(database)
    assert set(TEN) - set(in_file(database)), "lost by the test, or there is nothing to say"
    first, *more = again.account()
    assert first == "the database may lack predictions that were acknowledged."
    assert "could not be saved when the service ended" in more[0]
    third = PredictionLog(f"sqlite:///{database}", tmp_path / "journal", instance=instance)
    third.close()
    assert third.account() == ["every prediction that was acknowledged is kept."]


def test_a_folder_that_was_away_for_a_moment_leaves_nothing_unsaved(log: PredictionLog, database: Path) -> None:
    file = log._file
    assert file is not None
    until(lambda: log.queue_depth == 0)
    log._stop.set()
    log._thread.join()
    database.parent.rename(database.parent.with_name("away"))
    database.parent.write_text("a file in the way, so that no folder is made")
    with pytest.raises(OSError):  # noqa: PT011
        file.check()
    assert file.unsaved
    database.parent.unlink()
    database.parent.with_name("away").rename(database.parent)
    assert file.check()
    assert not file.unsaved
    assert not file._marker.exists()


def checkpointed(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def unwatched(log: PredictionLog) -> Iterator[None]:
    """Let the log look at its file only when all is done to it."""
    file, waits, go_on = log._file, threading.Event(), threading.Event()
    assert file is not None
    check = file.check

    def wait(**given: bool) -> bool:
        waits.set()
        go_on.wait()
        return check(**given)

    file.check = wait  # type: ignore[method-assign]
    waits.wait()
    yield
    file.check = check  # type: ignore[method-assign]
    go_on.set()


def files_beside(database: Path) -> dict[str, Path]:
    return {path.name.removeprefix(database.name): path for path in database.parent.iterdir() if path != database}


@pytest.mark.parametrize("without_log", [False, True], ids=["copied over", "log deleted, then copied over"])
def test_a_database_that_is_overwritten_in_place_is_not_mixed_with_what_was_open(
    log: PredictionLog, database: Path, tmp_path: Path, without_log: bool
) -> None:
    other = PredictionLog(f"sqlite:///{tmp_path}/other.db", tmp_path / "other")
    other.append(predictions(500, "other"))
    other.close()
    inode = database.stat().st_ino
    with unwatched(log):
        if without_log:
            database.with_name("predictions.db-wal").unlink()
            database.with_name("predictions.db-shm").unlink()
        shutil.copyfile(tmp_path / "other.db", database)
        log.append([prediction("after")])
    until(lambda: "is overwriting" in str(log.last_error))
    assert database.read_bytes() == (tmp_path / "other.db").read_bytes()
    until(lambda: log.last_error is None and log.queue_depth == 0)
    assert database.stat().st_ino == inode
    log.close()
    assert in_file(database) == sorted([*ALL, *(f"other{i}" for i in range(500))])  # the journal still had ours
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    first, *more = log.account()
    assert first == "the database may lack predictions that were acknowledged."
    assert "has overwritten the database" in " ".join(more)
    assert "is written to from now on" in " ".join(more)
    assert len(more) == 1


def test_an_older_copy_of_the_same_database_is_noticed(
    forgetful: PredictionLog, database: Path, tmp_path: Path
) -> None:
    checkpointed(database)
    shutil.copyfile(database, tmp_path / "backup.db")
    forgetful.append(predictions(3, "later"))
    until(lambda: forgetful.queue_depth == 0)
    forgetful.close()
    again = PredictionLog(f"sqlite:///{database}", tmp_path / "journal")
    file = again._file
    assert file is not None
    until(lambda: (content := file._content) and content.checkpoints == 2)
    shutil.copyfile(tmp_path / "backup.db", database)
    again.append([prediction("after")])
    until(lambda: again.account()[1:] and again.queue_depth == 0)
    again.close()
    assert in_file(database) == ALL
    assert again.account()[0] == "the database may lack predictions that were acknowledged."


def test_what_is_not_a_database_is_set_aside(log: PredictionLog, database: Path) -> None:
    database.write_text("nothing of ours" * 1000)
    log.append([prediction("after")])
    until(lambda: log.account()[1:] and log.queue_depth == 0)
    log.close()
    assert in_file(database) == ALL  # the journal still had them
    beside = files_beside(database)
    assert beside[".damaged"].read_text() == "nothing of ours" * 1000
    assert beside["-wal.replaced"].stat().st_size > 0
    assert f"is set aside as {beside['.damaged']}" in log.account()[1]


def test_a_database_that_is_overwritten_at_the_end_gets_nothing_of_ours(
    log: PredictionLog, database: Path, tmp_path: Path
) -> None:
    log._stop.set()
    log._thread.join()
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE notes (note TEXT)")
    shutil.copyfile(tmp_path / "other.db", database)
    log.close()
    assert database.read_bytes() == (tmp_path / "other.db").read_bytes()
    assert log.account()[0] == "the database may lack predictions that were acknowledged."
    assert "10 records are not in the database yet (it was replaced)" in log.account()[1]


def test_checkpoints_of_others_are_not_taken_for_other_content(log: PredictionLog, database: Path) -> None:
    for turn in range(5):
        log.append(predictions(200, f"{turn}-"))
        until(lambda: log.queue_depth == 0)
        checkpointed(database)
    database.chmod(0o600)
    until(lambda: log._file._stamp == read_stamp(database))  # type: ignore[union-attr]
    log.close()
    assert log.account() == ["every prediction that was acknowledged is kept."]
    assert len(in_file(database)) == 1010


def test_a_checkpoint_that_a_reader_holds_up_is_not_taken_for_other_content(log: PredictionLog, database: Path) -> None:
    until(lambda: log.queue_depth == 0)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        for state in range(3):
            reader = sqlite3.connect(database, isolation_level=None)
            reader.execute("BEGIN")
            reader.execute("SELECT COUNT(*) FROM predictions").fetchone()
            other.execute("BEGIN")
            for number in range(60):  # the schema takes more pages than it had
                other.execute(
                    f"CREATE TABLE other_{state}_{number} ({', '.join(f'column_{i} TEXT' for i in range(60))})"
                )
            other.execute("COMMIT")
            other.execute("PRAGMA wal_checkpoint(PASSIVE)")
            log.append(predictions(5, f"{state}-"))
            until(lambda: log.queue_depth == 0)
            time.sleep(1.2)  # longer than a copy over the file is waited for
            reader.close()
    log.close()
    assert log.account() == ["every prediction that was acknowledged is kept."]
    assert not [path for path in database.parent.iterdir() if "damaged" in path.name or "replaced" in path.name]
    assert len(in_file(database)) == 25


def test_the_write_ahead_log_is_brought_into_the_file_before_it_grows(log: PredictionLog, database: Path) -> None:
    sizes = []
    for turn in range(40):
        log.append(predictions(1000, f"{turn}-"))
        until(lambda: log.queue_depth == 0)
        sizes.append(database.with_name("predictions.db-wal").stat().st_size)
    content = read_content(database)
    assert content is not None
    assert content.checkpoints > 2
    assert max(sizes) < 2 * CHECKPOINT_BYTES
    log.close()


def test_a_store_has_one_identity(tmp_path: Path) -> None:
    def identity(name: str) -> str:
        log = PredictionLog(f"sqlite:///{tmp_path}/{name}.db", tmp_path / "journal")
        log.append(predictions(1))
        log.close()
        content = read_content(tmp_path / f"{name}.db")
        assert content is not None
        return content.identity

    first = identity("a")
    assert len(first) == 32
    assert identity("a") == first
    assert identity("b") != first
