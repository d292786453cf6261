"""An engine for the rows of the monitoring, and one sentence for each failure of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ride_duration.clock import ClockKind
from ride_duration.errors import NotFound, RideDurationError
from ride_duration.storage_errors import describe_storage_failure
from ride_duration.store.database import migrate, open_reading_engine, open_writing_engine

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


def open_monitoring(store_url: str, clock: ClockKind = ClockKind.REAL) -> Engine:
    """Return an engine that writes, on tables that are there and of the newest form; they are made if they are missing.

    Args:
        store_url: `sqlite:///PATH` or `postgresql+psycopg://…`.
        clock: Which clock the times are on.

    Raises:
        ConfigurationError: The store is on the other clock.
        RideDurationError: The store cannot be reached or written.
    """
    engine = open_writing_engine(store_url)
    with describe_failures(engine):
        migrate(engine, clock)
    return engine


def read_monitoring(store_url: str, clock: ClockKind = ClockKind.REAL) -> Engine | None:
    """Return an engine that reads alone; None while there is no store, or none that has rows of the monitoring.

    Args:
        store_url: `sqlite:///PATH` or `postgresql+psycopg://…`.
        clock: Which clock the times are on.

    Raises:
        ConfigurationError: The store is on the other clock.
        RideDurationError: The store cannot be reached.
    """
    from sqlalchemy import inspect

    try:
        engine = open_reading_engine(store_url, clock)
    except NotFound:
        return None
    with describe_failures(engine):
        if inspect(engine).has_table("monitoring_verdicts"):
            return engine
    engine.dispose()
    return None


@contextmanager
def begin_writing(store: Engine | Connection) -> Iterator[Connection]:
    """Yield a connection in a transaction: one of its own, or that of the caller, who commits it.

    Args:
        store: An engine of `open_monitoring`, or what this function yielded, so that several changes are one.

    Raises:
        RideDurationError: The store cannot be written.
    """
    from sqlalchemy import Engine

    if not isinstance(store, Engine):
        yield store
        return
    with describe_failures(store), store.begin() as connection:
        yield connection


@contextmanager
def describe_failures(engine: Engine) -> Iterator[None]:
    """Raise what a database says as one sentence, with what to do.

    Raises:
        RideDurationError: In place of an error of SQLAlchemy.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise RideDurationError(describe_storage_failure(cause, engine.url.render_as_string())) from error
