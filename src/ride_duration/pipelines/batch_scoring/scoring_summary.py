"""What was scored, and how far off it was where the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir

from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.scored_level import LEVEL
from ride_duration.pipelines.batch_scoring.scoring import partition_of
from ride_duration.trips.records import DURATION


def summarise_scores(scored_trips: dict[str, Callable[[], ir.Table]], scoring: Scoring) -> str:
    """Rows, RMSE and coverage of each month that was scored, as plain text.

    Args:
        scored_trips: For each partition, a function that opens it as a table.
        scoring: Says which type of taxi and months.
    """
    months = {month: _measure(scored_trips[partition_of(scoring.taxi_type, month)]()) for month in scoring.months}
    simulated = ", simulated" if scoring.simulated else ""
    versions = ", ".join(sorted({measures["version"] for measures in months.values()}))
    lines = [
        f"Scored {scoring.taxi_type} trips with model version {versions}{simulated}",
        f"{'month':<10}{'trips':>12}{'known':>12}{'RMSE':>8}{'in interval':>13}",
    ]
    for month, measures in months.items():
        held = "" if measures["held"] is None else f"{measures['held']:.1%}"
        rmse = "" if measures["rmse"] is None else f"{measures['rmse']:.2f}"
        lines.append(f"{month:<10}{measures['trips']:>12,}{measures['known']:>12,}{rmse:>8}{held:>13}")
    low, high = DURATION
    metered = ", with the metered distance," if any(measures["metered"] for measures in months.values()) else ""
    lines.append(
        f"known: of {low:g} to {high:g} minutes; RMSE in minutes{metered} and intervals are evaluated on these"
    )
    if scoring.score_level != "off":
        lines += _summarise_level(scored_trips, scoring)
    return "\n".join([*lines, ""])


def _summarise_level(scored_trips: dict[str, Callable[[], ir.Table]], scoring: Scoring) -> list[str]:
    """Say what the level has changed, at both moments."""
    lines = [
        "",
        f"Level as of each pick-up, durations known {scoring.label_delay_hours:g} h after the drop-off",
        f"{'month':<10}{'moment':<18}{'RMSE raw':>10}{'corrected':>20}{'MAE raw':>10}{'corrected':>11}{'level':>16}",
    ]
    for month in scoring.months:
        scored = scored_trips[partition_of(scoring.taxi_type, month)]()
        for moment, (shown, raw) in _MOMENTS.items():
            measures = _compare(scored, shown, raw)
            if measures["rmse"] is None:
                continue
            corrected = f"{measures['rmse']:.3f} ({measures['rmse'] / measures['rmse_raw'] - 1:+.1%})"
            level = f"{measures['least']:.3f} to {measures['most']:.3f}"
            lines.append(
                f"{month:<10}{moment:<18}{measures['rmse_raw']:>10.3f}{corrected:>20}"
                f"{measures['mae_raw']:>10.3f}{measures['mae']:>11.3f}{level:>16}"
            )
    return lines


#: For each moment the columns of the corrected and of the raw answer.
_MOMENTS = {
    "with distance": ("predicted_duration", "duration_raw"),
    "at request time": ("predicted_without_distance", "duration_raw_without_distance"),
}


def _compare(scored: ir.Table, shown: str, raw: str) -> dict[str, Any]:
    actual, known = scored.actual_duration, scored.actual_duration.between(*DURATION).fill_null(False)
    measures: dict[str, Any] = {"least": scored[LEVEL].min(where=known), "most": scored[LEVEL].max(where=known)}
    for suffix, column in (("", shown), ("_raw", raw)):
        error = scored[column] - actual
        measures[f"rmse{suffix}"] = (error * error).mean(where=known).sqrt()
        measures[f"mae{suffix}"] = error.abs().mean(where=known)
    return dict(scored.aggregate(**measures).to_pyarrow().to_pylist()[0])


def _measure(scored: ir.Table) -> dict[str, Any]:
    known = scored.actual_duration.between(*DURATION).fill_null(False)
    held = scored.actual_duration.between(scored.lower, scored.upper).cast("float64")
    measured = scored.aggregate(
        trips=scored.count(),
        known=known.sum(),
        rmse=(scored["diff"] * scored["diff"]).mean(where=known).sqrt(),
        held=held.mean(where=known),
        metered=(scored.predicted_duration != scored.predicted_without_distance).fill_null(True).any(),
        version=scored.model_version.max(),
    )
    return dict(measured.to_pyarrow().to_pylist()[0])
