"""Predictions joined with what really happened, as far as it is known.

Nothing that was reported is thrown away: of the reports about one ride, the newest holds (by the time of receipt, then
by arrival), and the others stay beside it. Of several answers of a model about one ride, the newest is the one that
counts; answers of a shadow, which nobody saw, are a line of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.records import Prediction

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Engine, Join


class Joined(NamedTuple):
    """A prediction and its truth.

    Attributes:
        prediction: What was answered.
        actual: Minutes that the ride took; None if nobody has said. A report that names the drop-off is measured from
            the prediction's pick-up: between the instants if both are known, else on the wall clock, as the TLC's
            records are.
        received_at: When the report that holds came in (seconds since 1970-01-01 UTC); None if there is none.
        counts: Is it its model's newest answer about the ride? (The newest of the shadow, if it is the shadow's.)
    """

    prediction: Prediction
    actual: float | None
    received_at: float | None
    counts: bool


def joined(engine: Engine, since: float | None = None, until: float | None = None) -> list[Joined]:
    """Predictions with their truth, in the order in which they were asked for.

    Args:
        engine: Of `database.engine_for_reading`.
        since: Asked at this time or later (seconds since 1970-01-01 UTC).
        until: Asked before this time.
    """
    from sqlalchemy import select

    from ride_duration.store.tables import actuals, predictions

    columns = [column for column in predictions.c if column.name != "arrival"]
    question = (
        select(*columns, actual_minutes(), actuals.c.received_at, counting())
        .select_from(with_truth())
        .order_by(predictions.c.asked_at, predictions.c.arrival)
    )
    if since is not None:
        question = question.where(predictions.c.asked_at >= since)
    if until is not None:
        question = question.where(predictions.c.asked_at < until)
    with engine.connect() as connection:
        rows: list[Any] = list(connection.execute(question))
    return [Joined(Prediction(*row[: len(columns)]), *row[len(columns) :]) for row in rows]


def last_received(engine: Engine) -> float | None:
    """When the newest report came in (seconds since 1970-01-01 UTC); None if none has."""
    from sqlalchemy import func, select

    from ride_duration.store.tables import actuals

    with engine.connect() as connection:
        newest: float | None = connection.scalar(select(func.max(actuals.c.received_at)))
    return newest


def with_truth() -> Join:
    """Predictions, each with the report about its ride that holds, if there is one."""
    from sqlalchemy import select

    from ride_duration.store.tables import actuals, predictions

    other = actuals.alias("other")
    newest = (
        select(other.c.arrival)
        .where(other.c.ride_id == predictions.c.ride_id)
        .order_by(other.c.received_at.desc(), other.c.arrival.desc())
        .limit(1)
        .scalar_subquery()
    )
    return predictions.outerjoin(actuals, actuals.c.arrival == newest)


def actual_minutes() -> ColumnElement[float]:
    """Minutes that the ride took, as the report that holds says; NULL if there is none."""
    from sqlalchemy import Double, case, cast, extract, func

    from ride_duration.store.tables import actuals, predictions

    between = actuals.c.dropoff_at - predictions.c.pickup_at  # NULL if either is
    by_clock = extract("epoch", actuals.c.dropoff_datetime) - extract("epoch", predictions.c.pickup_datetime)
    driven = func.coalesce(between, cast(by_clock, Double))
    return case((actuals.c.duration.is_not(None), actuals.c.duration), else_=driven / 60.0)


def counting(until: float | None = None) -> ColumnElement[bool]:
    """Is a prediction its model's newest answer about the ride, or the newest of the model's shadow?

    Args:
        until: Answers asked for at this time or later do not count (seconds since 1970-01-01 UTC).
    """
    from sqlalchemy import select

    from ride_duration.store.tables import predictions

    other = predictions.alias("later")
    same_model = other.c.model == predictions.c.model
    same_line = (other.c.variant == "shadow") == (predictions.c.variant == "shadow")
    earlier = () if until is None else (other.c.asked_at < until,)
    newest = (
        select(other.c.arrival)
        .where(other.c.ride_id == predictions.c.ride_id, same_model, same_line, *earlier)
        .order_by(other.c.asked_at.desc(), other.c.arrival.desc())
        .limit(1)
        .scalar_subquery()
    )
    return predictions.c.arrival == newest
