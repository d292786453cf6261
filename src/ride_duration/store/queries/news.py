"""What has come in since the monitoring last looked: the New York days of the rides that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.monitoring import Watermark, describe_failures

if TYPE_CHECKING:
    from sqlalchemy import Engine


class News(NamedTuple):
    """What has to be computed again.

    Attributes:
        days: New York days of pick-ups, in their order.
        seen: Up to where the log was computed before.
        reached: The newest records that are there now.
    """

    days: tuple[str, ...]
    seen: Watermark
    reached: Watermark


def find_news(engine: Engine, model: str, seen: Watermark) -> News:
    """Find the days of rides about which anything has arrived.

    Whatever the clocks of the services and the order of their journals: records count by their arrival in the database.
    A new answer or report concerns every answer about its ride, whatever day that was for.

    Args:
        engine: Of `database.engine_for_reading`.
        model: Name of the registered model.
        seen: The watermark of the rows. One that lies beyond the log, as after a restored backup, counts as none.

    Raises:
        RideDurationError: The store cannot be read.
    """
    from sqlalchemy import func, select, union

    from ride_duration.store.tables import actuals, predictions

    with describe_failures(engine):
        reached = _find_reached(engine)
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
    return News(tuple(sorted(str(row[0]) for row in rows)), seen, reached)


def _find_reached(engine: Engine) -> Watermark:
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
