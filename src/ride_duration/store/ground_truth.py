"""Predictions joined with what really happened, as far as it is known.

Nothing that was reported is thrown away: of the reports about one ride, the newest holds (by the time of receipt, then
by arrival), and `revisions` shows the others. Of several answers about one ride, the newest is the one that counts;
answers of a shadow, which nobody saw, are a line of their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.records import Actual

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Engine, RowMapping


class Joined(NamedTuple):
    """A prediction and its truth.

    Attributes:
        prediction_id, …, milliseconds: As in `records.Prediction`.
        actual: Minutes that the ride took; None if nobody has said. A report that names the drop-off is measured from
            the prediction's pick-up, on the wall clock, as the TLC's records are.
        received_at: When the report that holds came in (seconds since 1970-01-01 UTC); None if there is none.
        counts: Is it the newest answer about its ride? (The newest of the shadow, if it is the shadow's.)
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
    variant: str | None = None,
    model_version: int | None = None,
) -> list[Joined]:
    """Predictions with their truth, in the order in which they were asked for.

    Args:
        engine: Of `database.engine_for_reading`.
        since: Asked at this time or later (seconds since 1970-01-01 UTC).
        until: Asked before this time.
        variant: Answers of champion, challenger or shadow alone.
        model_version: Answers of this version alone.
    """
    from sqlalchemy import select

    from ride_duration.store.tables import actuals, predictions

    later, other = predictions.alias("later"), actuals.alias("other")
    same_line = (later.c.variant == "shadow") == (predictions.c.variant == "shadow")
    newest_answer = (
        select(later.c.arrival)
        .where(later.c.ride_id == predictions.c.ride_id, same_line)
        .order_by(later.c.asked_at.desc(), later.c.arrival.desc())
        .limit(1)
        .scalar_subquery()
    )
    newest_report = (
        select(other.c.arrival)
        .where(other.c.ride_id == predictions.c.ride_id)
        .order_by(other.c.received_at.desc(), other.c.arrival.desc())
        .limit(1)
        .scalar_subquery()
    )
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(predictions.c.asked_at >= since)
    if until is not None:
        wanted.append(predictions.c.asked_at < until)
    if variant is not None:
        wanted.append(predictions.c.variant == variant)
    if model_version is not None:
        wanted.append(predictions.c.model_version == model_version)
    question = (
        select(
            *[column for column in predictions.c if column.name != "arrival"],
            actuals.c.duration.label("reported"),
            actuals.c.dropoff_datetime,
            actuals.c.received_at,
            (newest_answer == predictions.c.arrival).label("counts"),
        )
        .select_from(predictions.outerjoin(actuals, actuals.c.arrival == newest_report))
        .where(*wanted)
        .order_by(predictions.c.asked_at, predictions.c.arrival)
    )
    with engine.connect() as connection:
        return [_joined(row) for row in connection.execute(question).mappings()]


def accuracy(
    engine: Engine,
    variant: str,
    model_version: int,
    since: float,
    believed: tuple[float, float],
) -> Accuracy:
    """How one version has done as one variant.

    Args:
        engine: Of `database.engine_for_reading`.
        variant: champion, challenger or shadow.
        model_version: Number of the registered version.
        since: Answers asked for at this time or later (seconds since 1970-01-01 UTC).
        believed: Shortest and longest ride in minutes whose report is believed; the model learnt from such alone.
    """
    import numpy as np

    rows = [row for row in joined(engine, since, variant=variant, model_version=model_version) if row.counts]
    known = [row for row in rows if row.actual is not None and believed[0] <= row.actual <= believed[1]]
    known.sort(key=lambda row: row.received_at or 0.0)
    return Accuracy(len(rows), np.array([row.duration - (row.actual or 0.0) for row in known], dtype=np.float64))


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


def _joined(row: RowMapping) -> Joined:
    fields: dict[str, Any] = dict(row)
    reported, dropoff = fields.pop("reported"), fields.pop("dropoff_datetime")
    actual = reported if dropoff is None else (dropoff - fields["pickup_datetime"]).total_seconds() / 60.0
    return Joined(**fields | {"actual": actual, "counts": bool(fields["counts"])})
