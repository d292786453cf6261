"""What has come in since the monitoring last looked: the New York days of the rides that it is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.monitoring import Progress, Watermark, describe_failures

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class News(NamedTuple):
    """What has to be computed again.

    Attributes:
        days: New York days of pick-ups, in their order.
        seen: Up to where the log was computed before.
        reached: The newest records that are there now.
        asked_at: When the newest of the model's predictions since then was made (seconds since 1970-01-01 UTC); None if
            there are none.
        received_at: When the newest of the reports since then about its rides came in.
    """

    days: tuple[str, ...]
    seen: Watermark
    reached: Watermark
    asked_at: float | None = None
    received_at: float | None = None


def find_news(engine: Engine, model: str, progress: Progress) -> News:
    """Find the days of rides about which anything has arrived, and those that are pending.

    Whatever the clocks of the services and the order of their journals: records count by their arrival in the database.
    A new answer or report concerns every answer about its ride, whatever day that was for.

    Args:
        engine: Of `database.open_reading_engine`.
        model: Name of the registered model.
        progress: Of the rows. A watermark that lies beyond the log, as after a restored backup, counts as none; times
            that are not known are found from the beginning.

    Raises:
        RideDurationError: The store cannot be read.
    """
    from sqlalchemy import func, select, union

    from ride_duration.store.tables import actuals, predictions

    with describe_failures(engine):
        reached = find_reached(engine)
        seen = progress.watermark
        began = seen if seen.predictions <= reached.predictions and seen.actuals <= reached.actuals else Watermark()
        day = func.date(predictions.c.pickup_datetime).label("day")
        days = select(day).where(predictions.c.model == model)
        if began.predictions:
            newer, report = predictions.alias("newer"), actuals.alias("report")
            answered = select(newer.c.ride_id).where(newer.c.model == model, newer.c.arrival > began.predictions)
            reported = select(report.c.ride_id).where(report.c.arrival > began.actuals)
            found: Any = union(
                days.where(predictions.c.ride_id.in_(answered)), days.where(predictions.c.ride_id.in_(reported))
            )
        else:
            found = days.distinct()
        with engine.connect() as connection:
            fresh = {str(row[0]) for row in connection.execute(found)}
            fresh |= _find_pending(connection, model, progress.pending)
            since = Watermark() if progress.asked_at is None else began
            times = _find_times(connection, model, since, reached)
    return News(tuple(sorted(fresh)), seen, reached, *times)


def _find_pending(connection: Connection, model: str, pending: tuple[str, ...]) -> set[str]:
    """Return which of the pending days have answers in the log still: rows of days that were pruned stay."""
    from sqlalchemy import func, select

    from ride_duration.store.tables import predictions

    if not pending:
        return set()
    when = predictions.c.pickup_datetime
    end = datetime.fromisoformat(max(pending)) + timedelta(days=1)
    within = (predictions.c.model == model, when >= datetime.fromisoformat(min(pending)), when < end)
    logged: Any = connection.scalars(select(func.date(when)).where(*within).distinct())
    return {str(day) for day in logged} & set(pending)


def _find_times(
    connection: Connection, model: str, began: Watermark, reached: Watermark
) -> tuple[float | None, float | None]:
    """Return when the newest predictions of a model, and reports about its rides, between two watermarks came.

    The clock decides, and not the arrival: the journal of an instance that was away brings old records late.
    """
    from sqlalchemy import func, select

    from ride_duration.store.tables import actuals, predictions

    own = predictions.c.model == model
    new = own & predictions.c.arrival.between(began.predictions + 1, reached.predictions)
    asked_at = connection.scalar(select(func.max(predictions.c.asked_at)).where(new))
    reports = select(func.max(actuals.c.received_at)).where(actuals.c.arrival <= reached.actuals)
    answered = select(predictions.c.ride_id)
    found = (
        connection.scalar(reports.where(actuals.c.arrival > began.actuals, actuals.c.ride_id.in_(answered.where(own)))),
        connection.scalar(reports.where(actuals.c.ride_id.in_(answered.where(new)))),
    )
    return asked_at, max((at for at in found if at is not None), default=None)


def find_reached(engine: Engine) -> Watermark:
    """Return the newest arrivals, below which nothing is still on its way.

    PostgreSQL numbers rows before it shows them: the lock waits, for milliseconds, until whoever is writing has ended.
    """
    from sqlalchemy import func, select, text

    from ride_duration.store.tables import actuals, predictions

    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE predictions, actuals IN SHARE MODE"))
        newest = (connection.scalar(select(func.max(table.c.arrival))) or 0 for table in (predictions, actuals))
        return Watermark(*newest)
