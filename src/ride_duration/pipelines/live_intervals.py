"""The intervals of months that are replayed: scaled by the live level, and calibrated again on what became known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ride_duration.level import BoundedRides, LevelTrace, MarginRules, MarginTrace, ScoreCounts, count_scores
from ride_duration.model_package import Answers
from ride_duration.model_package.intervals import buckets
from ride_duration.pipelines.live_level import find_known_rides
from ride_duration.trips.clock import find_instants


def find_buckets(columns: dict[str, Any], edges: tuple[float, ...]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the bucket of distance (n,) of each answer, and whether it is given without the metered distance (n,).

    Where the metered distance is in the request, its bucket; else that of the distance between the zones.

    Args:
        columns: What the model reads, by name.
        edges: In miles, as the package's calibration has them.
    """
    metered = columns["trip_distance"]
    is_missing = np.isnan(metered)
    return buckets(np.where(is_missing, columns["straight_distance"], metered), edges), is_missing


def multiply(answers: Answers, factors: NDArray[np.float64]) -> Answers:
    """Return answers and bounds (n) multiplied by the level, within the range of all answers."""
    return Answers._make(minutes * factors if len(minutes) else minutes for minutes in answers).limit()


def move_bounds(answers: Answers, below: NDArray[np.float64], above: NDArray[np.float64]) -> Answers:
    """Return answers (n) with their bounds moved by margins (n), never to the wrong side of the answer."""
    lower = np.minimum(answers.lower - below, answers.duration)
    return answers._replace(lower=lower, upper=np.maximum(answers.upper + above, answers.duration)).limit()


def count_known_scores(
    wall_clock: NDArray[np.datetime64],
    actual: NDArray[np.float64],
    answers: Answers,
    groups: tuple[NDArray[np.intp], NDArray[np.bool_]],
    month: str,
    delay_hours: float,
    trace: LevelTrace,
    rules: MarginRules,
) -> dict[int, ScoreCounts]:
    """Count how far outside of their bounds rides of a month ended, by the block in which that became known.

    Args:
        wall_clock: Their pick-ups (n,), New York wall clock.
        actual: Minutes (n,).
        answers: With bounds (n), multiplied by the level.
        groups: As `find_buckets` gives them.
        month: As for `live_level.sum_known_rides`.
        delay_hours: From the drop-off to the label.
        trace: What it has kept out does not count.
        rules: What margins are computed by.
    """
    chosen, known_at = find_known_rides(wall_clock, actual, month, delay_hours)
    counts = np.isfinite(answers.lower[chosen]) & np.isfinite(answers.upper[chosen]) & ~trace.find_kept_out(known_at)
    rides, (bucket, without) = chosen[counts], groups
    bounded = BoundedRides(
        known_at[counts], actual[rides], answers.lower[rides], answers.upper[rides], bucket[rides], without[rides]
    )
    return count_scores(bounded, rules.refresh, rules.buckets)


def find_margins_of(
    trace: MarginTrace,
    wall_clock: NDArray[np.datetime64],
    groups: tuple[NDArray[np.intp], NDArray[np.bool_]],
    month: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the margins of lower and upper bounds, both (n,), at pick-ups (n,): 0 outside of the month."""
    below, above = np.zeros((2, len(wall_clock)))
    within = wall_clock.astype("datetime64[M]") == np.datetime64(month, "M")
    instants, (bucket, without) = find_instants(wall_clock[within]), groups
    below[within], above[within] = trace.find_margins(instants, bucket[within], without[within])
    return below, above
