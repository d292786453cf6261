"""The rides of a model that became known between two places of the log: the live level learns from each of them once.

Places are arrivals in the database, and not times: what an instance that was away brings late became known late. So
the same rides are found again whenever the same two places are named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.monitoring import Watermark, describe_failures
from ride_duration.store.queries.ground_truth import actual_minutes, raw_answer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Engine, Select


class KnownRides(NamedTuple):
    """Rides whose actual duration is known, each of shape (n,).

    Attributes:
        wall_clock: Of the pick-up, New York wall clock.
        pickup_zone: TLC location id, NaN if not known.
        dropoff_zone: TLC location id, NaN if not known.
        trip_distance: Miles, as the client gave them with the request, NaN if not given.
        predicted: Minutes that the version answered, before any live level; NaN if it did not answer the ride.
        actual: Minutes.
        received_at: When the report came in (seconds since 1970-01-01 UTC).
    """

    wall_clock: NDArray[np.datetime64]
    pickup_zone: NDArray[np.float64]
    dropoff_zone: NDArray[np.float64]
    trip_distance: NDArray[np.float64]
    predicted: NDArray[np.float64]
    actual: NDArray[np.float64]
    received_at: NDArray[np.float64]


def iterate_known_rides(
    engine: Engine,
    model: str,
    version: int,
    between: tuple[Watermark, Watermark],
    valid_range: tuple[float, float],
    since: float | None = None,
    rows: int = 20_000,
) -> Iterator[KnownRides]:
    """Yield the rides that have an answer and a report at the second place, and had not both at the first one.

    Of several reports about a ride the last one that had arrived counts; a later correction does not count again. Of
    several answers that of the version does, the newest, and else the newest of the model, for its features alone.

    Args:
        engine: Of `database.open_reading_engine`.
        model: Name of the registered model.
        version: Number of the registered version.
        between: The two places; the second one is of `find_reached`.
        valid_range: Shortest and longest ride in minutes that counts.
        since: Only reports that came in then or later (seconds since 1970-01-01 UTC); None: all.
        rows: Of one batch.

    Raises:
        RideDurationError: The store cannot be read.
    """
    import numpy as np

    question = _select_rides(model, version, *between, valid_range, since)
    with describe_failures(engine), engine.connect() as connection:
        found = connection.execution_options(yield_per=rows).execute(question)
        for batch in found.partitions():
            wall_clock, *numbers = zip(*batch, strict=True)
            clocks = np.array(wall_clock, dtype="datetime64[s]")
            yield KnownRides(clocks, *(np.array(values, dtype=np.float64) for values in numbers))


def _select_rides(
    model: str,
    version: int,
    seen: Watermark,
    reached: Watermark,
    valid_range: tuple[float, float],
    since: float | None,
) -> Select[Any]:
    from sqlalchemy import and_, case, exists, func, not_, select

    from ride_duration.store.tables import actuals, predictions

    column, minutes = predictions.c, actual_minutes()
    own = predictions.alias("own")
    chosen = (
        select(own.c.arrival)
        .where(own.c.ride_id == column.ride_id, own.c.model == model, own.c.arrival <= reached.predictions)
        .order_by(case((own.c.model_version == version, 0), else_=1), own.c.asked_at.desc(), own.c.arrival.desc())
        .limit(1)
        .correlate(predictions)
        .scalar_subquery()
    )
    report = actuals.alias("report")
    newest = (
        select(func.max(report.c.arrival))
        .where(report.c.ride_id == column.ride_id, report.c.arrival <= reached.actuals)
        .correlate(predictions)
        .scalar_subquery()
    )
    wanted: list[ColumnElement[bool]] = [
        column.model == model,
        column.ride_id.in_(_select_candidates(model, seen, reached, since)),
        column.arrival == chosen,
        minutes.between(*valid_range),
    ]
    if seen != Watermark():
        before, answered = actuals.alias("before"), predictions.alias("answered")
        was_reported = exists().where(before.c.ride_id == column.ride_id, before.c.arrival <= seen.actuals)
        was_answered = exists().where(
            answered.c.ride_id == column.ride_id, answered.c.model == model, answered.c.arrival <= seen.predictions
        )
        wanted.append(not_(and_(was_reported, was_answered)))
    if since is not None:
        wanted.append(actuals.c.received_at >= since)
    return (
        select(
            column.pickup_datetime,
            column.pickup_zone,
            column.dropoff_zone,
            column.trip_distance,
            case((column.model_version == version, raw_answer()[0]), else_=None),
            minutes,
            actuals.c.received_at,
        )
        .select_from(predictions.join(actuals, actuals.c.arrival == newest))
        .where(*wanted)
    )


def _select_candidates(model: str, seen: Watermark, reached: Watermark, since: float | None) -> Any:
    """Return the ids of rides about which anything has come in."""
    from sqlalchemy import exists, select, union

    from ride_duration.store.tables import actuals, predictions

    came, earlier, late = actuals.alias("came"), actuals.alias("earlier"), predictions.alias("late")
    reported = select(came.c.ride_id).where(came.c.arrival > seen.actuals, came.c.arrival <= reached.actuals)
    if since is not None:
        reported = reported.where(came.c.received_at >= since)
    if seen == Watermark():
        return reported
    answered = select(late.c.ride_id).where(
        late.c.model == model,
        late.c.arrival > seen.predictions,
        late.c.arrival <= reached.predictions,
        exists().where(earlier.c.ride_id == late.c.ride_id, earlier.c.arrival <= seen.actuals),
    )
    return union(reported, answered)
