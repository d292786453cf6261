"""The rides of a day as numbers: what was answered, what is reported, and when; for sums over millions of them.

PostgreSQL sends them in the binary form of COPY: every column is a double, so that NumPy reads rows as they come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.queries.ground_truth import actual_minutes, find_newest_report, is_newest_answer, raw_answer
from ride_duration.store.variant import Variant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Connection, Engine, Select

#: What stands for each variant among numbers.
VARIANTS = tuple(Variant)

#: The header of COPY's binary form; each row is the number of its fields, and for each its length and its bytes.
_HEADER_BYTES = 19

#: A day is a small part of a long log: PostgreSQL's planner takes reading all of it for cheaper than it is.
_BY_INDEX = (
    "SET LOCAL random_page_cost = 0.5; SET LOCAL max_parallel_workers_per_gather = 0; "
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"
)
_READ_BYTES = 8_000_000


class LoggedRides(NamedTuple):
    """Answers that count, each of shape (n,), float64, NaN where not known.

    Attributes:
        wall_clock: Of the pick-up: seconds since 1970-01-01 as New York's clocks count them.
        pickup_at: The same instant in seconds since 1970-01-01 UTC.
        pickup_zone: TLC location id.
        dropoff_zone: TLC location id.
        trip_distance: Miles, as the client gave them with the request.
        predicted: Minutes, before any live level.
        lower: Minutes, before any live level.
        upper: Minutes, before any live level.
        version: Number of the registered version.
        variant: Position in `VARIANTS`.
        actual: Minutes, as the report says that holds.
        metered: Miles, as the report says that holds.
        reported_at: When the first report came in (seconds since 1970-01-01 UTC).
        reports: How many there are.
        values: How many different durations they name.
    """

    wall_clock: NDArray[np.float64]
    pickup_at: NDArray[np.float64]
    pickup_zone: NDArray[np.float64]
    dropoff_zone: NDArray[np.float64]
    trip_distance: NDArray[np.float64]
    predicted: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    version: NDArray[np.float64]
    variant: NDArray[np.float64]
    actual: NDArray[np.float64]
    metered: NDArray[np.float64]
    reported_at: NDArray[np.float64]
    reports: NDArray[np.float64]
    values: NDArray[np.float64]


def iterate_rides(engine: Engine, model: str, day: str, rows: int) -> Iterator[LoggedRides]:
    """Yield the answers about rides that began on a day, so many at a time; all are of one moment of the log.

    Args:
        engine: Of `database.open_reading_engine`.
        model: Name of the registered model.
        day: New York day of the pick-ups, for instance 2021-02-01.
        rows: Of one batch; the last may be shorter.
    """
    import numpy as np

    question = _select_rides(model, day)
    width = len(LoggedRides._fields)
    with engine.connect() as connection:
        read = _copy if connection.dialect.name == "postgresql" else _fetch
        held: list[NDArray[np.float64]] = []
        for block in read(connection, question, rows):
            held.append(block)
            while sum(map(len, held)) >= rows:
                table = np.concatenate(held)
                yield LoggedRides._make(np.ascontiguousarray(column) for column in table[:rows].T)
                held = [table[rows:]]
        table = np.concatenate([np.empty((0, width)), *held])
        if len(table):
            yield LoggedRides._make(np.ascontiguousarray(column) for column in table.T)


def find_champions(engine: Engine, model: str, day: str) -> list[int]:
    """Find the versions that answered rides of a day as the champion, in their order.

    Args:
        engine: Of `database.open_reading_engine`.
        model: Name of the registered model.
        day: New York day of the pick-ups.
    """
    from sqlalchemy import select

    from ride_duration.store.tables import predictions

    asked = (
        select(predictions.c.model_version)
        .distinct()
        .where(*_is_of_day(model, day), predictions.c.variant == Variant.CHAMPION.value)
    )
    with engine.connect() as connection:
        return sorted(connection.scalars(asked))


def find_newest_champion(engine: Engine, model: str) -> int | None:
    """Find the version that answered the newest ride as the champion; None where none did.

    Args:
        engine: Of `database.open_reading_engine`.
        model: Name of the registered model.
    """
    from sqlalchemy import select

    from ride_duration.store.tables import predictions

    champions = (predictions.c.model == model, predictions.c.variant == Variant.CHAMPION.value)
    newest = predictions.c.pickup_datetime.desc()
    asked = select(predictions.c.model_version).where(*champions).order_by(newest).limit(1)
    with engine.connect() as connection:
        return connection.scalar(asked)


def _is_of_day(model: str, day: str) -> list[ColumnElement[bool]]:
    from datetime import datetime, timedelta

    from ride_duration.store.tables import predictions

    begin, pickup = datetime.fromisoformat(day), predictions.c.pickup_datetime
    return [predictions.c.model == model, pickup >= begin, pickup < begin + timedelta(days=1)]


def _select_rides(model: str, day: str) -> Select[Any]:
    from sqlalchemy import Double, and_, case, cast, distinct, extract, func, null, or_, select

    from ride_duration.store.tables import actuals, predictions

    column = predictions.c
    on_day = _is_of_day(model, day)
    asked = select(column.ride_id).where(*on_day)

    # Nearly all rides have one answer and one report: only for the others the newest has to be searched for.
    other = predictions.alias("other")
    shadow = other.c.variant == Variant.SHADOW.value
    answers = (
        select(other.c.ride_id, shadow.label("shadow"), func.count().label("number"))
        .where(other.c.model == model, other.c.ride_id.in_(asked))
        .group_by(other.c.ride_id, shadow)
        .having(func.count() > 1)
        .subquery("answers")
    )
    report = actuals.alias("report")
    value = func.coalesce(report.c.duration, -cast(extract("epoch", report.c.dropoff_datetime), Double))
    reports = (
        select(
            report.c.ride_id,
            func.count().label("number"),
            func.count(distinct(value)).label("values"),
            func.min(report.c.received_at).label("first"),
            func.max(report.c.arrival).label("newest"),
        )
        .where(report.c.ride_id.in_(asked))
        .group_by(report.c.ride_id)
        .subquery("reports")
    )
    holds = case((reports.c.number > 1, find_newest_report()), else_=reports.c.newest)
    joined = (
        predictions.outerjoin(reports, reports.c.ride_id == column.ride_id)
        .outerjoin(actuals, actuals.c.arrival == holds)
        .outerjoin(
            answers,
            and_(
                answers.c.ride_id == column.ride_id,
                answers.c.shadow == (column.variant == Variant.SHADOW.value),
            ),
        )
    )
    numbers: list[ColumnElement[Any]] = [
        extract("epoch", column.pickup_datetime), column.pickup_at, column.pickup_zone, column.dropoff_zone,
        column.trip_distance, *raw_answer(), column.model_version,
        case(*((column.variant == str(variant), number) for number, variant in enumerate(VARIANTS)), else_=null()),
        actual_minutes(), actuals.c.trip_distance, reports.c.first, func.coalesce(reports.c.number, 0),
        func.coalesce(reports.c["values"], 0),
    ]  # fmt: skip
    named = zip(LoggedRides._fields, numbers, strict=True)
    return (
        select(*(cast(number, Double).label(name) for name, number in named))
        .select_from(joined)
        .where(*on_day, or_(answers.c.number.is_(None), is_newest_answer()))
    )


def _fetch(connection: Connection, question: Select[Any], rows: int) -> Iterator[NDArray[np.float64]]:
    import numpy as np

    found = connection.execution_options(stream_results=True).execute(question)
    while block := found.fetchmany(rows):
        yield np.array([tuple(row) for row in block], dtype=np.float64)


def _copy(connection: Connection, question: Select[Any], rows: int) -> Iterator[NDArray[np.float64]]:  # noqa: ARG001
    import numpy as np
    from sqlalchemy import Double, func, literal, select

    table = question.subquery()
    known = select(*(func.coalesce(column, literal("NaN").cast(Double)) for column in table.c))
    sql = str(known.compile(connection.engine, compile_kwargs={"literal_binds": True})).replace("%%", "%")
    fields = len(table.c)
    row = np.dtype([("fields", ">i2"), ("values", [("length", ">i4"), ("value", ">f8")], (fields,))])
    rest = bytearray()
    skipped = 0
    for block in _receive(connection, f"COPY ({sql}) TO STDOUT (FORMAT binary)"):
        rest += block
        if not skipped and len(rest) >= _HEADER_BYTES:
            del rest[:_HEADER_BYTES]
            skipped = _HEADER_BYTES
        if skipped and len(rest) >= _READ_BYTES:
            whole = len(rest) // row.itemsize * row.itemsize
            yield _decode(bytes(rest[:whole]), row)
            del rest[:whole]
    yield _decode(bytes(rest[: len(rest) // row.itemsize * row.itemsize]), row)


def _receive(connection: Connection, sql: str) -> Iterator[bytes]:
    """Yield what COPY sends; the driver's errors become SQLAlchemy's, as those of other questions."""
    from sqlalchemy.exc import OperationalError

    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            cursor.execute(_BY_INDEX)
            with cursor.copy(sql) as copy:
                yield from copy
    except connection.dialect.loaded_dbapi.Error as error:
        raise OperationalError("COPY", None, error) from error


def _decode(data: bytes, row: np.dtype[Any]) -> NDArray[np.float64]:
    import numpy as np

    return np.frombuffer(data, row)["values"]["value"].astype(np.float64)
