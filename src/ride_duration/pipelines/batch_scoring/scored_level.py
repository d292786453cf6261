"""The live level of the months that are scored, and the margins of their intervals, as known at each pick-up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from ride_duration.level import (
    LevelRules,
    LevelTrace,
    MarginRules,
    MarginTrace,
    ScoreCounts,
    StepSums,
    add_scores,
    add_sums,
    replay_margins,
)
from ride_duration.model_package import ModelPackage, Rides
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.streams import in_turn
from ride_duration.pipelines.batch_scoring.trip_batches import numbers_of, rides_of, without_distance
from ride_duration.pipelines.live_intervals import count_known_scores, find_buckets, multiply
from ride_duration.pipelines.live_level import find_end, find_factors_of, replay_until_end, sum_known_rides

log = logging.getLogger(__name__)

#: The columns of answers, and those of the same answers before they are corrected: at the end of scored trips where the
#: level is on, and followed by what answers are multiplied by.
RAW = {
    "predicted_duration": "duration_raw",
    "lower": "lower_raw",
    "upper": "upper_raw",
    "predicted_without_distance": "duration_raw_without_distance",
    "lower_without_distance": "lower_raw_without_distance",
    "upper_without_distance": "upper_raw_without_distance",
}
LEVEL = "level"

#: What lower bounds were lowered, and upper ones raised by, after they were multiplied: at the very end.
MARGINS = ("lower_margin", "upper_margin", "lower_margin_without_distance", "upper_margin_without_distance")

#: For each month, in the order of time, a function that reads its trips.
Months = Mapping[str, Callable[[], Iterator[pa.RecordBatch]]]


class ReplayedLevel(NamedTuple):
    """What was known of the months at each moment.

    Attributes:
        factors: The level.
        margins: Of intervals; None where none are asked for.
    """

    factors: LevelTrace
    margins: MarginTrace | None


def select_raw(scored: ir.Table) -> ir.Table:
    """Return scored trips with the answers that the model gave, whether or not the level has corrected them."""
    if LEVEL not in scored.columns:
        return scored
    raw = scored.mutate(**{column: scored[name] for column, name in RAW.items()}).drop(*RAW.values(), LEVEL, *MARGINS)
    return raw.mutate(diff=raw["actual_duration"] - raw["predicted_duration"])


def replay_months(months: Months, package: ModelPackage, scoring: Scoring) -> ReplayedLevel | None:
    """Compute level and margins step by step, from the first trip of the months to their end; None where it is off.

    The level learns from the answers at request time, as users get them; from those with the metered distance where
    the model needs that. Each trip is answered once more for it, without an interval. Where intervals are asked for, it
    is answered a third time, at both moments, for the margins: they learn from bounds that the level has corrected.

    Args:
        months: What is scored.
        package: Answers.
        scoring: Says when durations are known, and what level and margins are computed by.
    """
    rules = scoring.level_rules
    if rules is None or scoring.level is None:
        return None
    trace = _replay_level(months, package, scoring, rules)
    if not scoring.score_intervals:
        return ReplayedLevel(trace, None)
    return ReplayedLevel(
        trace, _replay_margins(months, package, scoring, trace, scoring.level.intervals.make_rules(package.calibration))
    )


def _replay_level(months: Months, package: ModelPackage, scoring: Scoring, rules: LevelRules) -> LevelTrace:
    sums: StepSums = {}
    for month, read in months.items():
        log.info("       summing up the trips of %s for the level", month)
        work = partial(_sum_batch, month=month, package=package, delay_hours=scoring.label_delay_hours)
        for batch_sums in in_turn(work, read(), scoring.engine_threads):
            sums = add_sums(sums, batch_sums)
    return replay_until_end(sums, max(months), rules)


def _replay_margins(
    months: Months, package: ModelPackage, scoring: Scoring, trace: LevelTrace, rules: MarginRules
) -> MarginTrace:
    parts: dict[int, list[ScoreCounts]] = {}
    for month, read in months.items():
        log.info("       counting the trips of %s outside of their intervals", month)
        work = partial(_count_batch, month=month, package=package, scoring=scoring, trace=trace, rules=rules)
        for counted in in_turn(work, read(), scoring.engine_threads):
            for moment in counted:
                for block, counts in moment.items():
                    parts[block] = [add_scores(*parts.get(block, ()), counts)]
    return replay_margins({block: counts for block, [counts] in parts.items()}, find_end(max(months)), rules)


def _sum_batch(trips: pa.RecordBatch, month: str, package: ModelPackage, delay_hours: float) -> StepSums:
    rides = rides_of(trips)
    asked = rides if package.manifest["distance"] == "required" else without_distance(rides)
    predicted = package.answer(asked, intervals=False).duration
    return sum_known_rides(rides.pickup_datetime, numbers_of(trips["duration"]), predicted, month, delay_hours)


def _count_batch(
    trips: pa.RecordBatch,
    month: str,
    package: ModelPackage,
    scoring: Scoring,
    trace: LevelTrace,
    rules: MarginRules,
) -> list[dict[int, ScoreCounts]]:
    """Count the trips with their metered distance, and as at request time."""
    rides = rides_of(trips)
    actual = numbers_of(trips["duration"])
    factors = find_factors_of(trace, rides.pickup_datetime, month)

    def count(asked: Rides, *, is_request_time: bool) -> dict[int, ScoreCounts]:
        columns = package.columns(asked)
        answers = multiply(package.answer_columns(columns), factors)
        bucket, without = find_buckets(columns, package.calibration.edges)
        # A metered distance that is not plausible counts as unknown: that answer is the one at request time.
        labelled = np.where(without == is_request_time, actual, np.nan)
        delay = scoring.label_delay_hours
        groups = bucket, without
        return count_known_scores(rides.pickup_datetime, labelled, answers, groups, month, delay, trace, rules)

    counted = [count(rides, is_request_time=False)]
    if package.manifest["distance"] != "required":
        counted.append(count(without_distance(rides), is_request_time=True))
    return counted
