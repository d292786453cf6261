"""Leads a rollout: reads where it is, tells the reconciler who challenges, and moves it on when its plan says so.

All instances of the service do the same. Where a rollout is, is kept in the store alone, and of two instances that
come to the same step one makes it; the others follow at their next look.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from ride_duration.errors import RideDurationError
from ride_duration.rollout.evidence import collect_evidence, to_state
from ride_duration.rollout.plan import format_share
from ride_duration.rollout.state_machine import Evidence, RolloutState, Step, decide_next_step
from ride_duration.serving.control.reconciler import Challenge
from ride_duration.serving.control.registry_process import TIMEOUT_SECONDS
from ride_duration.serving.schemas.problems import Refused
from ride_duration.store.rollouts import Rollout, RolloutEvent, Rollouts, Status

if TYPE_CHECKING:
    from ride_duration.rollout.plan import RolloutPlan
    from ride_duration.serving.control.reconciler import Reconciler
    from ride_duration.serving.inference.metrics import Metrics

log = logging.getLogger(__name__)

#: Who decides, in the histories of the rollout and of the registry.
BY = "rollout"

#: Seconds without the store after which the challenger is set aside: nobody could stop it, and nothing would.
MAX_UNWATCHED_SECONDS = 300.0

_NEVER = datetime.min.replace(tzinfo=UTC)

#: Looking at the evidence may take this share of the time: a long log is looked at less often.
_BUSY = 0.05


class RolloutController:
    """Leads the rollout of one model.

    Args:
        plan: As the settings say.
        rollouts: Kept in the store.
        metrics: Know of failures here, and are told of steps.
        promote: Makes the challenger of a rollout champion, with the reason; raises Refused.
        now: The time (seconds since 1970-01-01 UTC).

    Attributes:
        rollout: The one that goes on, as it was read last; None if none does.
        problem: Why the store cannot be read; None if it can.
    """

    def __init__(
        self,
        plan: RolloutPlan,
        rollouts: Rollouts,
        metrics: Metrics,
        promote: Callable[[Rollout, str], object],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._plan = plan
        self._rollouts = rollouts
        self._metrics = metrics
        self._promote = promote
        self._now = now
        self._seen_at = now()
        self._next_look = 0.0
        self._counted: tuple[int, int] = (0, 0)
        self._awaited = ""
        self.rollout: Rollout | None = None
        self.problem: str | None = None

    def challenge(self) -> Challenge | None:
        """Who challenges the champion; the last known as long as the store is away, but not for ever."""
        rollout = self.rollout
        if rollout is None or self._now() - self._seen_at > MAX_UNWATCHED_SECONDS:
            return None
        return Challenge(rollout.version, rollout.share)

    def told(self) -> dict[str, Any] | None:
        """The rollout that goes on in terms of JSON; the time is UTC."""
        rollout = self.rollout
        if rollout is None:
            return None
        return {
            "version": str(rollout.version),
            "against": str(rollout.against),
            "status": rollout.status,
            "stage": format_share(rollout.share),
            "share": rollout.share,
            "since": datetime.fromtimestamp(rollout.since, UTC).isoformat(timespec="seconds"),
            "next": self._awaited,
            "problem": self.problem,
        }

    def follow(self, reconciler: Reconciler) -> None:
        """Look at the store and at the registry, and make the next step if it is due.

        Args:
            reconciler: Is brought to what both say.
        """
        self.look()
        reconciler.reconcile()
        before = self.rollout
        if before is None or self.problem or reconciler.deployment is None:
            return
        try:
            self._lead(before, reconciler)
        except (RideDurationError, SQLAlchemyError) as error:  # the step is made later, or by another instance
            self._away(error)
        if self.rollout is not before:
            reconciler.reconcile()

    def look(self) -> None:
        """Look at the store alone."""
        try:
            last = self._rollouts.last()
        except RideDurationError as error:
            self._away(error)
            return
        if self.problem and self.rollout is not None:
            log.warning("the store can be read again")
        self.problem, self._seen_at = None, self._now()
        going_on = last if last is not None and last.ended_at is None else None
        if going_on is None or self.rollout is None or going_on.revision != self.rollout.revision:
            self._next_look, self._awaited = 0.0, ""
        if going_on is not None and going_on.number != self._counted[0]:
            # failures of the version in an earlier rollout are no failures of this one
            self._counted = (going_on.number, self._metrics.failed.get(going_on.version, 0))
        self.rollout = going_on

    def _away(self, error: Exception) -> None:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        if self.problem is None and self.rollout is not None:
            log.warning("the rollout of version %d cannot go on: %s", self.rollout.version, reason)
        self.problem = reason

    def _lead(self, rollout: Rollout, reconciler: Reconciler) -> None:
        rollout = self._with_failures(rollout)
        champion = _champion(rollout, reconciler)
        step = self._step(rollout, Evidence(_NEVER, champion))
        if step.kind == "stay" and reconciler.challenger_problem:
            step = Step("rollback", reconciler.challenger_problem, None)
        elif step.kind == "stay" and rollout.status == "promoting":
            self._retry_promotion(rollout, reconciler)
            return
        elif step.kind == "stay":
            if self._now() < self._next_look:
                return
            began = time.perf_counter()
            step = self._step(rollout, collect_evidence(self._rollouts.engine, rollout, champion))
            self._next_look = self._now() + (time.perf_counter() - began) / _BUSY
        self._awaited = step.why
        self._take(rollout, step, reconciler)

    def _step(self, rollout: Rollout, evidence: Evidence) -> Step:
        return decide_next_step(self._plan, to_state(rollout), evidence, datetime.fromtimestamp(self._now(), UTC))

    def _with_failures(self, rollout: Rollout) -> Rollout:
        """The rollout, after failures here since the last look were added to those of all instances."""
        number, counted = self._counted
        failed = self._metrics.failed.get(rollout.version, 0)
        if failed > counted:
            self._rollouts.add_failures(number, failed - counted)
            self._counted = (number, failed)
            rollout = msgspec.structs.replace(rollout, failed=rollout.failed + failed - counted)
        return rollout

    def _take(self, rollout: Rollout, step: Step, reconciler: Reconciler) -> None:
        if step.kind == "rollback":
            self._make(rollout, step.kind, "rolled back", step.why)
        elif step.kind == "end":
            self._make(rollout, step.kind, "overtaken", step.why)
        elif step.kind == "advance" and step.state is not None:
            self._make(rollout, step.kind, "running", step.why, step.state)
        elif step.kind == "finish" and rollout.status == "promoting":
            self._make(rollout, "promoted", "finished", step.why)
        elif step.kind == "finish" and self._make(rollout, step.kind, "promoting", step.why):
            self._ask_registry(step.why, reconciler)

    def _retry_promotion(self, rollout: Rollout, reconciler: Reconciler) -> None:
        """The registry was away, or whoever asked it was killed."""
        if self._now() - rollout.since > 2 * TIMEOUT_SECONDS:
            why = rollout.history[-1].why
            if self._make(rollout, "retry", "promoting", why):
                self._ask_registry(why, reconciler)

    def _ask_registry(self, why: str, reconciler: Reconciler) -> None:
        rollout = self.rollout
        if rollout is None:
            return
        try:
            self._promote(rollout, why)
        except Refused as refused:
            if refused.status == 503:
                log.warning("version %d is promoted later: %s", rollout.version, refused.detail)
                return
            reconciler.reconcile()  # another decision may have come first
            step = self._step(rollout, Evidence(_NEVER, _champion(rollout, reconciler)))
            refusal = Step("rollback", refused.detail, None)
            self._take(rollout, refusal if step.kind == "stay" else step, reconciler)
            return
        self._make(rollout, "promoted", "finished", f"version {rollout.version} is champion")

    def _make(self, rollout: Rollout, kind: str, status: Status, why: str, state: RolloutState | None = None) -> bool:
        """Make a step to another state, if one is given, unless another instance has made one."""
        state = state or to_state(rollout)
        noted = RolloutEvent(self._now(), status, state.share, BY, why, state.not_worse)
        changed = self._rollouts.change(rollout, noted)
        if changed is None:
            return False
        self.rollout = changed if changed.ended_at is None else None
        self._metrics.rollout_step(kind)
        log.info("rollout of version %d, %s: %s", rollout.version, kind, why)
        return True


def _champion(rollout: Rollout, reconciler: Reconciler) -> int | None:
    """Who is now; without the registry, nothing has changed."""
    return reconciler.champion if reconciler.reachable else rollout.against
