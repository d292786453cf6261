"""Decisions about versions, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, NamedTuple

#: Decisions that make a version the champion.
MOVING = ("promotion", "approval", "rollback")

#: Somebody took the alias away: nobody decided for another version, and there is no champion.
VACANCY = "vacancy"

CANDIDATE = "candidate"
AWAITING = "awaiting approval"
REJECTED = "rejected"


class Decision(NamedTuple):
    """One decision that came about.

    Attributes:
        number: Decisions are counted, since two may fall into one millisecond; what a kill undid leaves a hole.
        kind: gate, promotion, approval, rejection, rollback or vacancy.
        version: The version that it is about; None for a gate, which comes before the version, and for a vacancy.
        previous: The champion when it was made.
        at: When (UTC).
        by: Who.
        why: In their words.
        run_id: The MLflow run that keeps it.
        report: The MLflow run that keeps the report of the version's gate; a gate's own.
    """

    number: int
    kind: str
    version: int | None
    previous: int | None
    at: datetime
    by: str
    why: str
    run_id: str
    report: str | None

    @classmethod
    def of_run(cls, run: Any) -> Decision:
        """The decision that a run in the experiment `releases` keeps."""
        tags = run.data.tags
        gate = tags["kind"] == "gate"
        return cls(
            int(tags["number"]),
            tags["kind"],
            None if gate else _number(tags.get("version")),
            _number(tags.get("previous")),
            datetime.fromtimestamp(run.info.start_time / 1000, UTC),
            tags["by"],
            tags["why"],
            run.info.run_id,
            run.info.run_id if gate else tags.get("gate") or None,
        )


class Reign(NamedTuple):
    """A version's time as champion; `until` is None for the one that is, if there is one.

    Attributes:
        version: The champion.
        since: From when (UTC).
        until: To when (UTC).
        decision: What made it champion.
    """

    version: int
    since: datetime
    until: datetime | None
    decision: Decision


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def reigns(decisions: Sequence[Decision]) -> list[Reign]:
    """Who was champion from when to when, the oldest first: each ends when the next begins, or with a vacancy.

    Args:
        decisions: In the order of their numbers.
    """
    moves = [decision for decision in decisions if decision.kind in (*MOVING, VACANCY)]
    return [
        Reign(move.version, move.at, following.at if following else None, move)
        for move, following in zip_longest(moves, moves[1:])
        if move.version is not None
    ]


def previous_champion(decisions: Sequence[Decision]) -> int | None:
    """The version that a rollback leads to: each one undoes the latest promotion, or vacancy, that none has undone yet.

    Args:
        decisions: In the order of their numbers.
    """
    stack, vacant = _promotions_that_stand(decisions)
    before = stack if vacant else stack[:-1]
    return before[-1] if before else None


def former_champions(decisions: Sequence[Decision]) -> list[int]:
    """Return the versions that were champion and were not rolled back, the newest first and each once.

    The present champion is left out, even if it was champion before; where there is none now, the last one is a former
    one.

    Args:
        decisions: In the order of their numbers.
    """
    stack, vacant = _promotions_that_stand(decisions)
    champion = None if vacant or not stack else stack[-1]
    return [version for version in dict.fromkeys(reversed(stack)) if version != champion]


def _promotions_that_stand(decisions: Sequence[Decision]) -> tuple[list[int], bool]:
    """Return the versions whose promotions no rollback has undone, the oldest first, and whether there is a vacancy."""
    stack: list[int] = []
    vacant = False
    for decision in decisions:
        if decision.kind == VACANCY:
            vacant = True
        elif decision.kind == "rollback" and stack:
            if not vacant:
                stack.pop()
            vacant = False
        elif decision.kind in MOVING and decision.version is not None:
            if decision.version not in stack[-1:]:
                stack.append(decision.version)
            vacant = False
    return stack, vacant


def status_of(version: int, approval: str, decisions: Sequence[Decision], champion: int | None) -> str:
    """What a version is: champion, former champion, candidate, awaiting approval or rejected.

    Args:
        version: Its number.
        approval: `auto`, or `manual` where a person is to decide.
        decisions: About all versions.
        champion: Who is, if anybody.
    """
    if version == champion:
        return "champion"
    about = {decision.kind for decision in decisions if decision.version == version}
    if "rejection" in about:
        return REJECTED
    if about & set(MOVING):
        return "former champion"
    return AWAITING if approval == "manual" else CANDIDATE


def judged_against(report: str | None, decisions: Sequence[Decision]) -> Decision | None:
    """The gate whose report that run keeps: its `previous` is the champion that the version was judged against."""
    return next((decision for decision in decisions if decision.kind == "gate" and decision.run_id == report), None)
