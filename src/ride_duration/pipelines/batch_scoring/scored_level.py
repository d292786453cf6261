"""The live level of the months that are scored, as it was known at each pick-up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import ibis.expr.types as ir
import pyarrow as pa

from ride_duration.level import LevelRules, LevelTrace, StepSums, add_sums
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.streams import in_turn
from ride_duration.pipelines.batch_scoring.trip_batches import numbers_of, rides_of, without_distance
from ride_duration.pipelines.live_level import replay_until_end, sum_known_rides

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


def select_raw(scored: ir.Table) -> ir.Table:
    """Return scored trips with the answers that the model gave, whether or not the level has corrected them."""
    if LEVEL not in scored.columns:
        return scored
    raw = scored.mutate(**{column: scored[name] for column, name in RAW.items()}).drop(*RAW.values(), LEVEL)
    return raw.mutate(diff=raw["actual_duration"] - raw["predicted_duration"])


def replay_months(
    months: Mapping[str, Callable[[], Iterator[pa.RecordBatch]]],
    package: ModelPackage,
    scoring: Scoring,
    rules: LevelRules,
) -> LevelTrace:
    """Compute the level step by step, from the first trip of the months to their end.

    It learns from the answers at request time, as users get them; from those with the metered distance where the model
    needs that. Each trip is answered once more for it, without an interval.

    Args:
        months: For each month, in the order of time, a function that reads its trips.
        package: Answers.
        scoring: Says when durations are known.
        rules: What the level is computed by.
    """
    sums: StepSums = {}
    for month, read in months.items():
        log.info("       summing up the trips of %s for the level", month)
        work = partial(_sum_batch, month=month, package=package, delay_hours=scoring.label_delay_hours)
        for batch_sums in in_turn(work, read(), scoring.engine_threads):
            sums = add_sums(sums, batch_sums)
    return replay_until_end(sums, max(months), rules)


def _sum_batch(trips: pa.RecordBatch, month: str, package: ModelPackage, delay_hours: float) -> StepSums:
    rides = rides_of(trips)
    asked = rides if package.manifest["distance"] == "required" else without_distance(rides)
    predicted = package.answer(asked, intervals=False).duration
    return sum_known_rides(rides.pickup_datetime, numbers_of(trips["duration"]), predicted, month, delay_hours)
