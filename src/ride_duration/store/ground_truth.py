"""Predictions joined with what really happened, as far as it is known.

Nothing that was reported is thrown away: of the reports about one ride, the newest holds (by the time of receipt, then
by arrival), and `revisions` shows the others. Of several answers of a model about one ride, the newest is the one that
counts; answers of a shadow, which nobody saw, are a line of their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.records import Actual

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Engine, Join, RowMapping


class Joined(NamedTuple):
    """A prediction and its truth.

    Attributes:
        prediction_id, …, model: As in `records.Prediction`.
        actual: Minutes that the ride took; None if nobody has said. A report that names the drop-off is measured from
            the prediction's pick-up, on the wall clock, as the TLC's records are.
        received_at: When the report that holds came in (seconds since 1970-01-01 UTC); None if there is none.
        counts: Is it its model's newest answer about the ride? (The newest of the shadow, if it is the shadow's.)
    """

    prediction_id: str
    ride_id: str
    asked_at: float
    pickup_datetime: datetime
    pickup_zone: int | None
    dropoff_zone: int | None
    trip_distance: float | None
    duration: float
    lower: float
    upper: float
    model_version: int
    variant: str
    milliseconds: float
    model: str
    actual: float | None
    received_at: float | None
    counts: bool


class Accuracy(NamedTuple):
    """How far one version's answers were from the truth.

    Attributes:
        predictions: Number of its answers that count.
        errors: Predicted minus actual minutes of those whose truth is known, in the order in which it became known;
            float64 of shape (n,).
    """

    predictions: int
    errors: NDArray[np.float64]


def joined(
    engine: Engine,
    since: float | None = None,
    until: float | None = None,
    *,
    model: str | None = None,
    variant: str | None = None,
    model_version: int | None = None,
) -> list[Joined]:
    """Predictions with their truth, in the order in which they were asked for.

    Args:
        engine: Of `database.engine_for_reading`.
        since: Asked at this time or later (seconds since 1970-01-01 UTC).
        until: Asked before this time.
        model: Answers of the registered model of this name alone.
        variant: Answers of champion, challenger or shadow alone.
        model_version: Answers of this version alone.
    """
    from sqlalchemy import select

    from ride_duration.store.tables import actuals, predictions

    question = (
        select(
            *[column for column in predictions.c if column.name != "arrival"],
            actuals.c.duration.label("reported"),
            actuals.c.dropoff_datetime,
            actuals.c.received_at,
            counting().label("counts"),
        )
        .select_from(with_truth())
        .where(*_wanted(since, until, model, variant, model_version))
        .order_by(predictions.c.asked_at, predictions.c.arrival)
    )
    with engine.connect() as connection:
        return [_joined(row) for row in connection.execute(question).mappings()]


def accuracy(
    engine: Engine,
    model: str,
    variant: str,
    model_version: int,
    since: float,
    believed: tuple[float, float],
) -> Accuracy:
    """How one version has done as one variant.

    Args:
        engine: Of `database.engine_for_reading`.
        model: Name of the registered model.
        variant: champion, challenger or shadow.
        model_version: Number of the registered version.
        since: Answers asked for at this time or later (seconds since 1970-01-01 UTC).
        believed: Shortest and longest ride in minutes whose report is believed; the model learnt from such alone.
    """
    import numpy as np
    from sqlalchemy import func, select

    from ride_duration.store.tables import actuals, predictions

    wanted = [*_wanted(since, None, model, variant, model_version), counting()]
    number = select(func.count()).select_from(predictions).where(*wanted)
    truths = (
        select(predictions.c.duration, predictions.c.pickup_datetime, actuals.c.duration, actuals.c.dropoff_datetime)
        .select_from(with_truth())
        .where(*wanted, actuals.c.arrival.is_not(None))
        .order_by(actuals.c.received_at, actuals.c.arrival)
    )
    with engine.connect() as connection:
        predicted = connection.scalar(number) or 0
        rows: list[Any] = list(connection.execute(truths))
    pairs = [(duration, _minutes(pickup, reported, dropoff)) for duration, pickup, reported, dropoff in rows]
    errors = [duration - actual for duration, actual in pairs if believed[0] <= actual <= believed[1]]
    return Accuracy(predicted, np.array(errors, dtype=np.float64))


def revisions(engine: Engine, ride_id: str) -> list[Actual]:
    """Everything that was reported about a ride, the report that holds last."""
    from sqlalchemy import select

    from ride_duration.store.tables import actuals

    question = (
        select(*[column for column in actuals.c if column.name != "arrival"])
        .where(actuals.c.ride_id == ride_id)
        .order_by(actuals.c.received_at, actuals.c.arrival)
    )
    with engine.connect() as connection:
        return [Actual(**row) for row in connection.execute(question).mappings()]


def unknown_rides(engine: Engine, since: float | None = None) -> list[str]:
    """Rides that reports were received about, but that nobody asked about; sorted.

    Args:
        engine: Of `database.engine_for_reading`.
        since: Reported at this time or later (seconds since 1970-01-01 UTC).
    """
    from sqlalchemy import exists, select

    from ride_duration.store.tables import actuals, predictions

    question = (
        select(actuals.c.ride_id)
        .distinct()
        .where(~exists().where(predictions.c.ride_id == actuals.c.ride_id))
        .order_by(actuals.c.ride_id)
    )
    if since is not None:
        question = question.where(actuals.c.received_at >= since)
    with engine.connect() as connection:
        return sorted(connection.scalars(question))


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


def _wanted(
    since: float | None, until: float | None, model: str | None, variant: str | None, model_version: int | None
) -> list[ColumnElement[bool]]:
    from ride_duration.store.tables import predictions

    column = predictions.c
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(column.asked_at >= since)
    if until is not None:
        wanted.append(column.asked_at < until)
    if model is not None:
        wanted.append(column.model == model)
    if variant is not None:
        wanted.append(column.variant == variant)
    if model_version is not None:
        wanted.append(column.model_version == model_version)
    return wanted


def _minutes(pickup: datetime, reported: float | None, dropoff: datetime | None) -> float:
    """One of the two is given."""
    return (dropoff - pickup).total_seconds() / 60.0 if dropoff else reported or 0.0


def _joined(row: RowMapping) -> Joined:
    fields: dict[str, Any] = dict(row)
    reported, dropoff = fields.pop("reported"), fields.pop("dropoff_datetime")
    known = fields["received_at"] is not None
    actual = _minutes(fields["pickup_datetime"], reported, dropoff) if known else None
    return Joined(**fields, actual=actual)
