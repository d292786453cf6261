"""Rows of New York days: sums, reports of actual durations, and features.

A day is replaced as a whole, in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.monitoring.opening import begin_writing, describe_failures
from ride_duration.store.monitoring.watermark import check_run, exclude_others, note_computed

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

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
            features = [_with_json(row, "counts", "quantiles", "hours") for row in day.features]
            rows += [(monitoring_labels, {}, labels), (monitoring_features, {}, features)]
        with begin_writing(engine) as connection:
            exclude_others(connection)
            if run:
                check_run(connection, model, run)
            for table, key, values in rows:
                where = [table.c[name] == value for name, value in (key | {"model": model, "day": day.day}).items()]
                if evidence is Evidence.SCORED:
                    where.append(table.c.version.in_({row["version"] for row in values}))
                connection.execute(table.delete().where(*where))
                if values:
                    connection.execute(table.insert(), [own | key | {"day": day.day} | row for row in values])
            if run:
                note_computed(connection, model, day.day)


def load_days(
    engine: Engine, model: str, evidence: Evidence, first: str = "", last: str = "9999"
) -> list[dict[str, Any]]:
    """Return the rows of `monitoring_days` from the first to the last day, in their order."""
    with describe_failures(engine), engine.connect() as connection:
        return read_days(connection, model, evidence, first, last)


def read_days(
    connection: Connection, model: str, evidence: Evidence, first: str = "", last: str = "9999"
) -> list[dict[str, Any]]:
    """Return the same within a transaction."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_days as table

    wanted = [table.c.model == model, table.c.evidence == str(evidence), table.c.day.between(first, last)]
    order = [table.c[name] for name in ("day", "version", "variant", "moment", "slice")]
    return _read(connection, select(table).where(*wanted).order_by(*order))


def load_labels(engine: Engine, model: str, first: str = "", last: str = "9999") -> list[dict[str, Any]]:
    """Return the rows of `monitoring_labels` from the first to the last day, `delays` and `hours` as lists."""
    with describe_failures(engine), engine.connect() as connection:
        return read_labels(connection, model, first, last)


def read_labels(connection: Connection, model: str, first: str = "", last: str = "9999") -> list[dict[str, Any]]:
    """Return the same within a transaction."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_labels as table

    wanted = [table.c.model == model, table.c.day.between(first, last)]
    return _read(connection, select(table).where(*wanted).order_by(table.c.day), "delays", "hours")


def read_features(connection: Connection, model: str, first: str = "", last: str = "9999") -> list[dict[str, Any]]:
    """Return the rows of `monitoring_features`, `counts`, `quantiles` and `hours` as lists, within a transaction."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_features as table

    wanted = [table.c.model == model, table.c.day.between(first, last)]
    order = (table.c.version, table.c.day, table.c.feature)
    return _read(connection, select(table).where(*wanted).order_by(*order), "counts", "quantiles", "hours")


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


def _with_json(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return row | {name: None if row.get(name) is None else json.dumps(row[name]) for name in names}


def _read(connection: Connection, question: Any, *lists: str) -> list[dict[str, Any]]:
    rows = [dict(row) for row in connection.execute(question).mappings()]
    return [row | {name: None if row[name] is None else json.loads(row[name]) for name in lists} for row in rows]
