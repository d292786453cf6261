"""Some answers of a day, drawn from the log without reading all of them: they can be scored again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.queries.ground_truth import raw_answer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection, Engine

#: Of so many answers about rides that begin at a drawn time, or next, one is taken: a ride's answers by champion and
#: shadow have the same time, and each of them must be able to be drawn.
_NEIGHBOURS = 8


class SampledAnswers(NamedTuple):
    """Answers, each of shape (n,); NaN where not known.

    Attributes:
        wall_clock: Of the pick-up, datetime64[s], New York's clocks.
        pickup_zone: TLC location id.
        dropoff_zone: TLC location id.
        trip_distance: Miles, as the client gave them with the request.
        duration: Minutes, as they were answered, before any live level.
        version: Number of the registered version that answered.
    """

    wall_clock: NDArray[np.datetime64]
    pickup_zone: NDArray[np.float64]
    dropoff_zone: NDArray[np.float64]
    trip_distance: NDArray[np.float64]
    duration: NDArray[np.float64]
    version: NDArray[np.int64]


def sample_answers(engine: Engine, model: str, day: str, number: int) -> SampledAnswers:
    """Draw answers about rides that began on a day: the same ones each time, as long as no others come in.

    Times between the day's first and last pick-up are drawn, and for each an answer about a ride that begins then or
    next, so that an index finds it in a log of any length.

    Args:
        engine: Of `database.open_reading_engine`.
        model: Name of the registered model.
        day: New York day of the pick-ups, for instance 2021-02-01.
        number: How many, at most: one that is drawn twice counts once.
    """
    import numpy as np

    with engine.connect() as connection:
        rows = _draw_rows(connection, model, day, number)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(SampledAnswers._fields)
    types = ("datetime64[s]", "float64", "float64", "float64", "float64", "int64")
    return SampledAnswers._make(np.array(column, dtype=kind) for column, kind in zip(columns, types, strict=True))


def _draw_rows(connection: Connection, model: str, day: str, number: int) -> list[tuple[Any, ...]]:
    from datetime import datetime, timedelta

    import numpy as np
    from sqlalchemy import bindparam, select

    from ride_duration.store.tables import predictions

    column = predictions.c
    begin = datetime.fromisoformat(day)
    answered = (
        select(
            column.arrival, column.pickup_datetime, column.pickup_zone, column.dropoff_zone, column.trip_distance,
            raw_answer()[0], column.model_version,
        )
        .where(
            column.model == model,
            column.pickup_datetime >= bindparam("since", begin, column.pickup_datetime.type),
            column.pickup_datetime < begin + timedelta(days=1),
        )
    )  # fmt: skip
    in_order = answered.order_by(column.pickup_datetime, column.arrival)
    first = connection.execute(in_order.limit(1)).first()
    last = connection.execute(answered.order_by(column.pickup_datetime.desc()).limit(1)).first()
    if first is None or last is None:
        return []
    rng = np.random.default_rng(int(begin.toordinal()))
    span = (last.pickup_datetime - first.pickup_datetime).total_seconds()
    found: dict[Any, tuple[Any, ...]] = {}
    for seconds in np.sort(rng.uniform(0.0, span, number)).tolist():
        since = first.pickup_datetime + timedelta(seconds=int(seconds))
        next_ones = connection.execute(in_order.limit(_NEIGHBOURS), {"since": since}).all()
        if not next_ones:  # removed meanwhile
            continue
        arrival, *values = next_ones[int(rng.integers(len(next_ones)))]
        found[arrival] = tuple(values)
    return list(found.values())
