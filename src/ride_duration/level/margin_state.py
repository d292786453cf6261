"""Rolling margins as a state machine beside that of the level, on the same steps.

A ride enters at the end of the step in which it became known, unless the level has kept that step out. Margins change
at the ends of blocks, which are so many steps as `MarginRules.refresh` says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ride_duration.level.interval_margins import MarginRules, Margins, estimate_margins
from ride_duration.level.interval_scores import NO_SCORES, BoundedRides, ScoreCounts, add_scores, count_scores
from ride_duration.level.level_rules import STEP


@dataclass(frozen=True, eq=False)
class MarginState:
    """What is known of the intervals at the end of a step.

    Attributes:
        step: The number of the step that is open: all steps before it are in the state.
        margins: What bounds are moved by until the open block ends.
        blocks: Number and rides of each closed block of the window in which any became known, the newest last.
        open_block: The rides of the closed steps of the open block.
        open_step: Rides that became known within the open step.
    """

    step: int
    margins: Margins
    blocks: tuple[tuple[int, ScoreCounts], ...] = ()
    open_block: ScoreCounts = NO_SCORES
    open_step: ScoreCounts = NO_SCORES

    @classmethod
    def begin(cls, now: float, rules: MarginRules) -> MarginState:
        """Return the state of a model of which nothing is known yet, at an instant (seconds since 1970-01-01 UTC)."""
        return cls(int(now // STEP), rules.no_margins)

    @property
    def since(self) -> int:
        """The instant at which the open step begins, seconds since 1970-01-01 UTC."""
        return self.step * STEP

    def to_row(self) -> dict[str, Any]:
        """Return the state in terms of JSON, which keeps every digit."""
        return {
            "step": self.step,
            "margins": [[list(buckets) for buckets in tails] for tails in self.margins],
            "blocks": [[number, counts.to_row()] for number, counts in self.blocks],
            "open_block": self.open_block.to_row(),
            "open_step": self.open_step.to_row(),
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> MarginState:
        """Return the state that `to_row` has written."""
        return cls(
            row["step"],
            tuple(tuple(tuple(buckets) for buckets in tails) for tails in row["margins"]),
            tuple((number, ScoreCounts.from_row(counts)) for number, counts in row["blocks"]),
            ScoreCounts.from_row(row["open_block"]),
            ScoreCounts.from_row(row["open_step"]),
        )


def advance_margins(
    state: MarginState, rides: BoundedRides, now: float, rules: MarginRules, *, kept_out: Collection[int] = ()
) -> MarginState:
    """Return the state at a later instant.

    Args:
        state: The state so far.
        rides: Rides that became known since, up to now, in any order.
        now: Seconds since 1970-01-01 UTC.
        rules: What margins are computed by.
        kept_out: Numbers of the steps at whose end the level was frozen, by its guard or an incident.

    Raises:
        ValueError: A ride became known before the open step or after now, or now lies before the open step.
    """
    known = rides.known_at
    if now < state.since or (len(known) and not state.since <= np.min(known) <= np.max(known) <= now):
        raise ValueError("margins advance from the open step to now, by rides that became known in between")
    counted, last = count_scores(rides, STEP, rules.buckets), int(now // STEP)
    for step in range(state.step, last):
        new = add_scores(state.open_step, counted.get(step, NO_SCORES))
        state = _close_step(state, NO_SCORES if step in kept_out else new, rules)
    return replace(state, open_step=add_scores(state.open_step, counted.get(last, NO_SCORES)))


def _close_step(state: MarginState, new: ScoreCounts, rules: MarginRules) -> MarginState:
    step, open_block = state.step + 1, add_scores(state.open_block, new)
    if step % rules.refresh_steps:
        return replace(state, step=step, open_block=open_block, open_step=NO_SCORES)
    block = step // rules.refresh_steps
    blocks = _select_window((*state.blocks, (block - 1, open_block)), block, rules)
    return MarginState(step, estimate_margins(tuple(counts for _, counts in blocks), rules), blocks)


def _select_window(
    blocks: tuple[tuple[int, ScoreCounts], ...], block: int, rules: MarginRules
) -> tuple[tuple[int, ScoreCounts], ...]:
    """Return the blocks with rides in the window before a block."""
    return tuple(part for part in blocks if block - rules.window_blocks <= part[0] < block and len(part[1].cells))


@dataclass(frozen=True)
class MarginTrace:
    """The margins from the beginning of each block on.

    Attributes:
        first: The number of the first block.
        refresh: Seconds of a block.
        minutes: By block, moment, tail and bucket (n, 2, 2, buckets).
    """

    first: int
    refresh: int
    minutes: NDArray[np.float64]

    def find_margins(
        self, instants: NDArray[np.float64], bucket: NDArray[np.intp], without_distance: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the margins of lower and of upper bounds, both (m,): 0 outside of the trace.

        Args:
            instants: Seconds since 1970-01-01 UTC (m,).
            bucket: Numbers of the buckets of distance (m,), as those of `BoundedRides`.
            without_distance: Whether the answers were given without the metered distance (m,).
        """
        blocks = np.floor_divide(instants, self.refresh) - self.first
        within = (blocks >= 0) & (blocks < len(self.minutes))
        place = blocks[within].astype(np.intp), without_distance[within].astype(np.intp)
        lower, upper = np.zeros((2, len(instants)))
        for tail, found in enumerate((lower, upper)):
            found[within] = self.minutes[*place, tail, bucket[within]]
        return lower, upper


def replay_margins(counted: Mapping[int, ScoreCounts], until: float, rules: MarginRules) -> MarginTrace:
    """Compute the margins from the first ride that became known to an instant, block by block.

    Args:
        counted: Rides by the block in which they became known, as `count_scores` gives them for `rules.refresh`;
            without those of steps that the level has kept out.
        until: Seconds since 1970-01-01 UTC.
        rules: What margins are computed by.
    """
    last = int(until // rules.refresh)
    first = min([last, *counted])
    parts = tuple(sorted(counted.items()))
    minutes = []
    for block in range(first, last + 1):
        window = _select_window(parts, block, rules)
        minutes.append(estimate_margins(tuple(counts for _, counts in window), rules))
    return MarginTrace(first, rules.refresh, np.array(minutes))
