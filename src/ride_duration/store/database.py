"""The database of the prediction log: SQLite or PostgreSQL, opened the way that the log needs it."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.clock import ClockKind
from ride_duration.errors import ConfigurationError, NotFound, RideDurationError
from ride_duration.postgresql import timeout_args
from ride_duration.storage_errors import describe_storage_failure
from ride_duration.store.clock_mark import check_mark, set_mark

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

log = logging.getLogger(__name__)

_SECONDS = 5  # that SQLite waits for a lock
_WRITING = 30  # seconds for a thousand rows in PostgreSQL, which take milliseconds
#: What of the query in a URL of PostgreSQL says where the tables are; `options` may name a schema.
_PLACE = ("host", "hostaddr", "port", "dbname", "service", "options")
#: Any number: it tells our migrations from other users of PostgreSQL's advisory locks.
_MIGRATION_LOCK = 7_239_416_604
#: Alembic keeps what it works on in global variables: one thread of a process at a time.
_one_migration = threading.Lock()
#: Stores and their revisions that newer programs made, each of which is said once.
_newer: set[tuple[str, str]] = set()


def open_writing_engine(store_url: str, synchronous: str = "NORMAL", *, kept_open: bool = False) -> Engine:
    """Return an engine for the one thread that writes. It does not connect yet; a missing folder of SQLite is made.

    Args:
        store_url: `sqlite:///PATH` or `postgresql+psycopg://…`.
        synchronous: SQLite's, in WAL mode: NORMAL outlives the process, FULL a power cut too. (PostgreSQL's commits
            outlive both as long as its `synchronous_commit` says so.)
        kept_open: Keep SQLite's file open, which has to be watched then (`sqlite_file`); else each transaction opens
            the file that has the name at that time.

    Raises:
        RideDurationError: The URL cannot be used.
    """
    from sqlalchemy import NullPool, QueuePool, create_engine, event

    url = _url(store_url)
    if url.get_backend_name() == "postgresql":
        return create_engine(url, pool_size=1, max_overflow=0, connect_args=timeout_args(url, _WRITING))
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RideDurationError(f"the folder of {url.database} cannot be made: {error.strerror}") from None
    arguments = {"timeout": _SECONDS, "check_same_thread": False, "isolation_level": None}
    engine = create_engine(url, connect_args=arguments, poolclass=QueuePool if kept_open else NullPool)

    @event.listens_for(engine, "do_connect")
    def make_folder(*_: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)  # it may have been deleted since

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        _write_ahead(connection)
        # The log checkpoints, once it has seen that the file is still its own; else the last connection that closes.
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA journal_size_limit=0")
        connection.execute(f"PRAGMA synchronous={synchronous}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def open_reading_engine(store_url: str, clock: ClockKind = ClockKind.REAL) -> Engine:
    """Return an engine for questions to a store that a service has written to; it blocks no writer.

    Args:
        store_url: `sqlite:///PATH` or `postgresql+psycopg://…`.
        clock: Which clock whoever asks is on.

    Raises:
        NotFound: There is no such store yet, or none with tables that can be read.
        ConfigurationError: Its times are on the other clock.
        RideDurationError: It cannot be reached.
    """
    from sqlalchemy import NullPool, QueuePool, create_engine, inspect
    from sqlalchemy.exc import DatabaseError

    find_store(store_url)
    url = _url(store_url)
    sqlite = url.get_backend_name() == "sqlite"
    arguments = {"timeout": _SECONDS} if sqlite else timeout_args(url)
    # A file of SQLite is opened for each question, so that it is the one that has the name at that time.
    pool = NullPool if sqlite else QueuePool
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=not sqlite, poolclass=pool)
    try:
        with engine.connect() as connection:
            there = inspect(connection)
            columns = there.get_columns("predictions") if there.has_table("predictions") else []
            if columns:
                check_mark(connection, clock)
    except DatabaseError as error:
        if "readonly" in str(error.orig):  # SQLite writes beside a log that it reads
            raise RideDurationError(describe_storage_failure(error, url.render_as_string())) from None
        raise RideDurationError(f"the prediction log {url.render_as_string()} cannot be read: {error.orig}") from None
    if "source" not in {column["name"] for column in columns}:  # the newest
        raise NotFound(
            f"{url.render_as_string()} keeps no predictions yet, or those of an older version; "
            "`kedro service start` makes its tables"
        )
    return engine


def find_store(store_url: str) -> None:
    """Refuse a file of SQLite that is not there, which opening it would make.

    Raises:
        NotFound: It is not there.
        RideDurationError: The URL cannot be used.
    """
    url = _url(store_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise NotFound(f"there is no prediction log {url.database} yet; `kedro service start` begins it")


def check_clock(store_url: str, clock: ClockKind) -> None:
    """Refuse a store whose times are on the other clock; one that is away now is asked as soon as it is written to.

    Raises:
        ConfigurationError: They are.
    """
    try:
        open_reading_engine(store_url, clock).dispose()
    except ConfigurationError:
        raise
    except RideDurationError:  # there is nothing yet, or it cannot be reached
        return


def name_store(store_url: str, folder: Path) -> str:
    """A name for a store, fit for a file: the same whoever connects to it, by whatever password and encryption.

    Args:
        store_url: `sqlite:///PATH` or `postgresql+psycopg://…`.
        folder: An SQLite file is named relative to it: a project that is moved as a whole keeps its names.

    Raises:
        RideDurationError: The URL cannot be used.
    """
    from sqlalchemy import URL

    url = _url(store_url)
    sqlite = url.get_backend_name() == "sqlite"
    database = os.path.relpath(Path(url.database or "").resolve(), folder.resolve()) if sqlite else url.database
    query = {name: value for name, value in url.query.items() if name in _PLACE}
    place = URL.create(url.drivername, host=url.host, port=url.port, database=database, query=query)
    return f"{url.get_backend_name()}-{blake2b(str(place).encode(), digest_size=6).hexdigest()}"


def locate_store(store_url: str, project: Path) -> str:
    """Return the URL of a store, with the file of SQLite by its absolute path.

    Args:
        store_url: `sqlite:///PATH` or `postgresql+psycopg://…`.
        project: Folder that files are relative to.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(store_url)
    except ArgumentError:  # whoever opens it says what is wrong
        return store_url
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return store_url
    return url.set(database=str(project / url.database)).render_as_string(hide_password=False)


