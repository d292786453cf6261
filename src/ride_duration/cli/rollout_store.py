"""The rollouts in the prediction log, as the commands see and end them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ride_duration.cli.service import service_settings
from ride_duration.errors import RideDurationError

if TYPE_CHECKING:
    from ride_duration.clock import Clock
    from ride_duration.registry import Decision
    from ride_duration.serving.settings import ServiceSettings
    from ride_duration.store.rollouts import Rollout, Rollouts


def open_rollouts(settings: ServiceSettings) -> Rollouts:
    """The rollouts of the model that the settings choose."""
    from ride_duration.store.rollouts import Rollouts

    return Rollouts(settings.store_url, settings.model, settings.clock_kind)


def stop_rollout(rollouts: Rollouts, clock: Clock, by: str, why: str) -> Rollout:
    """End the rollout that goes on.

    Args:
        rollouts: Of the model.
        clock: Of the store.
        by: Who decides.
        why: In their words.

    Raises:
        RideDurationError: None goes on, its version is becoming champion right now, or the store cannot be reached.
    """
    from ride_duration.serving.control.registry_process import TIMEOUT_SECONDS
    from ride_duration.store.rollouts import RolloutEvent, RolloutStatus

    while True:  # the service may have made a step meanwhile
        last = rollouts.last()
        if last is None:
            raise RideDurationError("there was no rollout yet; `kedro rollout start VERSION` begins one")
        if last.ended_at is not None:
            raise RideDurationError("no rollout goes on; `kedro rollout status` shows how the last one ended")
        if last.status == RolloutStatus.PROMOTING and clock.now() - last.since < TIMEOUT_SECONDS:
            raise RideDurationError(
                f"version {last.version} has done all stages and is becoming champion right now; "
                "`kedro models rollback` undoes that"
            )
        stopped = rollouts.change(last, RolloutEvent(clock.now(), RolloutStatus.STOPPED, last.share, by, why))
        if stopped is not None:
            return stopped


def describe_rollout(decision: Decision, env: str | None, params: dict[str, Any]) -> str | None:
    """Return what a decision means for the open rollout; None if there is none, or none can be seen from here.

    Another champion ends it, which the service notes. A rejection of its challenger does not show in who is champion:
    it is noted here.

    Args:
        decision: That was just made.
        env: Of Kedro.
        params: As `--params` gives them.
    """
    try:
        settings = service_settings(env, params, {})
        rollouts = open_rollouts(settings)
        last = rollouts.last()
        if last is None or last.ended_at is not None:
            return None
        if decision.kind == "rejection" and decision.version == last.version:
            why = f"version {last.version} is rejected: {decision.why}"
            stop_rollout(rollouts, settings.open_clock(), decision.by, why)
        elif decision.kind == "rejection" or decision.version == last.against:
            return None
    except RideDurationError:  # the service is not installed, or has not begun a prediction log
        return None
    return f"The rollout of version {last.version} ends by this."
