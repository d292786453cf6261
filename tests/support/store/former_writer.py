"""Writes a log as the service at commit d3a5b5d does: its statements, its columns, its records, its tables."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, Thread
from types import TracebackType

import msgspec
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from ride_duration.store.database import open_writing_engine
from ride_duration.store.log_records import PredictionRecord, Record

#: The newest migration of that release.
REVISION = "0004"

#: Columns that it fills, in the order of its records' fields, with what PostgreSQL casts each to.
_PREDICTIONS = {
    "prediction_id": "TEXT", "ride_id": "TEXT", "asked_at": "DOUBLE PRECISION",
    "pickup_datetime": "TIMESTAMP WITHOUT TIME ZONE", "pickup_zone": "INTEGER", "dropoff_zone": "INTEGER",
    "trip_distance": "DOUBLE PRECISION", "duration": "DOUBLE PRECISION", "lower": "DOUBLE PRECISION",
    "upper": "DOUBLE PRECISION", "model_version": "INTEGER", "variant": "TEXT", "milliseconds": "DOUBLE PRECISION",
    "model": "TEXT", "pickup_at": "DOUBLE PRECISION",
}  # fmt: skip
_ACTUALS = {
    "actual_id": "TEXT", "ride_id": "TEXT", "received_at": "DOUBLE PRECISION", "duration": "DOUBLE PRECISION",
    "dropoff_datetime": "TIMESTAMP WITHOUT TIME ZONE", "dropoff_at": "DOUBLE PRECISION",
}  # fmt: skip


def make_former_store(engine: Engine) -> None:
    """Make the tables as that release leaves them."""
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "ride_duration.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)


class FormerService:
    """Writes batches of records from a thread of its own, until all are written.

    Args:
        store_url: Of a store with the tables of that release, or of a newer one.
        batches: Each is one transaction.
    """

    def __init__(self, store_url: str, batches: Sequence[Sequence[Record]]) -> None:
        self._engine = open_writing_engine(store_url)
        self._batches = batches
        #: What has stopped it.
        self.failed: list[Exception] = []
        self._thread = Thread(target=self._write_all)
        #: Set once the first half is written.
        self.is_half_done = Event()
        #: How many batches are written.
        self.written = 0
        #: Lets it go on after the first half.
        self.go_on = Event()

    def __enter__(self) -> FormerService:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.go_on.set()
        self._thread.join()
        self._engine.dispose()
        if self.failed:
            raise self.failed[0]

    def _write_all(self) -> None:
        try:
            for number, records in enumerate(self._batches):
                if number == len(self._batches) // 2:
                    self.is_half_done.set()
                    self.go_on.wait()
                self._write(records)
                self.written += 1
        except Exception as error:  # raised where the test waits
            self.failed.append(error)
            self.is_half_done.set()

    def _write(self, records: Sequence[Record]) -> None:
        answers = [record for record in records if isinstance(record, PredictionRecord)]
        reports = [record for record in records if not isinstance(record, PredictionRecord)]
        with self._engine.begin() as connection:
            for table, columns, rows in (("predictions", _PREDICTIONS, answers), ("actuals", _ACTUALS, reports)):
                # the tag of the kind, and the fields that it knew
                arrays = [array[: len(columns) + 1] for array in map(msgspec.to_builtins, rows)]
                if arrays:
                    document = {"records": msgspec.json.encode(arrays).decode()}
                    connection.execute(text(_make_insert(table, columns, connection.dialect.name)), document)


def _make_insert(table: str, columns: dict[str, str], dialect: str) -> str:
    fields = [f"each.value ->> {number}" for number in range(1, len(columns) + 1)]
    source = "json_each(:records)"
    if dialect == "postgresql":
        fields = [f"CAST({field} AS {kind})" for field, kind in zip(fields, columns.values(), strict=True)]
        source = "json_array_elements(CAST(:records AS JSON))"
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(fields)} FROM {source} AS each "
        "WHERE 1 = 1 ON CONFLICT DO NOTHING"
    )
