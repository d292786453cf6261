"""Up to where the log is computed, and which run computes it.

The watermark moves when a run begins; the days with news up to it are pending until each is replaced. A run that begins
while another one computes takes over: the other one, which has seen less, writes nothing more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.errors import RideDurationError
from ride_duration.store.monitoring.opening import describe_failures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Engine

#: Any number: it tells those who write days from other users of PostgreSQL's advisory locks.
_WRITING_DAYS = 7_239_416_605


class Watermark(NamedTuple):
    """The newest records that the rows are computed from.

    Attributes:
        predictions: Arrival of a prediction.
        actuals: Arrival of a report.
    """

    predictions: int = 0
    actuals: int = 0


class Progress(NamedTuple):
    """How far the log is computed.

    Attributes:
        watermark: Up to where, but for the days that are `pending`.
        asked_at: When the newest prediction of the model up to there was made (seconds since 1970-01-01 UTC).
        received_at: When the newest report up to there came in.
        pending: Days that are still to be computed, as a run that was interrupted has left them.
    """

    watermark: Watermark
    asked_at: float | None = None
    received_at: float | None = None
    pending: tuple[str, ...] = ()


def load_progress(engine: Engine, model: str) -> Progress:
    """Return how far the log is computed."""
    with describe_failures(engine), engine.connect() as connection:
        return read_progress(connection, model)


def read_progress(connection: Connection, model: str) -> Progress:
    """Return how far the log is computed, by one question: a run that begins changes all of it at once."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    columns = [table.c[name] for name in ("predictions", "actuals", "asked_at", "received_at", "pending")]
    row = connection.execute(select(*columns).where(table.c.model == model)).first()
    if row is None:
        return Progress(Watermark())
    return Progress(Watermark(row[0], row[1]), row[2], row[3], tuple(json.loads(row[4])))


def claim_log(
    engine: Engine,
    model: str,
    run: str,
    seen: Watermark,
    to: Watermark,
    days: Iterable[str],
    at: float,
    asked_at: float | None = None,
    received_at: float | None = None,
) -> None:
    """Let a run compute days of the log, and no other one that began before; the watermark moves.

    The days are pending until `note_computed`: whatever interrupts the run, the next one computes what is left.

    Args:
        engine: Of `open_monitoring`.
        model: Name of the registered model.
        run: Its own id.
        seen: The watermark that its news are since.
        to: The newest records that were there when the news were looked for.
        days: All days with news since, and those that were pending.
        at: Now (seconds since 1970-01-01 UTC).
        asked_at: When the newest prediction of the model among the news was made; older than what is known: that stays.
        received_at: The same of the newest report.

    Raises:
        RideDurationError: Another run has moved the watermark since, or the store cannot be written.
    """
    from sqlalchemy import case

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    times = (("asked_at", asked_at), ("received_at", received_at))
    newer: dict[str, Any] = {
        name: case((table.c[name] > time, table.c[name]), else_=time) for name, time in times if time is not None
    }
    values = {**to._asdict(), "computed_at": at, "run": run, "pending": json.dumps([*days])}
    with describe_failures(engine), engine.begin() as connection:
        exclude_others(connection)
        row = connection.execute(table.select().where(table.c.model == model)).mappings().first()
        if row is None:
            connection.execute(table.insert().values(model=model, **values, **dict(times)))
        elif Watermark(row["predictions"], row["actuals"]) != seen:
            raise _overtaken()
        else:
            connection.execute(table.update().where(table.c.model == model).values(**values, **newer))


def note_computed(connection: Connection, model: str, day: str) -> None:
    """Let a day not be pending any more, in the transaction that replaces its rows."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    own = table.c.model == model
    pending = json.loads(connection.scalar(select(table.c.pending).where(own)) or "[]")
    left = json.dumps([other for other in pending if other != day])
    connection.execute(table.update().where(own).values(pending=left))


def check_run(connection: Connection, model: str, run: str) -> None:
    """Refuse a run that is not the last one that began.

    Raises:
        RideDurationError: Another one has begun since.
    """
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    if connection.scalar(select(table.c.run).where(table.c.model == model)) != run:
        raise _overtaken()


def _overtaken() -> RideDurationError:
    return RideDurationError(
        "another run of the monitoring has begun to compute the log meanwhile, and goes on; run this one again when it "
        "has ended"
    )


def exclude_others(connection: Connection) -> None:
    """Let one transaction after the other write days; SQLite does so by itself."""
    from sqlalchemy import text

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITING_DAYS})