def migrate(engine: Engine, clock: ClockKind = ClockKind.REAL) -> bool:
    """Bring the tables to their newest form; of two processes at once, one waits for the other.

    Tables that a newer program made are left as they are: each migration only adds, so that this one can write to them.

    Args:
        engine: Of `open_writing_engine`.
        clock: Which clock the times are on; new tables are marked with it.

    Returns:
        Whether there were no tables yet.

    Raises:
        ConfigurationError: There are tables whose times are on the other clock; nothing was changed.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import text

    config = Config()
    config.set_main_option("script_location", "ride_duration.store:migrations")
    config.set_main_option("path_separator", "os")
    with _one_migration, engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE keeps others out
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table takes its time
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        present = MigrationContext.configure(connection).get_current_revision()
        if present is not None:
            check_mark(connection, clock)
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if present is not None and present not in known:
            if (str(engine.url), present) not in _newer:
                log.warning(
                    "the prediction log's tables, %s, are newer than this program; they stay as they are", present
                )
            _newer.add((str(engine.url), present))
            return False
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if present is None:
            set_mark(connection, clock)
    return present is None


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL mode, once for the file; SQLite does not wait for others that switch at the same time."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _url(store_url: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    advice = "name a file as sqlite:///data/predictions.db, or a server as postgresql+psycopg://user@host/name"
    try:
        url = make_url(store_url)
    except ArgumentError:
        raise RideDurationError(f"the store's URL cannot be read; {advice}") from None
    file = url.drivername == "sqlite" and url.database not in {None, "", ":memory:"}
    if not file and url.drivername != "postgresql+psycopg":
        raise RideDurationError(f"{url.render_as_string()} is not a store; {advice}")
    return url


@contextmanager
def explain_failures(what: str) -> Iterator[None]:
    """Raise what a database says as one sentence; a violated constraint is left to the caller.

    Args:
        what: Went wrong, for instance `the alerts in the store cannot be reached`.

    Raises:
        RideDurationError: In place of an error of SQLAlchemy.
    """
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    try:
        yield
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise RideDurationError(f"{what}: {reason}") from error
