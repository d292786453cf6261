"""Rows of verdicts and of the scores behind them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from ride_duration.store.monitoring.day_rows import Evidence
from ride_duration.store.monitoring.opening import begin_writing, describe_failures

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_JSON = ("reasons", "figures", "details")
_FLAGS = ("simulated", "official")


class Finding(StrEnum):
    """What a verdict says."""

    OK = "ok"
    WATCH = "watch"
    RETRAIN = "retrain"
    INCIDENT = "incident"
    INSUFFICIENT = "insufficient"


class Cause(StrEnum):
    """Why.

    LEVEL: all rides take longer, or shorter, by the same factor. STRUCTURE: errors stay larger than expected once the
    level is right. MIX: other rides are asked for. DATA: records are missing what they had. SEASON: a year before, the
    level was off by as much.
    """

    NONE = "none"
    LEVEL = "level"
    STRUCTURE = "structure"
    MIX = "mix"
    DATA = "data"
    SEASON = "season"


class VerdictRow(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict, as it was decided then.

    Attributes:
        model: Name of the registered model.
        evidence: Of what: answers that the service logged, or scored months.
        window: As it was asked for, for instance last_28d or 2021-03.
        first: First day, for instance 2021-03-01.
        last: Last day.
        computed_at: Seconds since 1970-01-01 UTC on the store's clock.
        version: That was evaluated.
        variant: That was evaluated; champion for scored months.
        moment: at_request_time or with_distance.
        verdict: ok, watch, retrain, incident or insufficient.
        cause: level, structure, mix, data, season or none.
        gain: Share of the RMSE that retraining is expected to save.
        reasons: Sentences, the weightiest first.
        figures: Of the window, each as [value, lower, upper bound], None where unknown.
        next: What to do.
        simulated: Whether the rides are simulated.
        watermark: Arrival of the newest prediction that was read; None for scored months.
        last_actual: When the newest report came in (seconds since 1970-01-01 UTC); None for scored months.
        details: The whole verdict, as in verdict.json.
        number: Of the row; 0 before it is kept.
        official: Whether the page, metrics and alerts follow it; not so for what was looked at besides.
        watermark_at: When the newest prediction that was read was made (seconds since 1970-01-01 UTC).
    """

    model: str
    evidence: Evidence
    window: str
    first: str
    last: str
    computed_at: float
    version: int
    variant: str
    moment: str
    verdict: str
    cause: str
    gain: float
    reasons: list[str]
    figures: dict[str, list[float | None]]
    next: str
    simulated: bool
    watermark: int | None = None
    last_actual: float | None = None
    details: dict[str, Any] = {}
    number: int = 0
    official: bool = True
    watermark_at: float | None = None


def add_verdict(engine: Engine | Connection, verdict: VerdictRow) -> int:
    """Keep a verdict, and return its number.

    Args:
        engine: Of `open_monitoring`, or a transaction of `begin_writing`.
        verdict: To keep.

    Raises:
        RideDurationError: The store cannot be written.
    """
    from ride_duration.store.monitoring_tables import monitoring_verdicts as table

    values = msgspec.structs.asdict(verdict)
    del values["number"]
    values |= {name: json.dumps(values[name]) for name in _JSON}
    values |= {"evidence": str(verdict.evidence)}
    values |= {name: int(getattr(verdict, name)) for name in _FLAGS}
    with begin_writing(engine) as connection:
        key = connection.execute(table.insert().values(values)).inserted_primary_key
    return int(key[0]) if key else 0


def load_newest_verdict(
    engine: Engine, model: str, evidence: Evidence | None = None, *, only_official: bool = False
) -> VerdictRow | None:
    """Return the newest verdict about a model; None if there is none.

    Args:
        engine: Of `open_monitoring` or `read_monitoring`.
        model: Name of the registered model.
        evidence: Only of this kind.
        only_official: Leave out what was looked at besides.
    """
    found = load_verdicts(engine, model, 1, evidence, only_official=only_official)
    return found[0] if found else None


def load_verdicts(
    engine: Engine, model: str, limit: int = 50, evidence: Evidence | None = None, *, only_official: bool = False
) -> list[VerdictRow]:
    """Return the last verdicts about a model, the newest first."""
    from sqlalchemy import inspect, select

    from ride_duration.store.monitoring_tables import monitoring_verdicts as table

    with describe_failures(engine):  # a store of a former program lacks the last columns as long as nobody writes
        there = {column["name"] for column in inspect(engine).get_columns(table.name)}
    columns = [column for column in table.columns if column.name in there]
    wanted = [table.c.model == model, *([] if evidence is None else [table.c.evidence == str(evidence)])]
    wanted += [table.c.official == 1] if only_official and "official" in there else []
    question = select(*columns).where(*wanted).order_by(table.c.computed_at.desc(), table.c.number.desc()).limit(limit)
    with describe_failures(engine), engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(question).mappings()]
    return [_verdict(row) for row in rows]


def find_newest_day(engine: Engine, model: str, evidence: Evidence, before: str) -> str:
    """Return the last day that any official verdict about a model is about; empty if there is none.

    Args:
        engine: Of `open_monitoring` or `read_monitoring`.
        model: Name of the registered model.
        evidence: Of this kind; days of scored months say nothing of the log.
        before: Today: former programs wrote verdicts about days to come.
    """
    from sqlalchemy import func, select

    from ride_duration.store.monitoring_tables import monitoring_verdicts as table

    wanted = [table.c.model == model, table.c.evidence == str(evidence), table.c.official == 1, table.c.last < before]
    with describe_failures(engine), engine.connect() as connection:
        return str(connection.scalar(select(func.max(table.c.last)).where(*wanted)) or "")


def replace_scores(
    engine: Engine | Connection, model: str, evidence: Evidence, scores: Sequence[dict[str, Any]], at: float
) -> None:
    """Keep scores; one that was computed before, of the same window, is replaced.

    Args:
        engine: Of `open_monitoring`, or a transaction of `begin_writing`.
        model: Name of the registered model.
        evidence: What they are computed from.
        scores: version, first, last, slice, feature, statistic, value; p_value and adjusted, or None.
        at: Now (seconds since 1970-01-01 UTC).
    """
    from ride_duration.store.monitoring_tables import monitoring_scores as table

    own = {"model": model, "evidence": str(evidence), "computed_at": at}
    windows = {(score["version"], score["first"], score["last"]) for score in scores}
    with begin_writing(engine) as connection:
        for version, first, last in windows:
            same = [table.c.version == version, table.c.first == first, table.c.last == last]
            mine = [table.c.model == model, table.c.evidence == str(evidence)]
            connection.execute(table.delete().where(*mine, *same))
        if scores:
            connection.execute(table.insert(), [own | score for score in scores])


def load_scores(engine: Engine, model: str, first: str = "", last: str = "9999") -> list[dict[str, Any]]:
    """Return the scores of windows that ended between these days, the newest windows first."""
    from sqlalchemy import select

    from ride_duration.store.monitoring_tables import monitoring_scores as table

    wanted = [table.c.model == model, table.c.last.between(first, last)]
    order = [table.c.last.desc(), table.c.first.desc(), table.c.feature, table.c.statistic]
    with describe_failures(engine), engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table).where(*wanted).order_by(*order)).mappings()]


def _verdict(row: dict[str, Any]) -> VerdictRow:
    values = row | {name: json.loads(row[name]) for name in _JSON}
    values |= {"evidence": Evidence(row["evidence"])} | {name: bool(row[name]) for name in _FLAGS if name in row}
    return VerdictRow(**values)
