"""What the prediction log holds, counted, and removed where it was simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ride_duration.clock import ClockKind
from ride_duration.store.clock_mark import check_mark
from ride_duration.store.variant import Variant

if TYPE_CHECKING:
    from sqlalchemy import Engine


class LogCounts(NamedTuple):
    """Rides that were answered, reports of actual durations, and rides that were reported."""

    answers: int
    reports: int
    reported_rides: int


def has_answers(engine: Engine, model: str) -> bool:
    """Return whether anything was asked of a model."""
    from sqlalchemy import exists, select

    from ride_duration.store.tables import predictions

    with engine.connect() as connection:
        return bool(connection.scalar(select(exists().where(predictions.c.model == model))))


def count_log(engine: Engine) -> LogCounts:
    """Count the log; what a shadow scored was not returned to anybody, and is left out."""
    from sqlalchemy import distinct, func, select

    from ride_duration.store.tables import actuals, predictions

    answers = select(func.count()).select_from(predictions).where(predictions.c.variant != Variant.SHADOW.value)
    reports = select(func.count(), func.count(distinct(actuals.c.ride_id)))
    with engine.connect() as connection:
        return LogCounts(connection.scalar(answers) or 0, *connection.execute(reports).one())


def find_rides_since(engine: Engine, at: float) -> tuple[set[str], set[str]]:
    """Return the ids of the rides that were asked about, and of those that were reported, at a time or later."""
    from sqlalchemy import select

    from ride_duration.store.tables import actuals, predictions

    asked = select(predictions.c.ride_id).where(predictions.c.asked_at >= at)
    reported = select(actuals.c.ride_id).where(actuals.c.received_at >= at)
    with engine.connect() as connection:
        return set(connection.scalars(asked)), set(connection.scalars(reported))


def clear_simulated(engine: Engine) -> None:
    """Remove every row of a store that a simulation wrote, in one transaction.

    Args:
        engine: Of `database.open_writing_engine`, on the newest tables.

    Raises:
        ConfigurationError: Its times are the machine's; nothing is removed.
    """
    from ride_duration.store.schema import load_metadata
    from ride_duration.store.tables import store_properties

    with engine.begin() as connection:
        check_mark(connection, ClockKind.SIMULATED)
        for table in load_metadata().sorted_tables:
            if table is not store_properties:
                connection.execute(table.delete())
