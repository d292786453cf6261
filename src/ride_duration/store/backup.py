"""Copies of a store as a file of SQLite, whatever database it is in, and back into SQLite or PostgreSQL.

All tables are read in one transaction, so that a copy is the store of one moment, while services go on writing. What
they have acknowledged and not yet brought into the database is in their journals, which are copied before: what leaves
a journal meanwhile is in the database by then, and what is in both counts once.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.clock import ClockKind
from ride_duration.errors import DecisionRefused
from ride_duration.store.database import migrate, name_store, open_reading_engine, open_writing_engine
from ride_duration.store.monitoring import describe_failures
from ride_duration.store.writer.segment import list_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sqlalchemy import Connection, Select, Table

#: Rows that are read and written at a time.
_BATCH = 10_000

#: Of the store itself, and not of what it holds: a copy has an identity of its own.
_OWN = "store_properties"


def copy_store(
    source_url: str,
    target_url: str,
    clock: ClockKind,
    report: Callable[[str, int], None] | None = None,
    *,
    only: Collection[str] | None = None,
    mark: ClockKind | None = None,
    then: Callable[[Connection], None] | None = None,
) -> dict[str, int]:
    """Copy all tables of a store into another one, which is made if it is not there yet.

    Rows are written in one transaction: a copy that is interrupted, by `kill -9` too, leaves no rows.

    Args:
        source_url: Of the store that is read.
        target_url: Of the other one.
        clock: Which clock both are on.
        report: Called after each batch with the table and how many rows of it are copied.
        only: Names of the tables that are copied; default: all.
        mark: Which clock the copy is marked with; default: the same.
        then: Called with the connection to the copy when all rows are there, in the same transaction.

    Returns:
        Rows by table.

    Raises:
        NotFound: There is nothing to copy.
        DecisionRefused: The other store has rows already; nothing was changed.
        RideDurationError: One of them cannot be reached.
    """
    from sqlalchemy import select, text

    from ride_duration.store.schema import load_metadata

    source = open_reading_engine(source_url, clock)
    target = open_writing_engine(target_url, synchronous="FULL")
    copied: dict[str, int] = {}
    try:
        with describe_failures(target):
            migrate(target, mark or clock)
        with describe_failures(target), target.begin() as writing, source.connect() as reading:
            _take_snapshot(reading)
            if target.dialect.name == "postgresql":
                writing.execute(text("SET LOCAL statement_timeout = 0"))
            tables = [table for table in load_metadata().sorted_tables if table.name != _OWN]
            for table in tables:
                if writing.execute(select(1).select_from(table).limit(1)).first():
                    raise DecisionRefused(
                        f"{target.url.render_as_string()} has rows already (in {table.name}); name an empty store"
                    )
            for table in tables:
                if only is None or table.name in only:
                    copied[table.name] = _copy_table(reading, writing, table, report)
            if then is not None:
                then(writing)
    finally:
        source.dispose()
        target.dispose()
    return copied


def copy_journals(folder: Path, store_url: str, target: Path) -> int:
    """Copy what services have acknowledged and may not have brought into the store.

    Args:
        folder: Of all instances (`serving.folder`).
        store_url: Which store's journals.
        target: A folder that is made; each instance gets one of its own below it.

    Returns:
        How many files were copied.
    """
    store = name_store(store_url, folder)
    copied = 0
    for instance in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ():
        for segment in list_segments(instance / store):
            place = target / instance.name / segment.name
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(segment, place)
            except FileNotFoundError:  # the database has what it held
                place.unlink(missing_ok=True)
            else:
                copied += 1
    return copied


def put_journals_back(source: Path, folder: Path, store_url: str) -> int:
    """Lay copied journals where the next service that starts with this store takes them from.

    Args:
        source: As `copy_journals` made it.
        folder: Of all instances (`serving.folder`).
        store_url: Of the store that was put back.

    Returns:
        How many files there are.
    """
    store, number = name_store(store_url, folder), 0
    for segment in sorted(source.glob("*/*")) if source.is_dir() else ():
        place = folder / f"restored-{segment.parent.name}" / store / segment.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(segment, place)
        number += 1
    return number


def _take_snapshot(reading: Connection) -> None:
    """Begin the one transaction that everything is read in."""
    from sqlalchemy import text

    if reading.dialect.name == "postgresql":
        reading.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        reading.execute(text("SET LOCAL statement_timeout = 0"))
    else:
        reading.exec_driver_sql("BEGIN")


def _copy_table(
    reading: Connection, writing: Connection, table: Table, report: Callable[[str, int], None] | None
) -> int:
    from sqlalchemy import inspect, select

    known = {column["name"] for column in inspect(reading).get_columns(table.name)} if _has(reading, table) else set()
    if not known:  # of a program that had no such table
        return 0
    columns = [column for column in table.columns if column.name in known]
    question = select(*columns).order_by(*table.primary_key.columns)
    number = 0
    for batch in _read_batches(reading, question):
        writing.execute(table.insert(), batch)
        number += len(batch)
        if report is not None:
            report(table.name, number)
    _continue_counting(writing, table)
    return number


def _read_batches(reading: Connection, question: Select[Any]) -> Iterator[list[dict[str, Any]]]:
    with (
        describe_failures(reading.engine),
        closing(reading.execution_options(yield_per=_BATCH).execute(question)) as rows,
    ):
        for batch in rows.mappings().partitions():
            yield [dict(row) for row in batch]


def _has(reading: Connection, table: Table) -> bool:
    from sqlalchemy import inspect

    return inspect(reading).has_table(table.name)


def _continue_counting(writing: Connection, table: Table) -> None:
    """Let PostgreSQL count on from the copied rows; SQLite does so by itself."""
    from sqlalchemy import func, select, text

    counted = table.autoincrement_column
    if counted is None or writing.dialect.name != "postgresql":
        return
    largest = writing.scalar(select(func.max(counted)))
    if largest is not None:
        name = {"table": table.name, "column": counted.name, "largest": largest}
        writing.execute(text("SELECT setval(pg_get_serial_sequence(:table, :column), :largest)"), name)
