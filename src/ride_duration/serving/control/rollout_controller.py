"""Advances a rollout: reads its state, gives the reconciler the challenger, and makes the steps of the plan.

All instances of the service do the same. The state of a rollout is kept in the store alone, and of two instances that
come to the same step one makes it; the others follow at their next look.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from ride_duration.clock import REAL_CLOCK, Clock, ClockKind
from ride_duration.errors import DecisionRefused, NotFound, RegistryUnavailable, RideDurationError
from ride_duration.rollout.evidence import collect_evidence, to_state
from ride_duration.rollout.plan import format_share
from ride_duration.rollout.state_machine import Evidence, RolloutState, Step, decide_next_step
from ride_duration.serving.control.reconciler import Challenge
from ride_duration.serving.control.registry_process import TIMEOUT_SECONDS
from ride_duration.serving.schemas.status import RolloutReport
from ride_duration.store.rollouts import Rollout, RolloutEvent, Rollouts, RolloutStatus

if TYPE_CHECKING:
    from ride_duration.rollout.plan import RolloutPlan
    from ride_duration.serving.control.reconciler import Reconciler
    from ride_duration.serving.inference.counters import Counters
    from ride_duration.serving.inference.metrics import Metrics

log = logging.getLogger(__name__)

#: Who decides, in the histories of the rollout and of the registry.
BY = "rollout"

#: Seconds without the store after which the challenger is set aside: nothing could stop it.
MAX_UNWATCHED_SECONDS = 300.0

_NEVER = datetime.min.replace(tzinfo=UTC)

#: Looking at the evidence may take this part of the time that passes until the next look: a long log is looked at less
#: often, unless days pass in seconds.
_BUSY = {ClockKind.REAL: 0.05, ClockKind.SIMULATED: 1.0}


class RolloutController:
    """Advances the rollout of one model.

    Args:
        plan: As the settings say; None: rollouts are left alone.
        rollouts: Kept in the store.
        counters: Count failures of this instance.
        metrics: Observe steps.
        promote: Makes the challenger of a rollout champion, with the reason, as `run_decision` does.
        clock: Which stages are measured by.
        elapsed: Seconds of the machine since any moment, for what is too long or too often whatever the time of day.

    Attributes:
        rollout: The one that goes on, as it was read last; None if none does.
        problem: Why the store cannot be read; None if it can.
        looked_at: When the next step was decided last (seconds since 1970-01-01 UTC); None if never.
    """

    def __init__(
        self,
        plan: RolloutPlan | None,
        rollouts: Rollouts,
        counters: Counters,
        metrics: Metrics,
        promote: Callable[[Rollout, str], object],
        clock: Clock = REAL_CLOCK,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._rollouts = rollouts
        self._counters = counters
        self._metrics = metrics
        self._promote = promote
        self._now, self._busy = clock.now, _BUSY[clock.kind]
        self._elapsed = elapsed
        self._read_at = elapsed()
        self._next_look = -math.inf
        self._counted: tuple[int, int] = (0, 0)
        self._waits_for = ""
        self.rollout: Rollout | None = None
        self.problem: str | None = None
        self.looked_at: float | None = None

    def challenge(self) -> Challenge | None:
        """Return the challenger; while the store is away the last known one, but not for ever."""
        rollout = self.rollout
        if rollout is None or self._elapsed() - self._read_at > MAX_UNWATCHED_SECONDS:
            return None
        return Challenge(rollout.version, rollout.share)

    def to_report(self) -> RolloutReport | None:
        """Return the open rollout; None if there is none."""
        rollout = self.rollout
        if rollout is None:
            return None
        return RolloutReport(
            version=str(rollout.version),
            against=str(rollout.against),
            status=rollout.status.value,
            stage=format_share(rollout.share),
            share=rollout.share,
            since=_to_text(rollout.since),
            next=self._waits_for,
            problem=self.problem,
            looked_at=None if self.looked_at is None else _to_text(self.looked_at),
        )

    def follow(self, reconciler: Reconciler) -> None:
        """Look at the store and at the registry, and make the next step if it is due.

        Args:
            reconciler: Is brought to what both say.
        """
        self.read_rollout()
        reconciler.reconcile()
        before = self.rollout
        if before is None or self.problem or reconciler.deployment is None:
            return
        try:
            self._advance(before, reconciler)
        except (RideDurationError, SQLAlchemyError) as error:  # the step is made later, or by another instance
            self._note_outage(error)
        if self.rollout is not before:
            reconciler.reconcile()

    def read_rollout(self) -> None:
        """Read the rollout from the store."""
        if self._plan is None:
            return
        try:
            last = self._rollouts.last()
        except RideDurationError as error:
            self._note_outage(error)
            return
        if self.problem and self.rollout is not None:
            log.warning("the store can be read again")
        self.problem, self._read_at = None, self._elapsed()
        open_rollout = last if last is not None and last.ended_at is None else None
        if open_rollout is None or self.rollout is None or open_rollout.revision != self.rollout.revision:
            self._next_look, self._waits_for = -math.inf, ""
        if open_rollout is not None and open_rollout.number != self._counted[0]:
            # failures of the version in an earlier rollout are no failures of this one
            self._counted = (open_rollout.number, self._counters.failures(open_rollout.version))
        self.rollout = open_rollout

    def _note_outage(self, error: Exception) -> None:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        if self.problem is None and self.rollout is not None:
            log.warning("the rollout of version %d cannot go on: %s", self.rollout.version, reason)
        self.problem = reason

    def _advance(self, rollout: Rollout, reconciler: Reconciler) -> None:
        looked_at, rollout = self._now(), self._add_failures(rollout)
        champion = _champion(rollout, reconciler)
        step = self._step(rollout, Evidence(_NEVER, champion))
        if step.kind == "stay" and reconciler.challenger_problem:
            step = Step("rollback", reconciler.challenger_problem, None)
        elif step.kind == "stay" and rollout.status == RolloutStatus.PROMOTING:
            self._retry_promotion(rollout, reconciler)
            self.looked_at = looked_at
            return
        elif step.kind == "stay":
            if self._elapsed() < self._next_look:
                return
            began = time.perf_counter()
            step = self._step(rollout, collect_evidence(self._rollouts.engine, rollout, champion))
            self._next_look = self._elapsed() + (time.perf_counter() - began) / self._busy
        self._waits_for = step.why
        self._apply(rollout, step, reconciler)
        self.looked_at = looked_at

    def _step(self, rollout: Rollout, evidence: Evidence) -> Step:
        if self._plan is None:
            return Step("stay", "there is no plan", to_state(rollout))
        return decide_next_step(self._plan, to_state(rollout), evidence, datetime.fromtimestamp(self._now(), UTC))

    def _add_failures(self, rollout: Rollout) -> Rollout:
        """Add failures of this instance since the last look to those of all, and return the rollout with them."""
        number, counted = self._counted
        failed = self._counters.failures(rollout.version)
        if failed > counted:
            self._rollouts.add_failures(number, failed - counted)
            self._counted = (number, failed)
            rollout = msgspec.structs.replace(rollout, failed=rollout.failed + failed - counted)
        return rollout

    def _apply(self, rollout: Rollout, step: Step, reconciler: Reconciler) -> None:
        if step.kind == "rollback":
            self._record_step(rollout, step.kind, RolloutStatus.ROLLED_BACK, step.why)
        elif step.kind == "end":
            self._record_step(rollout, step.kind, RolloutStatus.OVERTAKEN, step.why)
        elif step.kind == "advance" and step.state is not None:
            self._record_step(rollout, step.kind, RolloutStatus.RUNNING, step.why, step.state)
        elif step.kind == "finish" and rollout.status == RolloutStatus.PROMOTING:
            self._record_step(rollout, "promoted", RolloutStatus.FINISHED, step.why)
        elif step.kind == "finish" and self._record_step(rollout, step.kind, RolloutStatus.PROMOTING, step.why):
            self._promote_challenger(step.why, reconciler)

    def _retry_promotion(self, rollout: Rollout, reconciler: Reconciler) -> None:
        """Promote the challenger if the registry was away, or the instance that tried was killed."""
        if self._now() - rollout.since > 2 * TIMEOUT_SECONDS:
            why = rollout.history[-1].why
            if self._record_step(rollout, "retry", RolloutStatus.PROMOTING, why):
                self._promote_challenger(why, reconciler)

    def _promote_challenger(self, why: str, reconciler: Reconciler) -> None:
        rollout = self.rollout
        if rollout is None:
            return
        try:
            self._promote(rollout, why)
        except RegistryUnavailable as error:
            log.warning("version %d is promoted later: %s", rollout.version, error)
            return
        except (DecisionRefused, NotFound) as error:
            reconciler.reconcile()  # another decision may have come first
            step = self._step(rollout, Evidence(_NEVER, _champion(rollout, reconciler)))
            refusal = Step("rollback", str(error), None)
            self._apply(rollout, refusal if step.kind == "stay" else step, reconciler)
            return
        self._record_step(rollout, "promoted", RolloutStatus.FINISHED, f"version {rollout.version} is champion")

    def _record_step(
        self, rollout: Rollout, kind: str, status: RolloutStatus, why: str, state: RolloutState | None = None
    ) -> bool:
        """Record a step, to another state if one is given; return False if another instance has made one."""
        state = state or to_state(rollout)
        noted = RolloutEvent(self._now(), status, state.share, BY, why, state.not_worse)
        changed = self._rollouts.change(rollout, noted)
        if changed is None:
            return False
        self.rollout = changed if changed.ended_at is None else None
        self._metrics.observe_rollout_step(kind)
        log.info("rollout of version %d, %s: %s", rollout.version, kind, why)
        return True


def _to_text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _champion(rollout: Rollout, reconciler: Reconciler) -> int | None:
    """Return the present champion; without the registry, nothing has changed."""
    return reconciler.champion if reconciler.reachable else rollout.against
