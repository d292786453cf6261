"""Decisions about versions, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

#: Decisions that make a version the champion.
MOVING = ("promotion", "approval", "rollback")


class Decision(NamedTuple):
    """One decision that came about.

    Attributes:
        number: Decisions are counted, since two may fall into one millisecond.
        kind: gate, promotion, approval, rejection or rollback.
        version: The version that it is about; None for a gate that failed.
        previous: The champion when it was made.
        at: When (UTC).
        by: Who.
        why: In their words.
        run_id: The MLflow run that keeps it, with its report.
    """

    number: int
    kind: str
    version: int | None
    previous: int | None
    at: datetime
    by: str
    why: str
    run_id: str

    @classmethod
    def of_run(cls, run: Any) -> Decision:
        """The decision that a run in the experiment `releases` keeps."""
        tags = run.data.tags
        return cls(
            int(tags["number"]),
            tags["kind"],
            _number(tags.get("version")),
            _number(tags.get("previous")),
            datetime.fromtimestamp(run.info.start_time / 1000, UTC),
            tags["by"],
            tags["why"],
            run.info.run_id,
        )


class Reign(NamedTuple):
    """A version's time as champion; `until` is None for the one that is.

    Attributes:
        version: The champion.
        since: From when (UTC).
        until: To when (UTC).
        decision: What made it champion.
        report: Id of the MLflow run that keeps the report of its gate, if it has one.
    """

    version: int
    since: datetime
    until: datetime | None
    decision: Decision
    report: str | None


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def reigns(decisions: Sequence[Decision]) -> list[Reign]:
    """Who was champion from when to when, the oldest first.

    Args:
        decisions: In the order of their numbers.
    """
    moves = [decision for decision in decisions if decision.kind in MOVING and decision.version is not None]
    ends = [*(decision.at for decision in moves[1:]), None]
    reports = {decision.version: decision.run_id for decision in decisions if decision.kind == "gate"}
    return [
        Reign(move.version, move.at, end, move, reports.get(move.version))
        for move, end in zip(moves, ends, strict=True)
        if move.version is not None
    ]


def previous_champion(decisions: Sequence[Decision]) -> int | None:
    """The version that a rollback leads to: each one undoes the latest promotion that none has undone yet.

    Args:
        decisions: In the order of their numbers.
    """
    stack: list[int] = []
    for decision in decisions:
        if decision.kind == "rollback" and stack:
            stack.pop()
        elif decision.kind in MOVING and decision.version is not None:
            stack.append(decision.version)
    return stack[-2] if len(stack) > 1 else None
