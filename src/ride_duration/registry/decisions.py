"""Decisions about versions, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ride_duration.mlflow_reader import StoredRun

#: Decisions that make a version the champion.
MOVING = ("promotion", "approval", "rollback")

#: The kind of the entry that notes that the alias was taken away, by other means than a decision: there is no champion.
ALIAS_REMOVED = "vacancy"


class VersionStatus(StrEnum):
    """What a version is."""

    CHAMPION = "champion"
    FORMER_CHAMPION = "former champion"
    CANDIDATE = "candidate"
    AWAITING_APPROVAL = "awaiting approval"
    REJECTED = "rejected"


class Decision(NamedTuple):
    """One decision that came about.

    Attributes:
        number: Decisions are counted, since two may fall into one millisecond; what a kill undid leaves a hole.
        kind: gate, promotion, approval, rejection, rollback, or vacancy where the alias was taken away.
        version: The version that it is about; None for a gate, which comes before the version, and for a vacancy.
        previous: The champion when it was made.
        at: When (UTC).
        by: Who.
        why: In their words.
        run_id: The MLflow run that keeps it; empty where a change of the alias was found and is not recorded yet.
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
    def of_run(cls, run: StoredRun) -> Decision:
        """Return the decision that a run in the experiment `releases` keeps."""
        return cls.of_tags(run.run_id, run.started, run.tags)

    @classmethod
    def of_tags(cls, run_id: str, started: int, tags: Mapping[str, str]) -> Decision:
        """Return the decision that these tags of a run keep, which began then (ms since 1970, UTC)."""
        gate = tags["kind"] == "gate"
        return cls(
            int(tags["number"]),
            tags["kind"],
            None if gate else _number(tags.get("version")),
            _number(tags.get("previous")),
            datetime.fromtimestamp(started / 1000, UTC),
            tags["by"],
            tags["why"],
            run_id,
            run_id if gate else tags.get("gate") or None,
        )


class ChampionTenure(NamedTuple):
    """A version's time as champion; `until` is None for the present champion.

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


def champion_tenures(decisions: Sequence[Decision]) -> list[ChampionTenure]:
    """Return who was champion from when to when, the oldest first.

    Each tenure ends when the next one begins, or when the alias was taken away.

    Args:
        decisions: In the order of their numbers.
    """
    moves = [decision for decision in decisions if decision.kind in (*MOVING, ALIAS_REMOVED)]
    return [
        ChampionTenure(move.version, move.at, following.at if following else None, move)
        for move, following in zip_longest(moves, moves[1:])
        if move.version is not None
    ]


def previous_champion(decisions: Sequence[Decision]) -> int | None:
    """Return the version that a rollback leads to.

    Each rollback undoes the latest promotion, or removal of the alias, that none has undone yet.

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
    """Return the versions whose promotions no rollback has undone, and whether the alias was removed since."""
    stack: list[int] = []
    vacant = False
    for decision in decisions:
        if decision.kind == ALIAS_REMOVED:
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


def status_of(version: int, approval: str, decisions: Sequence[Decision], champion: int | None) -> VersionStatus:
    """Return what a version is.

    Args:
        version: Its number.
        approval: `auto`, or `manual` where a person is to decide.
        decisions: About all versions.
        champion: The present champion, if there is one.
    """
    if version == champion:
        return VersionStatus.CHAMPION
    about = {decision.kind for decision in decisions if decision.version == version}
    if "rejection" in about:
        return VersionStatus.REJECTED
    if about & set(MOVING):
        return VersionStatus.FORMER_CHAMPION
    return VersionStatus.AWAITING_APPROVAL if approval == "manual" else VersionStatus.CANDIDATE


def find_gate(report: str | None, decisions: Sequence[Decision]) -> Decision | None:
    """Return the gate whose report that run keeps; its `previous` is the champion that it compared the version with."""
    return next((decision for decision in decisions if decision.kind == "gate" and decision.run_id == report), None)
