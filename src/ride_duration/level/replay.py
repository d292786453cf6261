"""The level of a past time, as it was known at each moment of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ride_duration.level.ended_rides import StepSums
from ride_duration.level.level_rules import STEP, LevelRules
from ride_duration.level.level_state import LevelState, follow_steps


@dataclass(frozen=True)
class LevelTrace:
    """The factor from the beginning of each step on.

    Attributes:
        first: The number of the first step.
        factors: What raw predictions are multiplied by (n,).
        frozen: Whether it was frozen in each step (n,).
    """

    first: int
    factors: NDArray[np.float64]
    frozen: NDArray[np.bool_]

    def find_factors(self, instants: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the factors (m,) at instants (m,), seconds since 1970-01-01 UTC: 1 outside of the trace."""
        steps = np.floor_divide(instants, STEP) - self.first
        within = (steps >= 0) & (steps < len(self.factors))
        found = np.ones(len(instants))
        found[within] = self.factors[steps[within].astype(np.intp)]
        return found

    def find_kept_out(self, instants: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say whether the steps of instants (m,) were kept out (m,); so are those that had not ended in the trace."""
        ends = np.floor_divide(instants, STEP) + 1 - self.first
        within = (ends > 0) & (ends < len(self.frozen))
        kept_out = np.ones(len(instants), dtype=np.bool_)
        kept_out[within] = self.frozen[ends[within].astype(np.intp)]
        return kept_out


def replay(sums: StepSums, until: float, rules: LevelRules) -> LevelTrace:
    """Compute the level from the first ride that became known to an instant, step by step.

    Args:
        sums: Of rides by the step in which they became known.
        until: Seconds since 1970-01-01 UTC.
        rules: What the level is computed by.
    """
    last = int(until // STEP)
    first = min([last, *sums])
    states = [LevelState(first), *follow_steps(LevelState(first), sums, last, rules)]
    return LevelTrace(
        first,
        np.array([state.factor for state in states]),
        np.array([state.is_frozen for state in states]),
    )
