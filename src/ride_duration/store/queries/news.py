"""What has come in since the monitoring last looked: the New York days of the rides that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.monitoring import Watermark, describe_failures

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


def find_news(engine: Engine, model: str, seen: Watermark, *, times_known: bool = True) -> News:
    """Find the days of rides about which anything has arrived.

    Whatever the clocks of the services and the order of their journals: records count by their arrival in the database.
    A new answer or report concerns every answer about its ride, whatever day that was for.

    Args:
        engine: Of `database.open_reading_engine`.
        model: Name of the registered model.
        seen: The watermark of the rows. One that lies beyond the log, as after a restored backup, counts as none.
        times_known: Whether the times of what was seen are kept; else they are found from the beginning.

    Raises:
        RideDurationError: The store cannot be read.
    """
    from sqlalchemy import func, select, union

    from ride_duration.store.tables import actuals, predictions

    with describe_failures(engine):
        reached = find_reached(engine)
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
            rows = list(connection.execute(found))
            times = _find_times(connection, model, began if times_known else Watermark(), reached)
    return News(tuple(sorted(str(row[0]) for row in rows)), seen, reached, *times)


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
