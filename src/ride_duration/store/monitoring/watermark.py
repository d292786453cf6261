"""Up to where the log is computed, and which run computes it.

The watermark moves once all days with news up to it are replaced. A run that begins while another one computes takes
over: the other one, which has seen less, writes nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.errors import RideDurationError
from ride_duration.store.monitoring.opening import describe_failures

if TYPE_CHECKING:
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


def load_watermark(engine: Engine, model: str) -> Watermark:
    """Return up to where the log is computed."""
    with describe_failures(engine), engine.connect() as connection:
        return read_watermark(connection, model)[0]


def load_progress(engine: Engine, model: str) -> tuple[Watermark, float | None, float | None]:
    """Return what `read_watermark` returns, in a transaction of its own."""
    with describe_failures(engine), engine.connect() as connection:
        return read_watermark(connection, model)


def read_watermark(connection: Connection, model: str) -> tuple[Watermark, float | None, float | None]:
    """Return up to where the log is computed, and when the newest prediction, and report, up to there came.

    Times are seconds since 1970-01-01 UTC; None where they are not known.
    """
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    columns = (table.c.predictions, table.c.actuals, table.c.asked_at, table.c.received_at)
    row = connection.execute(select(*columns).where(table.c.model == model)).first()
    return (Watermark(), None, None) if row is None else (Watermark(row[0], row[1]), row[2], row[3])


def claim_log(engine: Engine, model: str, run: str, seen: Watermark) -> None:
    """Let a run compute the log, and no other one that began before.

    Args:
        engine: Of `open_monitoring`.
        model: Name of the registered model.
        run: Its own id.
        seen: The watermark that its news are since.

    Raises:
        RideDurationError: Another run has moved the watermark since, or the store cannot be written.
    """
    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    with describe_failures(engine), engine.begin() as connection:
        exclude_others(connection)
        row = connection.execute(table.select().where(table.c.model == model)).mappings().first()
        if row is None:
            connection.execute(table.insert().values(model=model, **seen._asdict(), computed_at=0.0, run=run))
        elif Watermark(row["predictions"], row["actuals"]) != seen:
            raise _overtaken()
        else:
            connection.execute(table.update().where(table.c.model == model).values(run=run))


def move_watermark(
    engine: Engine,
    model: str,
    run: str,
    to: Watermark,
    at: float,
    asked_at: float | None = None,
    received_at: float | None = None,
) -> None:
    """Note how far the rows reach, once all days with news are replaced.

    Args:
        engine: Of `open_monitoring`.
        model: Name of the registered model.
        run: That began by `claim_log`.
        to: The newest records that were there when the news were looked for.
        at: Now (seconds since 1970-01-01 UTC).
        asked_at: When the newest prediction of the model among them was made; older than what is known: that stays.
        received_at: The same of the newest report.

    Raises:
        RideDurationError: Another run has begun since, or the store cannot be written.
    """
    from sqlalchemy import case

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    moved = table.update().where(table.c.model == model, table.c.run == run)
    newer: dict[str, Any] = {
        name: case((table.c[name] > time, table.c[name]), else_=time)
        for name, time in (("asked_at", asked_at), ("received_at", received_at))
        if time is not None
    }
    with describe_failures(engine), engine.begin() as connection:
        exclude_others(connection)
        if not connection.execute(moved.values(**to._asdict(), computed_at=at, **newer)).rowcount:
            raise _overtaken()


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
