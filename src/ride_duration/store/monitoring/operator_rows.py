"""Rows of incident days, found or marked, which the verdict leaves out, and of decisions of people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ride_duration.store.monitoring.opening import begin_writing, describe_failures

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


#: The kind of what people mark; what the monitoring finds has a kind of its own.
MARKED = "marked"

#: The kind of days on which an answer is not what its package answers: rides and durations are sound.
SKEW = "skew"

#: The kind of decisions that accept a change.
REBASE = "rebase"


class IncidentDay(msgspec.Struct, frozen=True):
    """A day on which something broke.

    Attributes:
        day: For instance 2021-03-01.
        kind: What broke, for instance level or doubled.
        source: Where, for instance a zone group; empty: everywhere.
        since: When it was found (seconds since 1970-01-01 UTC).
        by: Who or what found it.
        why: In the words of whoever has marked it.
    """

    day: str
    kind: str
    source: str
    since: float
    by: str
    why: str = ""


class DecisionRow(msgspec.Struct, frozen=True):
    """What somebody decided about the monitoring.

    Attributes:
        version: That was evaluated then.
        kind: For instance rebase.
        at: Seconds since 1970-01-01 UTC.
        by: Who decided.
        why: In their words.
        accepted: What holds from then on.
    """

    version: int
    kind: str
    at: float
    by: str
    why: str
    accepted: dict[str, Any]


def replace_incident_days(
    engine: Engine | Connection, model: str, first: str, last: str, by: str, incidents: Sequence[IncidentDay]
) -> None:
    """Mark the days of a window on which something broke, and no others; what somebody else has marked stays.

    Args:
        engine: Of `open_monitoring`, or a transaction of `begin_writing`.
        model: Name of the registered model.
        first: First day of the window.
        last: Last day of the window.
        by: Who or what looked at it. What it found before, and finds again, keeps its `since`.
        incidents: What is found now.
    """
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import incident_days as table

    key = (table.c.day, table.c.kind, table.c.source)
    own = [table.c.model == model, table.c.day.between(first, last), table.c.by == by]
    found = {(one.day, one.kind, one.source): one for one in incidents}
    with begin_writing(engine) as connection:
        mine = {tuple(row) for row in connection.execute(select(*key).where(*own))}
        every = {tuple(row) for row in connection.execute(select(*key).where(table.c.model == model))}
        for day, kind, source in mine - found.keys():
            over = [table.c.day == day, table.c.kind == kind, table.c.source == source]
            connection.execute(table.delete().where(*own, *over))
        rows = [{"model": model, **msgspec.structs.asdict(one)} for name, one in found.items() if name not in every]
        if rows:
            connection.execute(table.insert(), rows)


def load_incident_days(engine: Engine, model: str, first: str = "", last: str = "9999") -> list[IncidentDay]:
    """Return the marked days from the first to the last, in their order; tables of former programs are read, too."""
    from sqlalchemy import inspect, select

    from ride_duration.store.monitoring_tables import incident_days as table

    with describe_failures(engine):
        present = {column["name"] for column in inspect(engine).get_columns(table.name)}
    columns = [table.c[name] for name in IncidentDay.__struct_fields__ if name in present]
    wanted = [table.c.model == model, table.c.day.between(first, last)]
    question = select(*columns).where(*wanted).order_by(*columns[:3])
    with describe_failures(engine), engine.connect() as connection:
        return [IncidentDay(**row) for row in connection.execute(question).mappings()]


def mark_days(
    engine: Engine | Connection, model: str, first: str, last: str, marks: Sequence[IncidentDay]
) -> list[IncidentDay]:
    """Replace what people have marked from the first to the last day; what the monitoring has found stays.

    Args:
        engine: Of `open_monitoring`, or a transaction of `begin_writing`.
        model: Name of the registered model.
        first: First day.
        last: Last day.
        marks: What holds from now on, all of the kind `MARKED`; none: the days count again.

    Returns:
        The marks that held before.
    """
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import incident_days as table

    own = (table.c.model == model, table.c.kind == MARKED, table.c.day.between(first, last))
    columns = [table.c[name] for name in IncidentDay.__struct_fields__]
    rows = [{"model": model, **msgspec.structs.asdict(mark)} for mark in marks]
    with begin_writing(engine) as connection:
        known = connection.execute(select(*columns).where(*own).order_by(table.c.day)).mappings()
        before = [IncidentDay(**row) for row in known]
        connection.execute(table.delete().where(*own))
        if rows:
            connection.execute(table.insert(), rows)
    return before


def load_marks(engine: Engine, model: str, first: str = "", last: str = "9999") -> list[IncidentDay]:
    """Return the days from the first to the last that people have marked, in their order."""
    return [one for one in load_incident_days(engine, model, first, last) if one.kind == MARKED]


def add_decision(engine: Engine | Connection, model: str, decision: DecisionRow) -> None:
    """Keep a decision."""
    from ride_duration.store.monitoring_tables import monitoring_decisions as table

    values = msgspec.structs.asdict(decision) | {"accepted": json.dumps(decision.accepted)}
    with begin_writing(engine) as connection:
        connection.execute(table.insert().values(model=model, **values))


def load_decisions(engine: Engine, model: str, kind: str | None = None) -> list[DecisionRow]:
    """Return the decisions about a model, the newest first.

    Args:
        engine: Of `open_monitoring` or `read_monitoring`.
        model: Name of the registered model.
        kind: Only of this kind.
    """
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_decisions as table

    columns = [table.c[name] for name in DecisionRow.__struct_fields__]
    wanted = [table.c.model == model, *([] if kind is None else [table.c.kind == kind])]
    question = select(*columns).where(*wanted).order_by(table.c.at.desc(), table.c.number.desc())
    with describe_failures(engine), engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(question).mappings()]
    return [DecisionRow(**row | {"accepted": json.loads(row["accepted"])}) for row in rows]
