"""The level as a state machine: the state, the rides that became known, and the time give the next state.

Only whole steps count: rides that become known within a step enter at its end. So the state does not depend on when it
is asked for, nor on the batches in which rides come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ride_duration.level.ended_rides import NO_RIDES, UNIT, EndedRides, StepSums, Sums, add, sum_steps
from ride_duration.level.level_rules import STEP, LevelRules


@dataclass(frozen=True)
class LevelState:
    """What is known of the level at the end of a step.

    Attributes:
        step: The number of the step that is open: all steps before it are in the state.
        factor: What raw predictions are multiplied by from the beginning of that step on.
        is_frozen: Whether what becomes known is kept out.
        rides: Decayed number of rides.
        actual: Decayed sum of the minutes that they took.
        predicted: Decayed sum of the raw predicted minutes.
        recent: Sums of the steps that the guard looks at, the newest last.
        open_step: Sums of rides that became known within the open step.
    """

    step: int
    factor: float = 1.0
    is_frozen: bool = False
    rides: float = 0.0
    actual: float = 0.0
    predicted: float = 0.0
    recent: tuple[Sums, ...] = ()
    open_step: Sums = NO_RIDES

    @classmethod
    def begin(cls, now: float) -> LevelState:
        """Return the state of a model of which nothing is known yet, at an instant (seconds since 1970-01-01 UTC)."""
        return cls(int(now // STEP))

    @property
    def since(self) -> int:
        """The instant from which on the factor holds, seconds since 1970-01-01 UTC."""
        return self.step * STEP

    def to_row(self) -> dict[str, Any]:
        """Return the state in terms of JSON, which keeps every digit."""
        return asdict(self) | {"open_step": list(self.open_step), "recent": [list(sums) for sums in self.recent]}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> LevelState:
        """Return the state that `to_row` has written."""
        return cls(**row | {"open_step": Sums(*row["open_step"]), "recent": tuple(Sums(*s) for s in row["recent"])})


def advance(
    state: LevelState, rides: EndedRides, now: float, rules: LevelRules, *, in_incident: bool = False
) -> LevelState:
    """Return the state at a later instant.

    Args:
        state: The state so far.
        rides: Rides that became known since, up to now, in any order.
        now: Seconds since 1970-01-01 UTC.
        rules: What the level is computed by.
        in_incident: Whether the steps that end now lie in a known incident: the factor is frozen then.

    Raises:
        ValueError: A ride became known before the open step or after now, or now lies before the open step.
    """
    known = rides.known_at
    if now < state.since or (len(known) and not state.since <= np.min(known) <= np.max(known) <= now):
        raise ValueError("the level advances from the open step to now, by rides that became known in between")
    sums, last = sum_steps(rides), int(now // STEP)
    for later in follow_steps(state, sums, last, rules, in_incident=in_incident):
        state = later
    return replace(state, open_step=add(state.open_step, sums.get(last, NO_RIDES)))


def follow_steps(
    state: LevelState, sums: StepSums, last: int, rules: LevelRules, *, in_incident: bool = False
) -> Iterator[LevelState]:
    """Yield the state at the end of each step, until the step `last` is the open one.

    Args:
        state: The state so far.
        sums: Of rides by the step in which they became known; those of other steps are left out.
        last: The number of the step that is open at the end.
        rules: What the level is computed by.
        in_incident: Whether all these steps lie in a known incident.
    """
    for step in range(state.step, last):
        new = add(state.open_step, sums.get(step, NO_RIDES))
        state = _close_step(state, new, rules, in_incident=in_incident)
        yield state


def _close_step(state: LevelState, new: Sums, rules: LevelRules, *, in_incident: bool) -> LevelState:
    recent, step = _select_recent((*state.recent, new), rules), state.step + 1
    if in_incident or _is_kept_out(state, recent, rules):
        # Time stands still for what is known: it would else be forgotten while nothing can be learned.
        return replace(state, step=step, is_frozen=True, recent=recent, open_step=NO_RIDES)
    rides = state.rides * rules.decay + new.rides
    actual = state.actual * rules.decay + new.actual * UNIT
    predicted = state.predicted * rules.decay + new.predicted * UNIT
    wanted = _estimate_factor(rides, actual, predicted, rules)
    least, most = state.factor * (1 - rules.largest_change), state.factor * (1 + rules.largest_change)
    return LevelState(step, min(max(wanted, least), most), False, rides, actual, predicted, recent)


def _estimate_factor(rides: float, actual: float, predicted: float, rules: LevelRules) -> float:
    """Return Σ actual / Σ predicted, shrunk towards 1 by pseudo-rides as long as the mean ride, within the bounds."""
    ratio = actual / predicted if predicted > 0 else 1.0
    shrunk = (rides * ratio + rules.pseudo_rides) / (rides + rules.pseudo_rides)
    return min(max(shrunk, rules.lowest), rules.highest)


def _select_recent(sums: tuple[Sums, ...], rules: LevelRules) -> tuple[Sums, ...]:
    """Return the newest steps: those of the window, and further back until there are enough rides."""
    sums = sums[-rules.longest_window_steps :]
    count, rides = 0, 0
    while count < len(sums) and (count < rules.window_steps or rides < rules.window_rides):
        count += 1
        rides += sums[-count].rides
    return sums[len(sums) - count :]


def _is_kept_out(state: LevelState, recent: tuple[Sums, ...], rules: LevelRules) -> bool:
    """Say whether what became known lately is too far from the factor; as before where it is too little to say."""
    rides = sum(step.rides for step in recent)
    if not rides or (rides < rules.window_rides and not state.is_frozen):  # few rides may release it, not freeze it
        return False  # silence is not implausible: the factor goes back to 1
    ratio = sum(step.actual for step in recent) / sum(step.predicted for step in recent)
    return abs(ratio / state.factor - 1) > rules.largest_distance
