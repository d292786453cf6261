"""What one version answered, and what came of it, as columns: for comparisons of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.queries.ground_truth import actual_minutes, is_newest_answer, join_actuals, raw_answer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Connection, Engine, Select, Subquery


class PredictionFilter(NamedTuple):
    """Which predictions: one version's as champion, as challenger or in the shadow, within a time.

    Attributes:
        model: Name of the registered model.
        model_version: Number of the registered version.
        variant: champion, challenger or shadow.
        since: Asked for at this time or later (seconds since 1970-01-01 UTC).
        until: Asked for before this time; None: until now.
        shown: Whether answers are compared as clients got them, by each version's live level; else before it.
    """

    model: str
    model_version: int
    variant: str
    since: float
    until: float | None = None
    shown: bool = False


class Outcomes(NamedTuple):
    """Answers that count (the model's newest about each ride until then), each of shape (n,).

    Attributes:
        ride_id: The ride.
        asked_at: Seconds since 1970-01-01 UTC.
        day: New York day of the pick-up, for instance 2021-02-01.
        duration: Minutes.
        lower: Minutes.
        upper: Minutes.
        actual: Minutes; NaN where none is reported, or it is out of range.
        out_of_range: Whether the reported duration is out of range.
    """

    ride_id: NDArray[np.str_]
    asked_at: NDArray[np.float64]
    day: NDArray[np.str_]
    duration: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    actual: NDArray[np.float64]
    out_of_range: NDArray[np.bool_]


class DayErrors(NamedTuple):
    """Errors of the rides of one day: the database sums up what may be millions.

    Attributes:
        day: New York day of the pick-ups, for instance 2021-02-01.
        rides: How many have ended, with a duration within the range.
        squared: Sum of squared errors (min²).
        absolute: Sum of absolute errors (min).
    """

    day: str
    rides: int
    squared: float
    absolute: float


def count_predictions(engine: Engine, answers: PredictionFilter) -> int:
    """Count all predictions of the filter."""
    from sqlalchemy import func, select

    from ride_duration.store.tables import predictions

    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(predictions).where(*_wanted(answers))) or 0


def count_out_of_range_actuals(engine: Engine, answers: PredictionFilter, valid_range: tuple[float, float]) -> int:
    """Count predictions whose actual duration is known, but out of range; arguments as of `sum_daily_errors`."""
    from sqlalchemy import func, select

    actual = actual_minutes()
    off = select(func.count()).select_from(join_actuals())
    off = off.where(
        *_wanted(answers), is_newest_answer(answers.until), actual.is_not(None), ~actual.between(*valid_range)
    )
    with engine.connect() as connection:
        return connection.scalar(off) or 0


def find_latency(engine: Engine, answers: PredictionFilter, share: float) -> float | None:
    """Return the milliseconds that this share of the predictions took at least; None if there are none."""
    from sqlalchemy import select

    from ride_duration.store.tables import predictions

    time = predictions.c.milliseconds
    skipped = int(share * count_predictions(engine, answers))
    question = select(time).where(*_wanted(answers)).order_by(time.desc()).offset(skipped).limit(1)
    with engine.connect() as connection:
        return connection.scalar(question)


def sum_daily_errors(engine: Engine, answers: PredictionFilter, valid_range: tuple[float, float]) -> list[DayErrors]:
    """Sum the errors of predictions that count and whose actual duration is known and within the range, by day.

    Args:
        engine: Of `database.open_reading_engine`.
        answers: Whose.
        valid_range: Shortest and longest ride in minutes that counts.
    """
    from sqlalchemy import func, select

    off = _errors(engine, answers, valid_range).subquery()
    rows = select(off.c.day, func.count(), *_sums(off)).group_by(off.c.day).order_by(off.c.day)
    with engine.connect() as connection:
        return [DayErrors(str(day), rides, *sums) for day, rides, *sums in _rows(connection, rows)]


def sum_paired_errors(
    engine: Engine, first: PredictionFilter, second: PredictionFilter, valid_range: tuple[float, float]
) -> list[tuple[DayErrors, DayErrors]]:
    """Sum the errors of both on the rides that both have predicted; otherwise as `sum_daily_errors`."""
    from sqlalchemy import func, select

    one, other = (_errors(engine, answers, valid_range).subquery() for answers in (first, second))
    rows = (
        select(one.c.day, func.count(), *_sums(one), *_sums(other))
        .select_from(one.join(other, one.c.ride_id == other.c.ride_id))
        .group_by(one.c.day)
        .order_by(one.c.day)
    )
    with engine.connect() as connection:
        return [
            (DayErrors(str(day), rides, *sums[:2]), DayErrors(str(day), rides, *sums[2:]))
            for day, rides, *sums in _rows(connection, rows)
        ]


def load_outcomes(engine: Engine, answers: PredictionFilter, valid_range: tuple[float, float]) -> Outcomes:
    """Load predictions with their actual durations, in the order of the requests.

    Args:
        engine: Of `database.open_reading_engine`.
        answers: Whose.
        valid_range: Shortest and longest ride in minutes that counts: the range that models are trained on.
    """
    import numpy as np
    from sqlalchemy import select

    from ride_duration.store.tables import predictions

    column = predictions.c
    question = (
        select(column.ride_id, column.asked_at, _day(), *_select_minutes(engine, answers), actual_minutes())
        .select_from(join_actuals())
        .where(*_wanted(answers), is_newest_answer(answers.until))
        .order_by(column.asked_at, column.arrival)
    )
    with engine.connect() as connection:
        rows: list[Any] = list(connection.execute(question))
    ride_id, asked, days, *numbers = zip(*rows, strict=True) if rows else ((),) * 7
    duration, lower, upper, actual = (np.array(values, dtype=np.float64) for values in numbers)
    out_of_range = (actual < valid_range[0]) | (actual > valid_range[1])
    actual = np.where(out_of_range, np.nan, actual)
    rides, day = (np.array([*map(str, values)], dtype=np.str_) for values in (ride_id, days))
    return Outcomes(rides, np.array(asked, dtype=np.float64), day, duration, lower, upper, actual, out_of_range)


def _select_minutes(engine: Engine, answers: PredictionFilter) -> list[ColumnElement[float]]:
    """Return duration and bounds, as they are compared; a store that a former service keeps has no others."""
    from sqlalchemy import inspect

    from ride_duration.store.tables import predictions

    names = {column["name"] for column in inspect(engine).get_columns(predictions.name)}
    if answers.shown or "duration_raw" not in names:
        return [predictions.c.duration, predictions.c.lower, predictions.c.upper]
    return raw_answer()


def _errors(engine: Engine, answers: PredictionFilter, valid_range: tuple[float, float]) -> Select[Any]:
    from sqlalchemy import select

    from ride_duration.store.tables import predictions

    column, actual = predictions.c, actual_minutes()
    duration = _select_minutes(engine, answers)[0]
    off = select(column.ride_id, _day().label("day"), (duration - actual).label("error"))
    return off.select_from(join_actuals()).where(
        *_wanted(answers), is_newest_answer(answers.until), actual.between(*valid_range)
    )


def _rows(connection: Connection, question: Select[Any]) -> list[Any]:
    return list(connection.execute(question))


def _sums(off: Subquery) -> tuple[ColumnElement[float], ColumnElement[float]]:
    """Of squared and of absolute errors."""
    from sqlalchemy import func

    return func.sum(off.c.error * off.c.error), func.sum(func.abs(off.c.error))


def _day() -> ColumnElement[Any]:
    """The New York day of the pick-up: text in SQLite, a date in PostgreSQL."""
    from sqlalchemy import func

    from ride_duration.store.tables import predictions

    return func.date(predictions.c.pickup_datetime)


def _wanted(answers: PredictionFilter) -> list[ColumnElement[bool]]:
    from ride_duration.store.tables import predictions

    column = predictions.c
    wanted: list[ColumnElement[bool]] = [
        column.asked_at >= answers.since,
        column.model == answers.model,
        column.model_version == answers.model_version,
        column.variant == str(answers.variant),
    ]
    return wanted if answers.until is None else [*wanted, column.asked_at < answers.until]
