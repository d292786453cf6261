"""The rollout of a challenger: when it answers more rides, when all, and when no more.

Nothing is remembered here: the state, what was seen and the time go in, the next step comes out. So a service that
was started anew goes on where it was, as long as it keeps the state.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal

import msgspec

from ride_duration.serving.ab import Difference
from ride_duration.serving.rollout_plan import Limits, RolloutPlan, share_name


class RolloutState(msgspec.Struct, frozen=True):
    """Where a rollout is; it is kept by the service.

    Attributes:
        version: The challenger.
        against: The champion that it is compared with.
        share: Of the stage, 0 for the shadow. It names the stage also after the plan was edited.
        since: When the stage began (with a time zone).
        promoting: All stages are done, and the registry is asked to make the version champion.
    """

    version: int
    against: int
    share: float
    since: datetime
    promoting: bool = False


class Evidence(msgspec.Struct, frozen=True):
    """What was seen of the challenger since its stage began.

    Attributes:
        since: The stage's beginning, as in the state: what was seen in another stage does not count.
        champion: Who is now; None if nobody.
        requests: Rides that the challenger was asked about.
        failed: Those that it had no answer to.
        p99_ms: 99th percentile of its time for an answer in milliseconds; None if not measured.
        actuals: Of its answers, those whose ride has ended.
        difference: Of absolute errors, compared with the champion's; None if not compared, as at a share of 1.
    """

    since: datetime
    champion: int | None
    requests: int = 0
    failed: int = 0
    p99_ms: float | None = None
    actuals: int = 0
    difference: Difference | None = None


class Step(msgspec.Struct, frozen=True):
    """What to do next.

    Attributes:
        kind: `stay`; `advance` to the state's share; `finish`, the challenger is to be champion; or `rollback`, it is
            to answer no more; or `end`, since another decision has changed the champion.
        why: In words.
        state: From now on; None when the rollout is over.
    """

    kind: Literal["stay", "advance", "finish", "rollback", "end"]
    why: str
    state: RolloutState | None


def next_step(plan: RolloutPlan, state: RolloutState, evidence: Evidence, now: datetime) -> Step:
    """Decide: the champion's change comes first, then the limits, and last what the stage awaits.

    The plan may be edited meanwhile: its minimums and limits hold at once. Where the present stage is gone, the rollout
    ends. A clock that was put back makes the stage longer, never shorter.

    Args:
        plan: As it is now.
        state: As it was kept.
        evidence: What was seen.
        now: The time, with a time zone.
    """
    ended = _ended(plan, state, evidence)
    if ended is not None:
        return ended
    if state.promoting:
        return Step("stay", f"all stages are done; the registry makes version {state.version} champion", state)
    awaited = _awaited(plan, state, evidence, now)
    name = share_name(state.share)
    if awaited:
        return Step("stay", f"{name}: awaits {', '.join(awaited)}", state)
    done = f"{name} is done after {_answers(evidence):,} predictions and {evidence.actuals:,} actuals"
    later = [stage for stage in plan.stages if stage.share > state.share]
    if not later:
        return Step("finish", f"{done}; version {state.version} is to be champion", None)
    following = msgspec.structs.replace(state, share=later[0].share, since=now)
    return Step("advance", f"{done}; {later[0].name} is next", following)


def _ended(plan: RolloutPlan, state: RolloutState, evidence: Evidence) -> Step | None:
    """How the rollout ends before its last stage is done, or after that; None if it goes on."""
    if state.promoting and evidence.champion == state.version:
        return Step("finish", f"version {state.version} is champion", None)
    overtaken = _overtaken(state, evidence)
    if overtaken:
        return Step("end", overtaken, None)
    stopped = "" if state.promoting else _stopped(plan, state, evidence)
    return Step("rollback", stopped, None) if stopped else None


def _overtaken(state: RolloutState, evidence: Evidence) -> str:
    """How another decision has changed the champion, or nothing."""
    if evidence.champion == state.version:
        return f"version {state.version} became champion by another decision, before all stages were done"
    if evidence.champion is None:
        return f"there is no champion any more; it was version {state.against}"
    if evidence.champion != state.against:
        return f"version {evidence.champion} is champion now, and the comparison was with version {state.against}"
    return ""


def _stopped(plan: RolloutPlan, state: RolloutState, evidence: Evidence) -> str:
    """Why the rollout cannot go on, or nothing."""
    if plan.stage(state.share) is None:
        return f"the plan has no stage {share_name(state.share)} any more"
    broken = _broken(plan.limits, evidence) if evidence.since == state.since else ""
    return f"{share_name(state.share)}: {broken}" if broken else ""


def _broken(limits: Limits, evidence: Evidence) -> str:
    """Which limit is broken, and how, or nothing."""
    if evidence.requests >= limits.requests:
        rate = evidence.failed / evidence.requests
        if rate > limits.error_rate:
            failed = f"{evidence.failed:,} of {evidence.requests:,} requests failed"
            return f"{failed}, {rate:.2%} and more than {limits.error_rate:.2%}"
        if evidence.p99_ms is not None and evidence.p99_ms > limits.p99_ms:
            return f"the 99th percentile of its time is {evidence.p99_ms:.1f} ms, above {limits.p99_ms:g} ms"
    difference = evidence.difference
    if difference is not None and difference.low > limits.worse_minutes:
        return f"{difference.verdict} in mean absolute error; {limits.worse_minutes:g} min are allowed"
    return ""


def _answers(evidence: Evidence) -> int:
    return evidence.requests - evidence.failed


def _awaited(plan: RolloutPlan, state: RolloutState, evidence: Evidence, now: datetime) -> list[str]:
    """What must still be seen."""
    stage = plan.stage(state.share)
    if stage is None or evidence.since != state.since:
        return ["what is seen since it began"]
    minutes = (now - state.since).total_seconds() / 60
    seen = (
        ("minutes", minutes, stage.minutes),
        ("predictions", _answers(evidence), stage.predictions),
        ("actuals", evidence.actuals, stage.actuals),
    )
    return [f"{math.ceil(least - found):,} more {name}" for name, found, least in seen if found < least]
