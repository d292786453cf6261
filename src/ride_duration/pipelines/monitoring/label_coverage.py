"""Which rides have no report: by hour of the pick-up and by borough, and whether they are other rides than the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.pipelines.monitoring.daily_sums import ALL, FROM, UNPLACED
from ride_duration.pipelines.monitoring.limits import LogLimits
from ride_duration.pipelines.monitoring.logged_evidence import LoggedEvidence
from ride_duration.pipelines.monitoring.parameters import Monitoring
from ride_duration.stats.day_bounds import bound_ratio
from ride_duration.store.monitoring import DayState
from ride_duration.store.variant import Variant

#: Of so many windows in which reports are missing at random, one at most is said to be otherwise.
_WINDOWS_PER_ERROR = 100

Numbers = NDArray[np.float64]


class Counted(NamedTuple):
    """Rides and labelled rides of a group of rides by day.

    Attributes:
        rides: Of each day (n,).
        labelled: Those of them with a valid actual duration (n,).
    """

    rides: Numbers
    labelled: Numbers


class Coverage(NamedTuple):
    """The labelled share of a group of rides.

    Attributes:
        group: For instance "19 h" or "from Queens".
        rides: How many.
        share: Labelled.
        low: Lower bound (95 %, by correlated days); None for fewer than a week.
        high: Upper bound.
        difference: To the share of all rides of the same days.
        differs: Whether that is more than chance, and large enough to matter.
    """

    group: str
    rides: int
    share: float
    low: float | None
    high: float | None
    difference: float
    differs: bool


def compare_label_coverage(
    label_reports: dict[str, Any], logged_evidence: LoggedEvidence, summed_days: pd.DataFrame, monitoring: Monitoring
) -> dict[str, Any]:
    """Return the figures of the reports with those of each hour and slice; none where scored months are looked at.

    Pick-ups in zones without a place are out of range, and few of their durations are valid: they are not compared.

    Args:
        label_reports: Of `summarise_labels`.
        logged_evidence: Of `read_logged_evidence`.
        summed_days: Of `sum_days`, which says how much is known of each day; open days are left out.
        monitoring: Says which days.

    Returns:
        The same with `groups`, a `Coverage` each as a dictionary, and `not_at_random`, a sentence; empty: it is chance.
    """
    if not label_reports:
        return {}
    first, last = monitoring.first_day, monitoring.last_day
    known = set(summed_days[summed_days["state"] != DayState.OPEN]["day"].astype(str))
    labels = [row for row in logged_evidence.labels if first <= row["day"] <= last and row["day"] in known]
    hours, slices = count_hours(labels), count_slices(summed_days, first, last)
    boroughs = {name: slices[name] for name in slices if name.startswith(FROM) and name not in UNPLACED}
    parts = {name: slices[name] for name in slices if not name.startswith(FROM)}
    groups = compare_coverage((hours, parts, boroughs), monitoring.log_limits) if labels else []
    return label_reports | {"groups": [one._asdict() for one in groups], "not_at_random": describe_gaps(groups)}


def count_hours(labels: Sequence[Mapping[str, Any]]) -> dict[str, Counted]:
    """Return the rides of each hour of the pick-up by day.

    Args:
        labels: Rows of `monitoring_labels` (n), in the order of their days.
    """
    hours = np.array([row["hours"] for row in labels], dtype=np.float64).reshape(len(labels), 24, 2)
    return {f"{hour} h": Counted(hours[:, hour, 0], hours[:, hour, 1]) for hour in range(24)}


def count_slices(daily_sums: pd.DataFrame, first: str, last: str) -> dict[str, Counted]:
    """Return the rides of each slice by day, as answered at request time, of days that are not open.

    Rides that are answered again with the metered distance are left out: they are labelled by their choice.

    Args:
        daily_sums: Of `sum_days`.
        first: The first day.
        last: The last day.
    """
    day = daily_sums["day"].astype(str)
    chosen = daily_sums[
        (day >= first) & (day <= last) & (daily_sums["moment"] == "at_request_time") & (daily_sums["slice"] != ALL)
        & (daily_sums["variant"] != Variant.SHADOW) & (daily_sums["state"] != DayState.OPEN)
    ]  # fmt: skip
    days = np.sort(chosen["day"].unique())
    found = {}
    for name, rows in chosen.groupby("slice"):
        by_day = rows.groupby("day")[["rides", "labelled"]].sum().reindex(days, fill_value=0.0)
        found[str(name)] = Counted(by_day["rides"].to_numpy(), by_day["labelled"].to_numpy())
    return found


def compare_coverage(kinds: Sequence[Mapping[str, Counted]], limits: LogLimits) -> list[Coverage]:
    """Compare the labelled share of each group with that of all rides of the same days.

    A report that is missing by chance is so for all groups alike. The difference is bounded by days, at one error in a
    hundred windows for all groups together (Bonferroni), and must be as large as `coverage_difference`.

    Args:
        kinds: Groups of one kind each, which have each ride once, or some of the rides.
        limits: Say what is large enough.
    """
    groups = [(kind, name) for kind in kinds for name in kind if kind[name].rides.sum() > 0]
    confidence = 1 - 1 / (_WINDOWS_PER_ERROR * max(len(groups), 1))
    return [_compare(name, kind[name], kind, confidence, limits.coverage_difference) for kind, name in groups]


def describe_gaps(coverages: Sequence[Coverage]) -> str:
    """Say which groups lack reports, where this is not chance; those that have more, where none lacks them clearly."""
    differing = [one for one in coverages if one.differs]
    if not (found := [one for one in differing if one.difference < 0] or differing):
        return ""
    groups = ", ".join(f"{one.group} {one.share:.0%} ({one.difference:+.0%})" for one in found)
    return f"Labels are not missing at random, by rides: {groups}; the figures speak for rides that are reported"


def _compare(name: str, group: Counted, kind: Mapping[str, Counted], confidence: float, least: float) -> Coverage:
    rides, labelled = (np.sum([one[number] for one in kind.values()], axis=0) for number in (0, 1))
    usual = np.divide(labelled, rides, out=np.zeros_like(labelled), where=rides > 0)
    deviation = group.labelled - usual * group.rides
    low, high = (
        None if np.isnan(bound) else float(np.clip(bound, 0.0, 1.0))
        for bound in bound_ratio(group.labelled, group.rides)
    )
    difference = float(deviation.sum() / group.rides.sum())
    bounds = bound_ratio(deviation, group.rides, confidence)
    differs = abs(difference) >= least and (bounds[0] > 0 or bounds[1] < 0)
    share = float(group.labelled.sum() / group.rides.sum())
    return Coverage(name, int(group.rides.sum()), share, low, high, difference, bool(differs))
