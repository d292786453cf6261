"""Changes that somebody has accepted: what days are compared with from then on, and what could be accepted now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.pipelines.monitoring.evidence import DailySums
from ride_duration.pipelines.monitoring.limits import Thresholds
from ride_duration.pipelines.monitoring.verdict import Verdict, find_beyond
from ride_duration.stats.drift import compute_psi
from ride_duration.store.monitoring import REBASE, Cause, DecisionRow, Finding


class Accepted(NamedTuple):
    """What somebody has accepted of one model version.

    Attributes:
        since: From this day on (datetime64[D]).
        level: Σ actual / Σ predicted that counts as right; 1 where none was accepted.
        error_ratio: Realised by expected RMSE that counts as right, with the level right; 1 where none was accepted.
        rides: For each feature whose distribution was accepted: rides in each bin of the package's reference.
        by: Who decided.
        why: In their words.
        at: When (seconds since 1970-01-01 UTC).
    """

    since: np.datetime64
    level: float
    error_ratio: float
    rides: dict[str, list[float]]
    by: str
    why: str
    at: float


def find_accepted(
    decisions: Sequence[DecisionRow], version: int, evidence: str, moment: str, last_day: str
) -> list[Accepted]:
    """Return what was accepted of a version and still holds, in the order of the decisions.

    Args:
        decisions: About the model, of those at one time the newest first.
        version: That is evaluated; decisions about another one never hold.
        evidence: `log` or `scored`: a level of logged answers says nothing of scored months.
        moment: When the answers were given.
        last_day: Of the window; what was accepted from a later day on does not hold in it.
    """
    oldest_first = list(reversed(decisions))
    own = [
        decision
        for decision in sorted(oldest_first, key=lambda one: one.at)
        if (decision.kind, decision.version) == (REBASE, version)
        and (decision.accepted["evidence"], decision.accepted["moment"]) == (evidence, moment)
        and decision.accepted["since"] <= last_day
    ]
    return [
        Accepted(
            np.datetime64(one.accepted["since"]), one.accepted["level"], one.accepted["error_ratio"],
            one.accepted["rides"], one.by, one.why, one.at,
        )
        for one in own
    ]  # fmt: skip


def find_level_since(accepted: Sequence[Accepted]) -> np.datetime64 | None:
    """Return the day from which on another level or error than the predicted one counts as right; None without."""
    if not accepted or (accepted[-1].level, accepted[-1].error_ratio) == (1.0, 1.0):
        return None
    return accepted[-1].since


def compare_with(days: DailySums, accepted: Sequence[Accepted]) -> DailySums:
    """Return the sums of days as if the accepted level and error had been predicted.

    Every answer is multiplied by the accepted level, and every expected RMSE by level and accepted error ratio: of days
    as they were accepted, level and realised by expected error are 1. Days before are compared as before.

    Args:
        days: The days (n,).
        accepted: In the order of the decisions; of those that cover a day the last one holds.
    """
    level, ratio = np.ones(len(days.day)), np.ones(len(days.day))
    for one in accepted:
        covered = days.day >= one.since
        level[covered], ratio[covered] = one.level, one.level * one.error_ratio
    corrected = days.actual_squared - 2 * level * days.product + level**2 * days.predicted_squared
    return days._replace(
        predicted=level * days.predicted,
        product=level * days.product,
        predicted_squared=level**2 * days.predicted_squared,
        squared=np.where(level == 1, days.squared, corrected),
        expected=ratio**2 * days.expected,
    )


def leave_out_accepted(drift_scores: pd.DataFrame, accepted: Sequence[Accepted], psi: float) -> pd.DataFrame:
    """Return scores of drift in which a feature is `beyond` only where it differs from what was accepted as well.

    Args:
        drift_scores: Of `measure_drift`.
        accepted: The last one holds.
        psi: Smallest PSI that matters.
    """
    rides = accepted[-1].rides if accepted else {}
    if drift_scores.empty or not rides:
        return drift_scores
    differs = [
        score["feature"] not in rides
        or len(rides[score["feature"]]) != len(score["share"])
        or float(compute_psi(rides[score["feature"]], np.asarray(score["share"]) * score["rides"])) >= psi
        for score in drift_scores.to_dict("records")
    ]
    return drift_scores.assign(beyond=drift_scores["beyond"] & np.array(differs))


def offer_change(
    days: DailySums,
    usable: NDArray[np.bool_],
    verdict: Verdict,
    drift_scores: pd.DataFrame,
    drifted: Sequence[str],
    accepted: Sequence[Accepted],
    thresholds: Thresholds,
) -> dict[str, Any] | None:
    """Return what `kedro monitor rebase` would accept now; None where there is nothing to accept.

    It is the level and the error of the fortnights up to the last day that are beyond a threshold (of the last one,
    where only the daily level moves), or the rides of the features that differ.

    Args:
        days: Of the window, as they are.
        usable: Which of them (n,) count.
        verdict: Of `decide`, about these days as `compare_with` returns them.
        drift_scores: Of `measure_drift`, as `leave_out_accepted` returns them.
        drifted: Features that differ.
        accepted: What holds already; it is kept where it is not replaced.
        thresholds: Where each finding begins.
    """
    if verdict.finding not in (Finding.WATCH, Finding.RETRAIN):
        return None
    before = accepted[-1] if accepted else Accepted(days.day[usable][-1], 1.0, 1.0, {}, "", "", 0.0)
    since, level, error_ratio = before.since, before.level, before.error_ratio
    beyond = [any(found) for found in zip(*find_beyond(verdict.parts, thresholds), strict=True)]
    number = (beyond.index(False) if False in beyond else len(beyond)) or int(not any(beyond))
    changed = verdict.cause in (Cause.LEVEL, Cause.SEASON, Cause.STRUCTURE) and number > 0
    if not changed and not drifted:
        return None
    if changed:
        since = verdict.parts[number - 1].first
        chosen = days.select(usable & (days.day >= since))
        level = chosen.level
        ratio = chosen.corrected_error_ratio
        error_ratio = 1.0 if np.isnan(ratio) else max(1.0, ratio)
    rides = dict(before.rides)
    for name in drifted:
        scores = drift_scores[(drift_scores["feature"] == name) & drift_scores["beyond"]]
        totals = np.sum([np.asarray(share) * of for share, of in zip(scores["share"], scores["rides"], strict=True)], 0)
        rides[name] = [round(float(total), 1) for total in totals]
    return {
        "since": str(since), "level": round(level, 4), "error_ratio": round(error_ratio, 4), "rides": rides,
    }  # fmt: skip


def to_entry(accepted: Accepted) -> dict[str, Any]:
    """Return what holds as `describe_acceptance` takes it, and as a verdict keeps it."""
    entry = {name: value for name, value in accepted._asdict().items() if name != "rides"}
    return entry | {"since": str(accepted.since), "drifted": sorted(accepted.rides)}
