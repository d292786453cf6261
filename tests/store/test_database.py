import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from ride_duration.errors import RideDurationError
from ride_duration.store.database import migrate, open_reading_engine, open_writing_engine
from ride_duration.store.queries.ground_truth import load_joined
from ride_duration.store.schema import load_metadata
from ride_duration.store.writer.insertion import Insertion
from tests.support.store.samples import prediction

MIGRATE = """
import sys
from ride_duration.store.database import open_writing_engine, migrate
engine = open_writing_engine(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
migrate(engine)
"""

INSERT = """
INSERT INTO predictions (prediction_id, ride_id, asked_at, pickup_datetime, duration, lower, upper, model_version,
    variant, milliseconds)
VALUES ('{}', 'ride', 1.0, '2021-02-01T17:30:00', 20.0, 10.0, 30.0, 1, 'champion', 0.5)
"""


def test_migrations_lead_from_nothing_to_the_tables(store_url: str) -> None:
    engine = open_writing_engine(store_url)
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), load_metadata()) == []
    migrate(engine)  # there is nothing left to do
    engine.dispose()


def test_what_older_services_kept_and_still_keep_is_of_no_known_model_or_instant(store_url: str) -> None:
    engine = open_writing_engine(store_url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "ride_duration.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.execute(text(INSERT.format("before")))
    with pytest.raises(RideDurationError, match="or those of an older version"):
        open_reading_engine(store_url)
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text(INSERT.format("after")))
    engine.dispose()
    engine = open_reading_engine(store_url)
    found = [
        (row.prediction.prediction_id, row.prediction.model, row.prediction.pickup_at) for row in load_joined(engine)
    ]
    assert found == [("before", "", None), ("after", "", None)]
    engine.dispose()


def test_tables_of_a_newer_program_are_written_and_read_as_they_are(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_writing_engine(store_url)
    migrate(engine)
    with engine.begin() as connection:  # as a later migration may leave it
        connection.execute(text("ALTER TABLE predictions ADD COLUMN weather TEXT"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    migrate(engine)
    assert "9999, are newer than this program" in caplog.text
    Insertion(engine).insert([prediction("p")], lambda record, why: pytest.fail(f"{record}: {why}"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    engine.dispose()
    engine = open_reading_engine(store_url)
    assert [row.prediction.prediction_id for row in load_joined(engine)] == ["p"]
    engine.dispose()


def test_two_services_may_migrate_at_once(store_url: str) -> None:
    command = [sys.executable, "-c", MIGRATE, store_url]
    services = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for service in services:
        assert service.stdout
        assert service.stdout.readline() == "ready\n"
    for service in services:
        assert service.stdin
        service.stdin.write("go\n")
        service.stdin.flush()
    assert [service.communicate(timeout=60)[1] for service in services] == ["", ""]
    assert [service.returncode for service in services] == [0, 0]


def test_many_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    for turn in range(40):
        engines = [open_writing_engine(f"sqlite:///{tmp_path}/{turn}.db") for _ in range(6)]
        with ThreadPoolExecutor(len(engines)) as pool:
            modes = list(pool.map(journal_mode, engines))
        assert modes == ["wal"] * len(engines)


def journal_mode(engine: Engine) -> str:
    with engine.connect() as connection:
        mode = connection.scalar(text("PRAGMA journal_mode"))
    engine.dispose()
    return str(mode)


def test_sqlite_is_opened_for_one_writer_beside_readers(tmp_path: Path) -> None:
    engine = open_writing_engine(f"sqlite:///{tmp_path}/new/folder/predictions.db", "FULL")
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2
    engine.dispose()


@pytest.mark.parametrize(
    ("store_url", "message"),
    [
        ("predictions.db", "cannot be read; name a file as sqlite:///data/predictions.db"),
        ("mysql://root:secret@host/db", r"mysql://root:\*\*\*@host/db is not a store"),
        ("sqlite://", "is not a store"),
        ("sqlite:////dev/null/predictions.db", "cannot be made"),
    ],
)
def test_a_url_that_cannot_be_used_is_said_without_its_password(store_url: str, message: str) -> None:
    with pytest.raises(RideDurationError, match=message) as raised:
        open_writing_engine(store_url)
    assert "secret" not in str(raised.value)


MESSAGES = {
    "missing": "there is no prediction log",
    "empty": "keeps no predictions yet",
    "gone": "cannot be read: conn",
}


@pytest.mark.parametrize("store", MESSAGES)
def test_a_store_without_predictions_is_said_and_not_made(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    urls: dict[str, Callable[[], str]] = {
        "missing": lambda: f"sqlite:///{tmp_path}/predictions.db",
        "empty": lambda: request.getfixturevalue("postgres").database(),
        "gone": lambda: f"postgresql+psycopg://postgres@/predictions?host={tmp_path}",
    }
    with pytest.raises(RideDurationError, match=MESSAGES[store]):
        open_reading_engine(urls[store]())
    assert not list(tmp_path.iterdir())


def test_a_log_that_may_not_be_written_is_not_read_and_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite makes files beside a log in WAL mode, also to read it; tests that run as root cannot be refused that."""
    store_url = f"sqlite:///{tmp_path}/log.db"
    migrate(open_writing_engine(store_url))

    def refuse(_: object) -> None:
        raise OperationalError("SELECT 1", {}, sqlite3.OperationalError("attempt to write a readonly database"))

    monkeypatch.setattr("sqlalchemy.inspect", refuse)
    with pytest.raises(RideDurationError, match=r"log\.db cannot be read or written; let .* and its folder"):
        open_reading_engine(store_url)
