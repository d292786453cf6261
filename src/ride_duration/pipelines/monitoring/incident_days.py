"""Daily sums -> the days on which something broke, and what: level, a group of rides, records."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.pipelines.monitoring.daily_sums import CHECKS, FROM, select_checks, select_days
from ride_duration.pipelines.monitoring.evidence import DailySums
from ride_duration.pipelines.monitoring.incidents import find_excesses, find_level_incidents
from ride_duration.pipelines.monitoring.parameters import Monitored, Monitoring

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]


class Incident(NamedTuple):
    """What broke on one day.

    Attributes:
        day: datetime64[D].
        kind: `level`, `group`, `doubled`, `out_of_range` or `silent`.
        source: The group of rides; empty where all are concerned.
        text: What is unusual about it, in numbers.
    """

    day: np.datetime64
    kind: str
    source: str
    text: str


def find_incidents(
    daily_sums: pd.DataFrame, monitoring: Monitoring, version: int, moment: str, first: str, last: str
) -> list[Incident]:
    """Find the days on which something broke, in the order of time.

    Args:
        daily_sums: Of `sum_days`, with the days before the window, which say what is usual.
        monitoring: Says where an incident begins.
        version: The version that is evaluated.
        moment: When its answers were given.
        first: The first day that is known.
        last: The last day of the window.
    """
    marked = monitoring.marked_days if isinstance(monitoring, Monitored) else np.empty(0, dtype="datetime64[D]")
    # What people have marked says nothing of what is usual, and needs not be found.
    daily_sums = daily_sums[~np.isin(pd.DatetimeIndex(daily_sums["day"]).to_numpy().astype("datetime64[D]"), marked)]
    days = select_days(daily_sums, version, moment, first, last)
    found = [
        *_find_levels(days, monitoring),
        *_find_groups(daily_sums, days, monitoring, version, moment),
        *_check_records(daily_sums, days.day, monitoring),
    ]
    return sorted((one for one in found if one.day not in marked), key=lambda incident: incident.day)


def mark_days(days: Days, incidents: list[Incident]) -> NDArray[np.bool_]:
    """Return which days (n,) are incidents."""
    return np.isin(days, np.array([incident.day for incident in incidents], dtype="datetime64[D]"))


def describe_incidents(incidents: list[Incident]) -> list[str]:
    """Say what broke and when: one sentence for days in a row with one kind and source, the last first."""
    groups: dict[tuple[str, str], list[list[Incident]]] = {}
    for incident in incidents:
        rows = groups.setdefault((incident.kind, incident.source), [])
        if rows and incident.day - rows[-1][-1].day == np.timedelta64(1, "D"):
            rows[-1].append(incident)
        else:
            rows.append([incident])
    together = sorted((row for rows in groups.values() for row in rows), key=lambda row: row[-1].day, reverse=True)
    return [
        f"{row[0].day}: {row[0].text}"
        if len(row) == 1
        else f"{row[0].day} to {row[-1].day}, {len(row)} days: on the last, {row[-1].text}"
        for row in together
    ]


def describe_marks(monitored: Monitored, first: str) -> list[str]:
    """Say which days from the first on people have marked: one sentence for days in a row with one reason."""
    rows: list[list[tuple[str, str, str]]] = []
    for mark in monitored.marked:
        if mark[0] < first:
            continue
        if rows and rows[-1][-1][1:] == mark[1:] and np.datetime64(mark[0]) - np.datetime64(rows[-1][-1][0]) == 1:
            rows[-1].append(mark)
        else:
            rows.append([mark])
    return [
        f"{row[0][0]}{f' to {row[-1][0]}, {len(row)} days' if len(row) > 1 else ''}: marked by {row[0][1]}, {row[0][2]}"
        for row in rows
    ]


def _find_levels(days: DailySums, monitoring: Monitoring) -> list[Incident]:
    limits = monitoring.verdict_thresholds
    levels = _compute_levels(days, limits.min_rides_of_a_day)
    found = find_level_incidents(levels, limits.incident_level, limits.incident_days_before)
    return [
        Incident(days.day[number], "level", "", f"rides took {levels[number]:.2f} of the predicted time")
        for number in np.flatnonzero(found)
    ]


def _find_groups(
    daily_sums: pd.DataFrame, days: DailySums, monitoring: Monitoring, version: int, moment: str
) -> list[Incident]:
    """Find boroughs of pick-ups that are far from most of the others, each pair against its own usual difference."""
    limits, before = monitoring.incident_limits, monitoring.verdict_thresholds.incident_days_before
    first, last = str(days.day[0]), str(days.day[-1])
    known = daily_sums[(daily_sums["version"] == version) & (daily_sums["moment"] == moment)]["slice"].unique()
    names = sorted(str(name) for name in known if str(name).startswith(FROM))
    of_group = [select_days(daily_sums, version, moment, first, last, name) for name in names]
    levels = [_compute_levels(group, limits.min_rides_of_a_group) for group in of_group]
    incidents = []
    for number, name in enumerate(names):
        found, off = compare_group(levels[number], levels[:number] + levels[number + 1 :], limits.group_level, before)
        incidents += [
            Incident(
                days.day[day], "group", name,
                f"rides {name} took {off[day]:.2f} of the time that is usual for them against other rides",
            )
            for day in np.flatnonzero(found)
        ]  # fmt: skip
    return incidents


def compare_group(
    group: Floats, others: list[Floats], beyond: float, days_before: int
) -> tuple[NDArray[np.bool_], Floats]:
    """Say on which days a group is far from most of the other groups.

    Args:
        group: Σ actual / Σ predicted of each day (n,); NaN where there are too few rides.
        others: The same of each of the other groups.
        beyond: Largest relative deviation, from what is usual between two groups, that is none.
        days_before: So many days before say what is usual.

    Returns:
        Which days (n,), and how far off the group is, on the median of the others: 1 where it is as usual.
    """
    ratios = np.full((len(others), len(group)), np.nan)
    found = np.zeros(ratios.shape, dtype=bool)
    for number, other in enumerate(others):
        ratio = group / other
        if np.isnan(ratio).all():
            continue
        found[number] = find_level_incidents(ratio, beyond, days_before)
        ratios[number] = ratio / np.nanmedian(ratio[~found[number]])
    known = ~np.isnan(ratios)
    far = found.sum(axis=0) > known.sum(axis=0) / 2
    off = np.ones(len(group))
    for day in np.flatnonzero(far):
        off[day] = np.median(ratios[known[:, day], day])
    return far, off


def _check_records(daily_sums: pd.DataFrame, days: Days, monitoring: Monitoring) -> list[Incident]:
    limits, before = monitoring.incident_limits, monitoring.verdict_thresholds.incident_days_before
    checks = select_checks(daily_sums, str(days[0]), str(days[-1]))
    records, doubled, out_of_range, silent = (checks[name].to_numpy(dtype=np.float64) for name in CHECKS)
    enough = np.where(records >= monitoring.verdict_thresholds.min_rides_of_a_day, records, np.nan)
    looked_at = {
        "doubled": (doubled / enough, limits.least_doubled, "{:.1%} of the records repeat another one"),
        "out_of_range": (out_of_range / enough, limits.least_out_of_range, "{:.1%} of the records are out of range"),
        "silent": (silent, limits.least_silent_hours - 0.5, "not one record for {:.0f} hours"),
    }
    return [
        Incident(days[number], kind, "", text.format(values[number]))
        for kind, (values, least, text) in looked_at.items()
        for number in np.flatnonzero(find_excesses(values, limits.times_usual, least, before))
    ]


def _compute_levels(days: DailySums, least: int) -> Floats:
    return np.where(days.labelled >= least, days.actual / np.maximum(days.predicted, 1e-9), np.nan)
