"""Daily sums and drift -> the verdict of a window, as data and as text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.model_package.reference import ANSWERS
from ride_duration.pipelines.monitoring.acceptance import (
    compare_with,
    find_accepted,
    find_level_since,
    leave_out_accepted,
    offer_change,
    to_entry,
)
from ride_duration.pipelines.monitoring.comparable_days import CALENDAR
from ride_duration.pipelines.monitoring.daily_sums import ALL, select_days
from ride_duration.pipelines.monitoring.drift import find_drifted
from ride_duration.pipelines.monitoring.evaluated import Evaluated
from ride_duration.pipelines.monitoring.evidence import DailySums
from ride_duration.pipelines.monitoring.incident_days import (
    Incident,
    describe_incidents,
    describe_marks,
    mark_days,
)
from ride_duration.pipelines.monitoring.parameters import Monitored, Monitoring
from ride_duration.pipelines.monitoring.skew import describe_probe
from ride_duration.pipelines.monitoring.verdict import decide
from ride_duration.pipelines.monitoring.window_figures import (
    estimate_error,
    measure,
    measure_moments,
    round_known,
)
from ride_duration.store.monitoring import SKEW, DayState, DecisionRow, Evidence, Finding
from ride_duration.store.variant import Variant
from ride_duration.trips.features import FEATURES

#: What to do where the service does not answer as its package does; `env` is the option that names the environment.
NEXT_OF_SKEW = (
    "find what differs between the service and this package (other libraries, another registry, changed rows of the "
    "log): `kedro models list{env}` and the service's GET /models show versions"
)

#: How answers are called for people.
_ANSWERS = {
    "predicted": "answers with the metered distance",
    "predicted_without_distance": "answers at request time",
}

#: What to do about each finding.
_NEXT = {
    Finding.OK: "nothing to do; look again when the next days are known",
    Finding.WATCH: "look again in a week; the report shows what moved",
    Finding.RETRAIN: "train on newer months: `kedro run{env} --params=train_data=MONTHS,val_data=MONTH`",
    Finding.INCIDENT: "find what broke (meters, a source, a blizzard); `kedro monitor mark DAY..DAY{env} --by WHO "
    "--why REASON` leaves days out",
    Finding.INSUFFICIENT: "wait for more actual durations, or score more months",
}


def evaluate_window(
    daily_sums: pd.DataFrame,
    drift_scores: pd.DataFrame,
    evaluated: Evaluated,
    monitoring: Monitored,
    label_figures: dict[str, Any] | None = None,
    decisions: Sequence[DecisionRow] = (),
) -> dict[str, Any]:
    """Decide about the version that scored the last day of the window.

    Args:
        daily_sums: Of `sum_days`.
        drift_scores: Of `measure_drift`.
        evaluated: Of `find_evaluated`.
        monitoring: Says which months, and where each finding begins.
        label_figures: Of `summarise_labels`; none for scored months.
        decisions: Changes that somebody has accepted; they hold for official verdicts.

    Returns:
        Whether it is `official`, and if not, why it is `exploratory`; `verdict`, `cause`, `reasons`, `gain`, `next`;
        `version`, `moment`, `first` and `last` day that has answers; the figures of the window, each with its day
        bounds; `drifted` features, and the `separation` of all of them together; `incidents`, days, and what broke on
        them, `broken`; days that people have `marked`; `probed`, what was scored again of each version;
        `skew_of_others`, what `describe_skew_of_others` says; `accepted`, what the days are compared with, and `offer`,
        what could be accepted now, each None where there is nothing;
        `missing`, what could not be evaluated; the page about it, `report`. Of rides without a report, what is
        `expected`; the main figures of both `moments`; and `drifted_in`, in how many weeks a feature must differ.
    """
    version, moment = evaluated.version, evaluated.moment
    missing = []
    if moment != (wanted := monitoring.monitored_moment):
        missing.append(f"answers {wanted.replace('_', ' ')}: there are none of version {version}")
    days = select_window(daily_sums, monitoring, version, moment)
    broken = evaluated.find_within(monitoring.first_day)
    incidents = mark_days(days.day, broken)
    evidence = Evidence.LOG if monitoring.is_of_log else Evidence.SCORED
    official, limits = not monitoring.why_exploratory, monitoring.verdict_thresholds
    accepted = find_accepted(decisions, version, evidence, moment, monitoring.last_day)
    if accepted and not official:
        missing.append("changes that were accepted: they hold for official verdicts alone")
        accepted = []
    drift_scores = leave_out_accepted(drift_scores, accepted, monitoring.drift_limits.psi)
    drifted, more_missing = find_drifted(drift_scores, monitoring.drift_limits)
    least = limits.min_rides_of_a_day
    lacking = select_lacking(daily_sums, version, monitoring.first_day, monitoring.last_day, least)
    year_before = daily_sums[daily_sums["day"].astype(str) < monitoring.first_day]
    marked = np.isin(days.day, monitoring.marked_days)
    verdict = decide(
        compare_with(days, accepted).select(~marked),
        incidents[~marked],
        drifted,
        more_missing,
        limits,
        _find_year_before(year_before, moment, version, monitoring),
        lacking[~marked],
        find_level_since(accepted),
    )
    counted = days.labelled >= least
    usable = counted & ~incidents & ~marked
    offer = offer_change(days, usable, verdict, drift_scores, drifted, accepted, limits) if official else None
    answered = days.day[days.rides > 0] if days.rides.any() else days.day
    if to_come := monitoring.days_to_come:
        missing.append(f"{to_come[0]} to {to_come[1]}: these days are not over")
    if lacking.any():
        missing.append(f"{describe_days(days.day[lacking])}: fewer actual durations than usual are reported")
    if drift_scores.empty and not days.rides[-monitoring.drift_limits.window_days :].any():
        missing.append(f"drift: no rides in the last {monitoring.drift_limits.window_days} days")
    elif drift_scores.empty and incidents[-monitoring.drift_limits.window_days :].mean() >= 0.5:
        missing.append("drift: too few of the last days are without an incident")
    elif drift_scores.empty:
        missing.append("drift: the package is not registered here, or has no reference (released by a former version)")
    elif unknown := sorted({*FEATURES, *ANSWERS} - set(drift_scores["feature"]) - set(CALENDAR)):
        where = "too few of the logged rides have it" if monitoring.is_of_log else "not among the scored trips"
        missing += [f"drift of {_ANSWERS.get(name, name)}: {where}" for name in unknown]
    if not drift_scores.empty and not set(CALENDAR) & set(drift_scores["feature"]):
        missing.append(f"drift of {', '.join(CALENDAR)}: no week of the last ones without a gap or an incident")
    if not counted.any():
        missing.append(f"expected error: not one day with {least} labelled rides yet")
    elif np.isnan(days.expected[counted]).all():
        missing.append(
            "expected error: the package is not registered here, or has no error model (of a former version)"
        )
    probed = describe_probe(daily_sums, monitoring)
    missing += [
        f"{one['drawn']:,} answers of version {one['version']} scored again: its package is damaged, or not registered "
        "here"
        for one in probed
        if not one["probed"]
    ]
    skewed = verdict.finding == Finding.INCIDENT and any(incident.kind == SKEW for incident in broken)
    next_step = NEXT_OF_SKEW if skewed else _NEXT[verdict.finding]
    return {
        "official": official, "exploratory": monitoring.why_exploratory,
        "verdict": str(verdict.finding), "cause": str(verdict.cause), "reasons": list(verdict.reasons),
        "gain": round(verdict.gain, 4), "next": next_step.format(env=monitoring.env_option),
        "probed": probed, "skew_of_others": describe_skew_of_others(evaluated.of_others),
        "accepted": to_entry(accepted[-1]) if accepted else None,
        "offer": None if offer is None else offer | {"evidence": str(evidence), "moment": moment},
        "window": monitoring.window, "evidence": str(evidence),
        "taxi_type": monitoring.taxi_type, "source": monitoring.source, "simulated": monitoring.simulated,
        "version": version, "moment": moment, "first": str(answered[0]), "last": str(answered[-1]),
        "figures": measure(days.select(counted)) | {"labelled": [_find_labelled_share(days, label_figures)] * 3},
        "expected": estimate_error(daily_sums, monitoring, version, moment),
        "moments": measure_moments(daily_sums, monitoring, version),
        "drifted": drifted, "drifted_in": monitoring.drift_limits.rule,
        "separation": find_separation(drift_scores),
        "incidents": [str(day) for day in days.day[incidents]],
        "broken": describe_incidents(broken), "marked": describe_marks(monitoring, monitoring.first_day),
        "missing": missing, "report": monitoring.report,
    }  # fmt: skip


def describe_skew_of_others(incidents: Sequence[Incident]) -> list[dict[str, Any]]:
    """Say which other versions do not answer as their packages do, one entry each.

    Args:
        incidents: Of `find_skew_of_others`.

    Returns:
        `version` (its name), the `first` and the `last` day of it, and `broken`, sentences.
    """
    return [
        {"version": name, "first": str(days[0].day), "last": str(days[-1].day), "broken": describe_incidents(days)}
        for name, days in ((name, list(found)) for name, found in groupby(incidents, lambda one: one.source))
    ]


def select_lacking(rows: pd.DataFrame, version: int, first: str, last: str, least: float) -> NDArray[np.bool_]:
    """Return for which days (n,) from first to last fewer actual durations are reported than usual, and time is over.

    Args:
        rows: Of `sum_days`.
        version: That was champion.
        first: The first day.
        last: The last day.
        least: Days with fewer rides are left out.
    """
    chosen = rows[(rows["version"] == version) & (rows["slice"] == ALL) & (rows["variant"] == Variant.CHAMPION)]
    rides = chosen[chosen["state"] == DayState.INCOMPLETE].groupby("day")["rides"].sum()
    return np.asarray(pd.date_range(first, last, freq="D").isin(rides[rides >= least].index))


def _find_labelled_share(days: DailySums, label_figures: dict[str, Any] | None) -> float | None:
    """Return the share of the rides whose duration is known: of the log, on days that are not open."""
    if label_figures:
        share: float | None = label_figures["labelled"]
        return share
    rides = days.rides.sum()
    return round_known(days.labelled.sum() / rides) if rides else None


def describe_days(days: np.ndarray) -> str:
    """Name days (n,) in the order of time, those that follow one another by the first and the last."""
    runs = np.split(days, np.flatnonzero(np.diff(days) > np.timedelta64(1, "D")) + 1)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def select_window(
    daily_sums: pd.DataFrame, monitoring: Monitoring, version: int, moment: str, slice_: str = ALL
) -> DailySums:
    """Return the days of the window."""
    return select_days(daily_sums, version, moment, monitoring.first_day, monitoring.last_day, slice_)


def find_separation(drift_scores: pd.DataFrame) -> float | None:
    """Return the AUC of a classifier of the newest window's rides against the reference's; None if not known."""
    if "separation" not in drift_scores or drift_scores["separation"].isna().all():
        return None
    return round(float(drift_scores["separation"].dropna().iloc[0]), 4)


def _find_year_before(rows: pd.DataFrame, moment: str, evaluated: int, monitoring: Monitoring) -> DailySums | None:
    """Return the days of the same window a year before, by another version than the one that is evaluated."""
    first, last = monitoring.year_before
    day = rows["day"].astype(str)
    chosen = rows[(day >= first) & (day <= last) & (rows["moment"] == moment) & (rows["slice"] == ALL)]
    if chosen.empty:
        return None
    version = int(str(chosen.groupby("version")["labelled"].sum().idxmax()))
    if version == evaluated:  # what is old now was not fresh then
        return None
    return select_days(rows, version, moment, first, last)
