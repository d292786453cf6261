"""Rows of New York days: sums, reports of actual durations, features; and up to where the log is computed.

A day is replaced as a whole, in one transaction. The watermark moves once all days with news up to it are replaced. A
run that begins while another one computes takes over: the other one, which has seen less, writes nothing more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.errors import RideDurationError
from ride_duration.store.monitoring.opening import begin_writing, describe_failures

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

#: Any number: it tells those who write days from other users of PostgreSQL's advisory locks.
_WRITING_DAYS = 7_239_416_605

#: Delays from the drop-off to its first report, in seconds: a minute, then about a sixth more each, up to 64 days.
DELAY_EDGES: tuple[float, ...] = tuple(60.0 * 2 ** (step / 4) for step in range(67))


class Evidence(StrEnum):
    """Where rows come from."""

    LOG = "log"
    SCORED = "scored"


class DayState(StrEnum):
    """How much is known of a day.

    OPEN: fewer actual durations than usual are reported yet. LABELLED: at least 90 % of the usual share. FINAL: nearly
    all that will be reported has been; what comes later is still counted. INCOMPLETE: as much time has passed, and
    fewer than usual are reported.
    """

    OPEN = "open"
    LABELLED = "labelled"
    FINAL = "final"
    INCOMPLETE = "incomplete"


class Watermark(NamedTuple):
    """The newest records that the rows are computed from.

    Attributes:
        predictions: Arrival of a prediction.
        actuals: Arrival of a report.
    """

    predictions: int = 0
    actuals: int = 0


class DayEvidence(NamedTuple):
    """All that is known of one day.

    Attributes:
        day: For instance 2021-02-01.
        sums: Rows of `monitoring_days`: version, variant, moment, slice and the sums; None for what is unknown.
        labels: The row of `monitoring_labels`, with `delays` and `hours` as lists; None for scored months.
        features: Rows of `monitoring_features`: version, feature, and `counts` and `quantiles` as lists.
    """

    day: str
    sums: Sequence[dict[str, Any]]
    labels: dict[str, Any] | None = None
    features: Sequence[dict[str, Any]] = ()


def replace_days(
    engine: Engine | Connection,
    model: str,
    evidence: Evidence,
    days: Iterable[DayEvidence],
    at: float,
    run: str = "",
) -> None:
    """Replace all rows of days, each in one transaction; of scored months, those of the same versions.

    Args:
        engine: Of `open_monitoring`, or a transaction of `begin_writing` that all of them belong to.
        model: Name of the registered model.
        evidence: Where they come from.
        days: What holds from now on; a day is computed only when its turn has come.
        at: Now (seconds since 1970-01-01 UTC).
        run: That began by `claim_log`, where the days are of the log.

    Raises:
        RideDurationError: The store cannot be written, or another run has begun since; the days before are replaced,
            the others as they were.
    """
    from ride_duration.store.monitoring_tables import monitoring_days, monitoring_features, monitoring_labels

    own = {"model": model, "computed_at": at}
    for day in days:
        rows: list[tuple[Table, dict[str, Any], list[dict[str, Any]]]] = [
            (monitoring_days, {"evidence": str(evidence)}, list(day.sums))
        ]
        if evidence is Evidence.LOG:
            labels = [] if day.labels is None else [_with_json(day.labels, "delays", "hours")]
            features = [_with_json(row, "counts", "quantiles") for row in day.features]
            rows += [(monitoring_labels, {}, labels), (monitoring_features, {}, features)]
        with begin_writing(engine) as connection:
            _exclude_others(connection)
            if run and _find_run(connection, model) != run:
                raise _overtaken()
            for table, key, values in rows:
                where = [table.c[name] == value for name, value in (key | {"model": model, "day": day.day}).items()]
                if evidence is Evidence.SCORED:
                    where.append(table.c.version.in_({row["version"] for row in values}))
                connection.execute(table.delete().where(*where))
                if values:
                    connection.execute(table.insert(), [own | key | {"day": day.day} | row for row in values])


def load_days(
    engine: Engine, model: str, evidence: Evidence, first: str = "", last: str = "9999"
) -> list[dict[str, Any]]:
    """Return the rows of `monitoring_days` from the first to the last day, in their order."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_days as table

    wanted = [table.c.model == model, table.c.evidence == str(evidence), table.c.day.between(first, last)]
    order = [table.c[name] for name in ("day", "version", "variant", "moment", "slice")]
    return _load(engine, select(table).where(*wanted).order_by(*order))


