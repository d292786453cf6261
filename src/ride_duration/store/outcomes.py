"""What one version answered, and what came of it, as columns: for comparisons of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.ground_truth import actual_minutes, counting, with_truth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Engine, FromClause, Select


class Answers(NamedTuple):
    """Whose answers: one version's as champion, as challenger or in the shadow, within a time.

    Attributes:
        model: Name of the registered model.
        model_version: Number of the registered version.
        variant: champion, challenger or shadow.
        since: Asked for at this time or later (seconds since 1970-01-01 UTC).
        until: Asked for before this time; None: until now.
    """

    model: str
    model_version: int
    variant: str
    since: float
    until: float | None = None


class Outcomes(NamedTuple):
    """Answers that count (the model's newest about each ride until then), each of shape (n,).

    Attributes:
        ride_id: The ride.
        asked_at: Seconds since 1970-01-01 UTC.
        duration: Minutes.
        lower: Minutes.
        upper: Minutes.
        actual: Minutes; NaN where nobody has said, or what was said is not believed.
        disbelieved: Whether what was said is not believed.
    """

    ride_id: NDArray[np.str_]
    asked_at: NDArray[np.float64]
    duration: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    actual: NDArray[np.float64]
    disbelieved: NDArray[np.bool_]


class Losses(NamedTuple):
    """Absolute errors in minutes, or differences of them, in short: the database sums up what may be millions.

    Attributes:
        rides: How many.
        mean: Their mean; 0 if there are none.
        squares: Sum of their squared distances from the mean.
    """

    rides: int
    mean: float
    squares: float


def number_of(engine: Engine, answers: Answers) -> int:
    """How many answers there are, all counted."""
    from sqlalchemy import func, select

    from ride_duration.store.tables import predictions

    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(predictions).where(*_wanted(answers))) or 0


def number_disbelieved(engine: Engine, answers: Answers, believed: tuple[float, float]) -> int:
    """Of how many answers that count the truth is known, but not believed; arguments as of `losses`."""
    from sqlalchemy import func, select

    actual = actual_minutes()
    off = select(func.count()).select_from(with_truth())
    off = off.where(*_wanted(answers), counting(answers.until), actual.is_not(None), ~actual.between(*believed))
    with engine.connect() as connection:
        return connection.scalar(off) or 0


def slowest(engine: Engine, answers: Answers, share: float) -> float | None:
    """Milliseconds that this share of the answers took at least; None if there are none."""
    from sqlalchemy import select

    from ride_duration.store.tables import predictions

    time = predictions.c.milliseconds
    skipped = int(share * number_of(engine, answers))
    question = select(time).where(*_wanted(answers)).order_by(time.desc()).offset(skipped).limit(1)
    with engine.connect() as connection:
        return connection.scalar(question)


def losses(engine: Engine, answers: Answers, believed: tuple[float, float]) -> Losses:
    """How far answers were off, of those that count and whose truth is known and believed.

    Args:
        engine: Of `database.engine_for_reading`.
        answers: Whose.
        believed: Shortest and longest ride in minutes whose report is believed.
    """
    off = _losses(answers, believed).subquery()
    return _summed(engine, off.c.loss, off)


def loss_differences(engine: Engine, first: Answers, second: Answers, believed: tuple[float, float]) -> Losses:
    """By how much the first were farther off than the second, on rides that both have answered; else as `losses`."""
    one, other = (_losses(answers, believed).subquery() for answers in (first, second))
    return _summed(engine, one.c.loss - other.c.loss, one.join(other, one.c.ride_id == other.c.ride_id))


def outcomes(engine: Engine, answers: Answers, believed: tuple[float, float]) -> Outcomes:
    """What came of answers, in the order in which they were asked for.

    Args:
        engine: Of `database.engine_for_reading`.
        answers: Whose.
        believed: Shortest and longest ride in minutes whose report is believed; the model learnt from such alone.
    """
    import numpy as np
    from sqlalchemy import select

    from ride_duration.store.tables import predictions

    column = predictions.c
    question = (
        select(column.ride_id, column.asked_at, column.duration, column.lower, column.upper, actual_minutes())
        .select_from(with_truth())
        .where(*_wanted(answers), counting(answers.until))
        .order_by(column.asked_at, column.arrival)
    )
    with engine.connect() as connection:
        rows: list[Any] = list(connection.execute(question))
    ride_id, *numbers = zip(*rows, strict=True) if rows else ((),) * 6
    asked_at, duration, lower, upper, actual = (np.array(values, dtype=np.float64) for values in numbers)
    disbelieved = (actual < believed[0]) | (actual > believed[1])
    actual = np.where(disbelieved, np.nan, actual)
    return Outcomes(np.array(ride_id, dtype=np.str_), asked_at, duration, lower, upper, actual, disbelieved)


def _losses(answers: Answers, believed: tuple[float, float]) -> Select[Any]:
    from sqlalchemy import func, select

    from ride_duration.store.tables import predictions

    column, actual = predictions.c, actual_minutes()
    known = actual.between(*believed)
    off = select(column.ride_id, func.abs(column.duration - actual).label("loss")).select_from(with_truth())
    return off.where(*_wanted(answers), counting(answers.until), known)


def _summed(engine: Engine, loss: ColumnElement[float], rows: FromClause) -> Losses:
    from sqlalchemy import func, select

    with engine.connect() as connection:
        sums = select(func.count(), func.sum(loss), func.sum(loss * loss)).select_from(rows)
        count, total, squares = connection.execute(sums).one()
    mean = total / count if count else 0.0
    return Losses(count, mean, max(0.0, squares - count * mean**2) if count else 0.0)


def _wanted(answers: Answers) -> list[ColumnElement[bool]]:
    from ride_duration.store.tables import predictions

    column = predictions.c
    wanted: list[ColumnElement[bool]] = [
        column.asked_at >= answers.since,
        column.model == answers.model,
        column.model_version == answers.model_version,
        column.variant == answers.variant,
    ]
    return wanted if answers.until is None else [*wanted, column.asked_at < answers.until]
