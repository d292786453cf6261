"""Predictions joined with what really happened, as far as it is known.

Nothing that was reported is thrown away: of the reports about one ride, the newest holds, and the others stay beside
it. Of several answers of a model about one ride, the newest is the one that counts; predictions of a shadow, which
were not returned to clients, are a line of their own.

Which one is the newest: of those from one journal (`source`), the one that arrived last, whatever the clock of the
service said meanwhile, since a journal is kept in order. Of several journals, of which one may arrive late, the one
that has the latest time decides; where times are equal, the one whose record arrived later. Of records whose journal is
not known (empty), each counts as a journal of its own: earlier programs did not say which ones are from the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.log_records import PredictionRecord
from ride_duration.store.variant import Variant
from ride_duration.trips.clock import HOUR, WallClock, find_clock_changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Column, ColumnElement, Engine, FromClause, Join, Table


class Joined(NamedTuple):
    """A prediction and its truth.

    Attributes:
        prediction: What was answered.
        actual: Minutes that the ride took; None if not reported. A report that names the drop-off is measured from
            the prediction's pick-up: between the instants if both are known, else on the wall clock, as the TLC's
            records are: by the same rule for the changes of the clocks.
        received_at: When the report that holds came in (seconds since 1970-01-01 UTC); None if there is none.
        counts: Is it its model's newest answer about the ride? (The newest of the shadow, if it is the shadow's.)
    """

    prediction: PredictionRecord
    actual: float | None
    received_at: float | None
    counts: bool


def load_joined(engine: Engine, since: float | None = None, until: float | None = None) -> list[Joined]:
    """Predictions with their truth, in the order in which they were asked for.

    Args:
        engine: Of `database.open_reading_engine`.
        since: Asked at this time or later (seconds since 1970-01-01 UTC).
        until: Asked before this time.
    """
    from sqlalchemy import select

    from ride_duration.store.tables import actuals, predictions

    columns = [column for column in predictions.c if column.name not in ("arrival", "source")]
    question = (
        select(*columns, actual_minutes(), actuals.c.received_at, is_newest_answer())
        .select_from(join_actuals())
        .order_by(predictions.c.asked_at, predictions.c.arrival)
    )
    if since is not None:
        question = question.where(predictions.c.asked_at >= since)
    if until is not None:
        question = question.where(predictions.c.asked_at < until)
    with engine.connect() as connection:
        rows: list[Any] = list(connection.execute(question))
    return [Joined(PredictionRecord(*row[: len(columns)]), *row[len(columns) :]) for row in rows]


def find_last_actual(engine: Engine) -> float | None:
    """When the newest report came in (seconds since 1970-01-01 UTC); None if none has."""
    from sqlalchemy import func, select

    from ride_duration.store.tables import actuals

    with engine.connect() as connection:
        newest: float | None = connection.scalar(select(func.max(actuals.c.received_at)))
    return newest


def join_actuals() -> Join:
    """Predictions, each with the report about its ride that holds, if there is one."""
    from ride_duration.store.tables import actuals, predictions

    return predictions.outerjoin(actuals, actuals.c.arrival == find_newest_report())


def find_newest_report() -> ColumnElement[int]:
    """Return the arrival of the report about a prediction's ride that holds; NULL if there is none."""
    from ride_duration.store.tables import actuals

    return _newest(actuals, actuals.c.received_at, _same_ride)


def actual_minutes() -> ColumnElement[float]:
    """Minutes that the ride took, as the report that holds says; NULL if there is none."""
    from sqlalchemy import Double, Integer, case, cast, extract, func

    from ride_duration.store.tables import actuals, predictions

    pickup, dropoff = predictions.c.pickup_datetime, actuals.c.dropoff_datetime
    between = actuals.c.dropoff_at - predictions.c.pickup_at  # NULL if either is
    by_clock = extract("epoch", dropoff) - extract("epoch", pickup)
    began, ended = (
        WallClock(*(cast(extract(part, time), Integer) for part in WallClock._fields)) for time in (pickup, dropoff)
    )
    shorter, longer = find_clock_changes(began, ended, by_clock < 0)
    by_clock += case((shorter, -HOUR), (longer, HOUR), else_=0)
    driven = func.coalesce(between, cast(by_clock, Double))
    return case((actuals.c.duration.is_not(None), actuals.c.duration), else_=driven / 60.0)


def raw_answer() -> list[ColumnElement[float]]:
    """Return the duration and the bounds that the model answered, before any live level (minutes)."""
    from sqlalchemy import func

    from ride_duration.store.tables import predictions

    names = ("duration", "lower", "upper")
    return [func.coalesce(predictions.c[f"{name}_raw"], predictions.c[name]) for name in names]


def is_newest_answer(until: float | None = None) -> ColumnElement[bool]:
    """Is a prediction its model's newest answer about the ride, or the newest of the model's shadow?

    Args:
        until: Answers asked for at this time or later do not count (seconds since 1970-01-01 UTC).
    """
    from ride_duration.store.tables import predictions

    def same_line(answer: FromClause) -> list[ColumnElement[bool]]:
        both_shadow = (answer.c.variant == Variant.SHADOW.value) == (predictions.c.variant == Variant.SHADOW.value)
        same = [*_same_ride(answer), answer.c.model == predictions.c.model, both_shadow]
        return same if until is None else [*same, answer.c.asked_at < until]

    return predictions.c.arrival == _newest(predictions, predictions.c.asked_at, same_line)


def _same_ride(record: FromClause) -> list[ColumnElement[bool]]:
    from ride_duration.store.tables import predictions

    return [record.c.ride_id == predictions.c.ride_id]


def _newest(
    table: Table, time: Column[float], comparable: Callable[[FromClause], list[ColumnElement[bool]]]
) -> ColumnElement[int]:
    """Return the arrival of the newest of the records that are comparable with a prediction.

    Both questions are answered by an index: a ride that was reported a thousand times costs no more than another.
    """
    from sqlalchemy import func, select

    from ride_duration.store.tables import predictions

    latest, record = table.alias("latest"), table.alias("record")
    by_time = (
        select(latest.c.arrival)
        .where(*comparable(latest))
        .order_by(latest.c[time.name].desc(), latest.c.arrival.desc())
        .limit(1)
        .correlate(predictions)
    )
    journal = by_time.with_only_columns(latest.c.source)
    of_its_journal = (
        select(record.c.arrival)
        .where(*comparable(record), record.c.source == func.nullif(journal.scalar_subquery(), ""))
        .order_by(record.c.arrival.desc())
        .limit(1)
        .correlate(predictions)
    )
    return func.coalesce(of_its_journal.scalar_subquery(), by_time.scalar_subquery())
