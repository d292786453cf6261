"""Daily sums -> the days on which something broke, and what: level, a group of rides, records."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.pipelines.monitoring.daily_sums import CHECKS, FROM, LACKING, select_checks, select_days
from ride_duration.pipelines.monitoring.evidence import DailySums
from ride_duration.pipelines.monitoring.incidents import compare_ratios, find_excesses, find_level_incidents
from ride_duration.pipelines.monitoring.parameters import Monitored, Monitoring
from ride_duration.pipelines.monitoring.skew import PROBED
from ride_duration.pipelines.monitoring.verdict_text import describe_difference
from ride_duration.store.monitoring import SKEW

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]


class Incident(NamedTuple):
    """What broke on one day.

    Attributes:
        day: datetime64[D].
        kind: `level`, `group`, `doubled`, `out_of_range`, `missing`, `silent`, `unreported` or `skew`.
        source: The group of rides, the version (`version 2`) or the value that is missing; empty where it is none.
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
    daily_sums = daily_sums[~np.isin(_find_dates(daily_sums), marked)]
    skewed = _find_skew(daily_sums, daily_sums["version"] == version, first, last)
    # Answers that are not the package's are compared with nothing, and do not become usual.
    answered = daily_sums[~mark_days(_find_dates(daily_sums), skewed)]
    days = select_days(answered, version, moment, first, last)
    found = [
        *_find_levels(days, monitoring),
        *_find_groups(answered, days, monitoring, version, moment),
        *_check_records(daily_sums, days.day, monitoring),
        *skewed,
    ]
    return sorted((one for one in found if one.day not in marked), key=lambda incident: incident.day)


def find_skew_of_others(daily_sums: pd.DataFrame, monitored: Monitored, version: int) -> list[Incident]:
    """Find the days of the window on which answers of other versions differ from what their packages say.

    These are incidents of those versions alone.

    Args:
        daily_sums: Of `join_probe`.
        monitored: Says which window, and which days people have marked.
        version: The version that is evaluated.
    """
    found = _find_skew(daily_sums, daily_sums["version"] != version, monitored.first_day, monitored.last_day)
    return sorted((one for one in found if one.day not in monitored.marked_days), key=lambda one: (one.source, one.day))


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
    return [
        Incident(days.day[one.day], "group", " or ".join(names[number] for number in one.groups), _say(one, names))
        for one in compare_groups(np.reshape(levels, (len(names), len(days.day))), limits.group_level, before)
    ]


class OddGroup(NamedTuple):
    """A group that is far from the others on a day.

    Attributes:
        day: Position of the day.
        groups: Position of the group; two, where only these were known and one of them must be it.
        off: The first group's rides against the others, by what is usual: 1 where it is as usual.
    """

    day: int
    groups: tuple[int, ...]
    off: float


def compare_groups(levels: Floats, beyond: float, days_before: int) -> list[OddGroup]:
    """Find groups that are far from most of the other groups, each pair against its own usual difference.

    Only pairs whose usual difference is known say anything. Of two groups alone nobody can say which one is off.

    Args:
        levels: Σ actual / Σ predicted of each group and day (groups, n); NaN where there are too few rides.
        beyond: Largest relative deviation, from what is usual between two groups, that is none.
        days_before: So many days before say what is usual.
    """
    number, days = levels.shape
    known, far = np.zeros((2, number, number, days), dtype=bool)
    off = np.full((number, number, days), np.nan)
    for one, other in combinations(range(number), 2):
        ratio = levels[one] / levels[other]
        compared = compare_ratios(ratio, beyond, days_before)
        off[one, other], off[other, one] = ratio / compared.usual, compared.usual / ratio
        known[one, other] = known[other, one] = ~np.isnan(off[one, other])
        far[one, other] = far[other, one] = compared.found
    odd = []
    for day in np.flatnonzero(far.any(axis=(0, 1))).tolist():
        pairs = known[:, :, day].sum(axis=1)
        if (pairs > 0).sum() == 2:
            one, other = np.flatnonzero(pairs).tolist()
            odd.append(OddGroup(day, (one, other), float(off[one, other, day])))
            continue
        most = np.flatnonzero(2 * far[:, :, day].sum(axis=1) > np.maximum(pairs, 2)).tolist()
        odd += [OddGroup(day, (group,), float(np.nanmedian(off[group, :, day]))) for group in most]
    return odd


def _say(odd: OddGroup, names: list[str]) -> str:
    one, *other = (names[number] for number in odd.groups)
    against = f"rides {other[0]}: one of the two is off" if other else "other rides"
    return f"rides {one} took {odd.off:.2f} of the time that is usual for them against {against}"


def _check_records(daily_sums: pd.DataFrame, days: Days, monitoring: Monitoring) -> list[Incident]:
    limits, before = monitoring.incident_limits, monitoring.verdict_thresholds.incident_days_before
    checks = select_checks(daily_sums, str(days[0]), str(days[-1]))
    records, doubled, out_of_range, silent, unreported, reports = (
        checks[name].to_numpy(dtype=np.float64) for name in CHECKS
    )
    least = monitoring.verdict_thresholds.min_rides_of_a_day
    enough = np.where(records >= least, records, np.nan)
    looked_at = {
        ("doubled", ""): (
            doubled / np.where(reports >= least, reports, np.nan),
            limits.least_doubled,
            "{:.1%} of the records repeat another one",
        ),
        ("out_of_range", ""): (
            out_of_range / enough,
            limits.least_out_of_range,
            "{:.1%} of the records are out of range",
        ),
        ("unreported", ""): (
            unreported / enough,
            limits.least_unreported,
            "{:.1%} of the rides have no valid actual duration, though the time for reports is over",
        ),
        ("silent", ""): (silent, limits.least_silent_hours - 0.5, "not one record for {:.0f} hours"),
    } | {
        ("missing", value): (
            checks[name].to_numpy(dtype=np.float64) / enough,
            limits.least_missing,
            f"{{:.1%}} of the records have no {value}",
        )
        for name, value in LACKING.items()
    }
    return [
        Incident(days[number], *what, text.format(values[number]))
        for what, (values, least, text) in looked_at.items()
        for number in np.flatnonzero(find_excesses(values, limits.times_usual, least, before))
    ]


def _find_skew(daily_sums: pd.DataFrame, chosen: pd.Series, first: str, last: str) -> list[Incident]:
    """Find days on which the chosen rows have answers that differ from what their package says."""
    if not set(PROBED) <= set(daily_sums.columns):
        return []
    within = daily_sums[chosen & daily_sums["day"].astype(str).between(first, last)]
    found = within[within["differing"] > 0].drop_duplicates(["day", "version"])
    return [
        Incident(
            np.datetime64(row["day"], "D"),
            SKEW,
            _name_version(row["version"]),
            f"{row['differing']:.0f} of {row['probed']:.0f} answers of version {row['version']} differ from what its "
            f"package says, {describe_difference(row['largest_difference'])}",
        )
        for row in found.to_dict("records")
    ]


def _name_version(version: int) -> str:
    return f"version {version}"


def _find_dates(daily_sums: pd.DataFrame) -> Days:
    dates: Days = pd.DatetimeIndex(daily_sums["day"]).to_numpy().astype("datetime64[D]")
    return dates


def _compute_levels(days: DailySums, least: int) -> Floats:
    return np.where(days.labelled >= least, days.actual / np.maximum(days.predicted, 1e-9), np.nan)
