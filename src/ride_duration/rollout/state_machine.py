"""The rollout of a challenger: when it answers more rides, when all, and when no more.

Nothing is remembered here: the state, what was seen and the time go in, the next step comes out. So a service that
was restarted goes on where it was, as long as it keeps the state.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal

import msgspec

from ride_duration.rollout.plan import RolloutLimits, RolloutPlan, format_share
from ride_duration.stats.sequential import FIRST_LOOK, Difference

#: Rides that each variant has for itself tell so much less than rides that both answered: the guard waits for more.
_OWN_RIDES = 4


class RolloutState(msgspec.Struct, frozen=True):
    """Where a rollout is; it is kept by the service.

    Attributes:
        version: The challenger.
        against: The champion that it is compared with.
        share: Of the stage, 0 for the shadow. It names the stage also after the plan was edited.
        since: When the stage began (with a time zone).
        promoting: All stages are done, and the registry is asked to make the version champion.
        not_worse: A stage before this one has shown that the challenger is not worse than the limit allows, so that
            later ones need not show it.
    """

    version: int
    against: int
    share: float
    since: datetime
    promoting: bool = False
    not_worse: bool = False


class Evidence(msgspec.Struct, frozen=True):
    """What was seen of the challenger since its stage began.

    Attributes:
        since: The stage's beginning, as in the state: what was seen in another stage does not count.
        champion: The present champion; None if there is none.
        requests: Rides that the challenger was asked about.
        failed: Those that it had no answer to.
        p99_ms: 99th percentile of its time for an answer in milliseconds; None if not measured.
        actuals: Of its answers, those whose ride has ended.
        difference: Of RMSE, compared with the champion's; None if not compared, as at a share of 1. It decides.
        absolute: Of MAE, which is shown beside it.
    """

    since: datetime
    champion: int | None
    requests: int = 0
    failed: int = 0
    p99_ms: float | None = None
    actuals: int = 0
    difference: Difference | None = None
    absolute: Difference | None = None


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


def decide_next_step(plan: RolloutPlan, state: RolloutState, evidence: Evidence, now: datetime) -> Step:
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
    name = format_share(state.share)
    if awaited:
        return Step("stay", f"{name}: awaits {', '.join(awaited)}", state)
    done = f"{name} is done after {_answers(evidence):,} predictions and {evidence.actuals:,} actuals"
    later = [stage for stage in plan.stages if stage.share > state.share]
    if not later:
        return Step("finish", f"{done}; version {state.version} is to be champion", None)
    not_worse = state.not_worse or _not_worse(plan.limits, evidence.difference)
    following = msgspec.structs.replace(state, share=later[0].share, since=now, not_worse=not_worse)
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
        return f"the plan has no stage {format_share(state.share)} any more"
    broken = _broken(plan.limits, evidence) if evidence.since == state.since else ""
    return f"{format_share(state.share)}: {broken}" if broken else ""


def _broken(limits: RolloutLimits, evidence: Evidence) -> str:
    """Which limit is broken, and how, or nothing."""
    if evidence.requests >= limits.requests:
        rate = evidence.failed / evidence.requests
        if rate > limits.error_rate:
            failed = f"{evidence.failed:,} of {evidence.requests:,} requests failed"
            return f"{failed}, {rate:.2%} and more than {limits.error_rate:.2%}"
        if evidence.p99_ms is not None and evidence.p99_ms > limits.p99_ms:
            return f"the 99th percentile of its time is {evidence.p99_ms:.1f} ms, above {limits.p99_ms:g} ms"
    return "" if evidence.difference is None else _inaccurate(limits, evidence.difference)


def _inaccurate(limits: RolloutLimits, difference: Difference) -> str:
    """How the challenger errs too much, or nothing: coarsely at first, and by the test alone once it has looked."""
    if limits.worse_rmse is not None and difference.low > limits.worse_rmse:
        return f"{difference.verdict}; {_percent(limits.worse_rmse)} is allowed"
    if limits.worse_rmse is not None and difference.enough:
        return ""
    rides = min(difference.champion, difference.challenger)
    needed = limits.guard_rides * (1 if difference.paired else _OWN_RIDES)
    if rides >= needed and difference.estimate > limits.guard_worse_rmse:
        which = "shared rides" if difference.paired else "rides of each"
        above = f"RMSE {100 * difference.estimate:,.1f} % above the champion's on {rides:,} {which}"
        when = "while no test looks (worse_rmse is null)" if limits.worse_rmse is None else "before the test looks"
        return f"{above}; {_percent(limits.guard_worse_rmse)} is allowed {when}"
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _not_worse(limits: RolloutLimits, difference: Difference | None) -> bool:
    """Whether the test has shown that the challenger is worse by the limit at most."""
    return difference is not None and limits.worse_rmse is not None and difference.high <= limits.worse_rmse


def _answers(evidence: Evidence) -> int:
    return evidence.requests - evidence.failed


def _awaited(plan: RolloutPlan, state: RolloutState, evidence: Evidence, now: datetime) -> list[str]:
    """What must still be seen."""
    stage = plan.stage(state.share)
    if stage is None or evidence.since != state.since:
        return ["what is seen since it began"]
    elapsed = (now - state.since).total_seconds() / 86_400
    seen = (
        ("predictions", _answers(evidence), stage.predictions),
        ("actuals", evidence.actuals, stage.actuals),
    )
    awaited = [] if elapsed >= stage.days else [_duration(stage.days - elapsed)]
    awaited += [f"{least - found:,} more {name}" for name, found, least in seen if found < least]
    return awaited + _awaited_of_test(plan.limits, state, evidence.difference)


def _awaited_of_test(limits: RolloutLimits, state: RolloutState, difference: Difference | None) -> list[str]:
    """What the test must still see or say of a challenger of which nothing is shown yet."""
    if limits.worse_rmse is None or state.share == 1 or state.not_worse:
        return []
    if difference is None or not difference.enough:
        days = 0 if difference is None else difference.days
        omission = difference.omission if difference else ""
        return [f"joined rides of {FIRST_LOOK - days} more days{omission}"]
    if difference.estimate > limits.worse_rmse:
        return [f"accuracy to be decided ({difference.verdict}; {_percent(limits.worse_rmse)} worse is allowed)"]
    return []


def _duration(days: float) -> str:
    """Time that is left, in the unit that suits it."""
    for unit, size in (("days", 1), ("hours", 24)):
        if days * size > 2:
            return f"{math.ceil(days * size)} more {unit}"
    return f"{math.ceil(days * 1_440)} more minutes"