def load_labels(engine: Engine, model: str, first: str = "", last: str = "9999") -> list[dict[str, Any]]:
    """Return the rows of `monitoring_labels` from the first to the last day, `delays` and `hours` as lists."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_labels as table

    wanted = [table.c.model == model, table.c.day.between(first, last)]
    rows = _load(engine, select(table).where(*wanted).order_by(table.c.day))
    return [row | {name: json.loads(row[name]) for name in ("delays", "hours")} for row in rows]


def load_features(
    engine: Engine, model: str, version: int, first: str = "", last: str = "9999"
) -> list[dict[str, Any]]:
    """Return the rows of `monitoring_features` of a version, `counts` and `quantiles` as lists."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_features as table

    wanted = [table.c.model == model, table.c.version == version, table.c.day.between(first, last)]
    rows = _load(engine, select(table).where(*wanted).order_by(table.c.day, table.c.feature))
    return [row | {name: json.loads(row[name]) for name in ("counts", "quantiles")} for row in rows]


def set_states(engine: Engine, model: str, states: dict[str, DayState]) -> None:
    """Note how much is known of days of the log."""
    from sqlalchemy import bindparam

    from ride_duration.store.monitoring_tables import monitoring_labels as table

    if not states:
        return
    change = table.update().where(table.c.model == model, table.c.day == bindparam("of_day"))
    rows = [{"of_day": day, "state": str(state)} for day, state in states.items()]
    with describe_failures(engine), engine.begin() as connection:
        connection.execute(change, rows)


def load_watermark(engine: Engine, model: str) -> Watermark:
    """Return up to where the log is computed."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    question = select(table.c.predictions, table.c.actuals).where(table.c.model == model)
    with describe_failures(engine), engine.connect() as connection:
        row = connection.execute(question).mappings().first()
    return Watermark() if row is None else Watermark(**row)


def load_times(engine: Engine, model: str) -> tuple[float | None, float | None]:
    """Return when the newest prediction, and report, of a model up to the watermark came (seconds since 1970, UTC)."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    question = select(table.c.asked_at, table.c.received_at).where(table.c.model == model)
    with describe_failures(engine), engine.connect() as connection:
        row = connection.execute(question).first()
    return (None, None) if row is None else (row[0], row[1])


def claim_log(engine: Engine, model: str, run: str, seen: Watermark) -> None:
    """Let a run compute the log, and no other one that began before.

    Args:
        engine: Of `open_monitoring`.
        model: Name of the registered model.
        run: Its own id.
        seen: The watermark that its news are since.

    Raises:
        RideDurationError: Another run has moved the watermark since, or the store cannot be written.
    """
    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    with describe_failures(engine), engine.begin() as connection:
        _exclude_others(connection)
        row = connection.execute(table.select().where(table.c.model == model)).mappings().first()
        if row is None:
            connection.execute(table.insert().values(model=model, **seen._asdict(), computed_at=0.0, run=run))
        elif Watermark(row["predictions"], row["actuals"]) != seen:
            raise _overtaken()
        else:
            connection.execute(table.update().where(table.c.model == model).values(run=run))


def move_watermark(
    engine: Engine,
    model: str,
    run: str,
    to: Watermark,
    at: float,
    asked_at: float | None = None,
    received_at: float | None = None,
) -> None:
    """Note how far the rows reach, once all days with news are replaced.

    Args:
        engine: Of `open_monitoring`.
        model: Name of the registered model.
        run: That began by `claim_log`.
        to: The newest records that were there when the news were looked for.
        at: Now (seconds since 1970-01-01 UTC).
        asked_at: When the newest prediction of the model among them was made; older than what is known: that stays.
        received_at: The same of the newest report.

    Raises:
        RideDurationError: Another run has begun since, or the store cannot be written.
    """
    from sqlalchemy import case

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    moved = table.update().where(table.c.model == model, table.c.run == run)
    newer: dict[str, Any] = {
        name: case((table.c[name] > time, table.c[name]), else_=time)
        for name, time in (("asked_at", asked_at), ("received_at", received_at))
        if time is not None
    }
    with describe_failures(engine), engine.begin() as connection:
        _exclude_others(connection)
        if not connection.execute(moved.values(**to._asdict(), computed_at=at, **newer)).rowcount:
            raise _overtaken()


def _find_run(connection: Connection, model: str) -> str | None:
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    return connection.scalar(select(table.c.run).where(table.c.model == model))


def _overtaken() -> RideDurationError:
    return RideDurationError(
        "another run of the monitoring has begun to compute the log meanwhile, and goes on; run this one again when it "
        "has ended"
    )


def _exclude_others(connection: Connection) -> None:
    """Let one transaction after the other write days; SQLite does so by itself."""
    from sqlalchemy import text

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITING_DAYS})


def _with_json(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return row | {name: json.dumps(row[name]) for name in names}


def _load(engine: Engine, question: Any) -> list[dict[str, Any]]:
    with describe_failures(engine), engine.connect() as connection:
        return [dict(row) for row in connection.execute(question).mappings()]
