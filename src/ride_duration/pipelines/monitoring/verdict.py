"""Is the model still right, and if not, why: one verdict about a window of days, with its cause and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ride_duration.pipelines.monitoring.evidence import DailySums
from ride_duration.pipelines.monitoring.limits import Thresholds
from ride_duration.stats.change import accumulate_changes
from ride_duration.stats.day_bounds import bound_ratio
from ride_duration.store.monitoring import Cause, Finding

#: Two-sided confidence of the bounds of a part: the true ratio is below the lower one in one of twenty.
_CONFIDENCE = 0.9


class Verdict(NamedTuple):
    """What is said about a window.

    Attributes:
        finding: What is found.
        cause: Why.
        reasons: Sentences with the numbers that decided, the weightiest first.
        gain: Share of the RMSE that retraining is expected to save.
        parts: The consecutive windows that it was decided on, the newest first; none where it needed none.
    """

    finding: Finding
    cause: Cause
    reasons: tuple[str, ...]
    gain: float
    parts: tuple[Part, ...] = ()


class Part(NamedTuple):
    """One of the consecutive windows that are compared with the thresholds.

    Attributes:
        first: Its first day.
        last: Its last day.
        log_level: Logarithm of Σ actual / Σ predicted.
        error_ratio: Realised by expected error.
        lower: Lower bound of it by correlated days (one in twenty is truly below); NaN for fewer than a week of days.
        corrected: The same ratio once the level is right.
    """

    first: np.datetime64
    last: np.datetime64
    log_level: float
    error_ratio: float
    lower: float
    corrected: float


def decide(
    days: DailySums,
    incidents: NDArray[np.bool_],
    drifted: Sequence[str],
    missing: Sequence[str],
    thresholds: Thresholds,
    year_before: DailySums | None = None,
    lacking: NDArray[np.bool_] | None = None,
    accepted_since: np.datetime64 | None = None,
) -> Verdict:
    """Say what the days of a window show. The first that fits: incident, insufficient, retrain, watch, ok.

    Args:
        days: The days of the window.
        incidents: Which of them (n,) something broke on.
        drifted: Features whose distribution has changed for good (k of m windows).
        missing: Those of them of which more values are missing, or unknown, than before.
        thresholds: Where each finding begins.
        year_before: The same days of the year before, as far as there are rows.
        lacking: Days (n,) of which too few durations are reported though time is over; none if not given.
        accepted_since: From this day on the sums are compared with a level that was accepted.
    """
    labelled = days.labelled >= thresholds.min_rides_of_a_day
    overdue = np.zeros(len(labelled), dtype=bool) if lacking is None else lacking & ~labelled
    usable = labelled & ~incidents
    parts = split(days, usable, thresholds, overdue) if usable.any() else []
    looked_at = usable & (days.day >= parts[-1].first) if parts else usable
    gain = _estimate_gain(days.select(looked_at)) if looked_at.any() else 0.0
    known = labelled | incidents
    if incidents.any() and (
        incidents.sum() > thresholds.incident_share * known.sum() or incidents[np.flatnonzero(known)[-1]]
    ):
        broken = f"{incidents.sum()} of {known.sum()} days are incidents, the last on {days.day[incidents][-1]}"
        return Verdict(Finding.INCIDENT, Cause.DATA, (broken,), gain)
    if shortage := _find_shortage(days, overdue, looked_at, len(parts), thresholds):
        return Verdict(Finding.INSUFFICIENT, Cause.NONE, (shortage,), gain)
    by_level, by_error = find_beyond(parts, thresholds)
    reasons = _describe(parts, by_level, by_error, gain, thresholds, accepted_since)
    if any(by_level) or any(by_error):
        one_way = len({part.log_level > 0 for part in parts}) == 1
        lasting = len(parts) == thresholds.windows and ((all(by_level) and one_way) or all(by_error))
        finding = Finding.RETRAIN if lasting and gain >= thresholds.min_gain else Finding.WATCH
        beyond = next(part for part, *found in zip(parts, by_level, by_error, strict=True) if any(found))
        return Verdict(finding, _find_cause(beyond, year_before, thresholds), reasons, gain, tuple(parts))
    if moved_since := _find_movement(days, usable, thresholds, accepted_since):
        return Verdict(Finding.WATCH, Cause.LEVEL, (moved_since, *reasons), gain, tuple(parts))
    if drifted:
        changed = f"data drift: {', '.join(drifted)}"
        return Verdict(Finding.WATCH, Cause.DATA if missing else Cause.MIX, (changed, *reasons), gain, tuple(parts))
    return Verdict(Finding.OK, Cause.NONE, reasons, gain, tuple(parts))


def find_beyond(parts: Sequence[Part], thresholds: Thresholds) -> tuple[list[bool], list[bool]]:
    """Return which parts are beyond a threshold, by their level and by their error."""
    by_level = [abs(part.log_level) > thresholds.log_level for part in parts]
    by_error = [
        part.error_ratio > thresholds.error_ratio and part.lower > thresholds.error_ratio_lower for part in parts
    ]
    return by_level, by_error


def _find_shortage(
    days: DailySums, overdue: NDArray[np.bool_], looked_at: NDArray[np.bool_], parts: int, thresholds: Thresholds
) -> str:
    """Say what is not known that a verdict needs; empty where all of it is."""
    labelled = days.labelled >= thresholds.min_rides_of_a_day
    since = days.day[overdue & (np.cumsum(labelled) == labelled.sum())]
    if len(since):
        return (
            f"{len(since)} days since {since[0]}: fewer actual durations than usual are reported, though their time is "
            f"over; find out why"
        )
    number, rides = looked_at.sum(), days.labelled[looked_at].sum()
    if parts and number >= thresholds.min_days and rides >= thresholds.min_rides:
        return ""
    return (
        f"{number} days with {rides:,.0f} rides whose duration is known in {parts} of {thresholds.windows} windows of "
        f"{thresholds.window_days} days; {thresholds.min_days} days and {thresholds.min_rides:,} rides are needed, and "
        f"half of the days of a window"
    )


def split(days: DailySums, usable: NDArray[np.bool_], thresholds: Thresholds, overdue: NDArray[np.bool_]) -> list[Part]:
    """Split the end of a window into consecutive parts of `window_days` days each, the newest first.

    The end is the last day that is known, or should be: what was right before reports stopped says nothing of the days
    since. A part in which fewer than half of the days can be used is left out, with all that are older.
    """
    last = days.day[usable | overdue][-1]
    parts: list[Part] = []
    for number in range(thresholds.windows):
        end = last - np.timedelta64(number * thresholds.window_days, "D")
        begin = end - np.timedelta64(thresholds.window_days - 1, "D")
        chosen = usable & (days.day >= begin) & (days.day <= end)
        if 2 * chosen.sum() < thresholds.window_days:
            break
        part = days.select(chosen)
        lower = float(np.sqrt(np.maximum(bound_ratio(part.squared, part.expected, _CONFIDENCE)[0], 0.0)))
        parts.append(
            Part(
                begin, end, float(np.log(part.level)), part.error_ratio, lower,
                part.corrected_error_ratio,
            )
        )  # fmt: skip
    return parts


def _find_movement(
    days: DailySums, usable: NDArray[np.bool_], thresholds: Thresholds, accepted_since: np.datetime64 | None
) -> str:
    """Say since when the daily level has moved; a change that was accepted is where sums begin again."""
    if accepted_since is not None and (usable & (days.day >= accepted_since)).any():
        usable = usable & (days.day >= accepted_since)
    log_levels = np.where(usable, np.log(np.maximum(days.actual, 1e-9) / np.maximum(days.predicted, 1e-9)), np.nan)
    limits = thresholds.cusum
    alarm = accumulate_changes(log_levels, limits.clip, limits.allowance, limits.limit).alarm[usable]
    if not alarm[-1]:
        return ""
    quiet = np.flatnonzero(~alarm)
    first = days.day[usable][quiet[-1] + 1 if len(quiet) else 0]
    return f"the level of the days has moved: its cumulative sum is beyond the limit since {first}"


def _estimate_gain(days: DailySums) -> float:
    """Return the share of the RMSE that a new model is expected to save.

    It is what lies above the expected error, or what a right level alone would save, whichever is more: errors of
    faster traffic are small at any level.
    """
    with_right_level = np.sqrt(days.correct(days.level).sum() / max(days.squared.sum(), 1e-9))
    ratio = days.error_ratio
    return float(max(0.0, 1 - with_right_level, 0.0 if np.isnan(ratio) else 1 - 1 / ratio))


def _find_cause(beyond: Part, year_before: DailySums | None, thresholds: Thresholds) -> Cause:
    """Return why the newest part that is beyond a threshold is so."""
    if beyond.corrected > thresholds.error_ratio or abs(beyond.log_level) <= thresholds.log_level:
        return Cause.STRUCTURE
    if year_before is None or year_before.labelled.sum() < thresholds.min_rides:
        return Cause.LEVEL
    as_then = abs(np.log(year_before.level) - beyond.log_level) <= thresholds.log_level / 2
    return Cause.SEASON if as_then else Cause.LEVEL


def _describe(
    parts: list[Part],
    by_level: list[bool],
    by_error: list[bool],
    gain: float,
    thresholds: Thresholds,
    accepted_since: np.datetime64 | None,
) -> tuple[str, ...]:
    sentences = []
    for part, level, error in zip(parts, by_level, by_error, strict=True):
        slower = np.exp(part.log_level) - 1
        limit = np.exp(thresholds.log_level) - 1
        than = "predicted" if accepted_since is None or part.last < accepted_since else "accepted"
        error_than = "expected" if than == "predicted" else than
        sentences.append(
            f"{part.first} to {part.last}: rides take {abs(slower):.1%} {'longer' if slower > 0 else 'shorter'} than "
            f"{than} ({'beyond' if level else 'within'} {limit:.1%})"
        )
        if not np.isnan(part.error_ratio):
            least = "" if np.isnan(part.lower) else f", at least {part.lower:.3f}"
            sentences.append(
                f"{part.first} to {part.last}: RMSE {part.error_ratio:.3f} of the {error_than} one{least} "
                f"({'beyond' if error else 'within'} {thresholds.error_ratio:g}); "
                f"{part.corrected:.3f} with the level right"
            )
    sentences.append(f"retraining is expected to save {gain:.1%} of the RMSE")
    return tuple(sentences)
