"""Logged answers, scored again by the package that gave them: does the service answer as its package does?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.pipelines.monitoring.logged_evidence import LoggedEvidence
from ride_duration.pipelines.monitoring.parameters import Monitoring
from ride_duration.pipelines.monitoring.readable_packages import open_readable
from ride_duration.store.queries.sampled_answers import SampledAnswers
from ride_duration.trips.features import HALF_ZONE
from ride_duration.trips.records import DISTANCE, DURATION

#: What is known of the answers of one version about the rides of a day: how many were drawn, how many of them were
#: scored again (none where the package is damaged, or not registered any more), how many of those differ, and by how
#: much at most (minutes).
PROBED = ("drawn", "probed", "differing", "largest_difference")


def probe_skew(
    logged_evidence: LoggedEvidence,
    registered_packages: dict[int, Callable[[], ModelPackage]],
    monitoring: Monitoring,
) -> pd.DataFrame:
    """Score some logged answers of each day of the window again.

    The log keeps what the client asked and the minutes that it was given. An answer without a distance, or with one
    that no ride can have, is scored as the service scored it: without. What the champion answered in place of a
    challenger that failed is logged as the champion's.

    Args:
        logged_evidence: Of `read_logged_evidence`, with some answers of each day.
        registered_packages: For each version, a function that opens its package.
        monitoring: Says by how much an answer may differ.

    Returns:
        One row a day and version: `day`, `version`, and `PROBED`; empty where scored months are looked at.
    """
    rows = []
    if logged_evidence.answers:
        days, drawn = list(logged_evidence.answers), list(logged_evidence.answers.values())
        of_day = np.repeat(np.arange(len(days)), [len(answers.duration) for answers in drawn])
        together = SampledAnswers._make(np.concatenate(values) for values in zip(*drawn, strict=True))
        for version in np.unique(together.version).tolist():
            chosen = together.version == version
            package = open_readable(registered_packages, version)
            answers = SampledAnswers._make(values[chosen] for values in together)
            differences = None if package is None else compute_differences(answers, package)
            for number in np.unique(of_day[chosen]).tolist():
                of_version = of_day[chosen] == number
                counts = _count(None if differences is None else differences[of_version], monitoring)
                rows.append((days[number], version, int(of_version.sum()), *counts))
    table = pd.DataFrame(rows, columns=["day", "version", *PROBED])
    return table.assign(day=pd.to_datetime(table["day"])).astype({"version": "int64"} | dict.fromkeys(PROBED, float))


def join_probe(summed_days: pd.DataFrame, probed_answers: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the sums of days with what was probed of each day and version beside them, and the latter by itself.

    Both are kept only once the days are summed up: of a window that is refused, nothing is.

    Args:
        summed_days: Of `sum_days`; without a probe they stay as they are.
        probed_answers: Of `probe_skew`.
    """
    if probed_answers.empty:
        return summed_days, probed_answers
    return summed_days.merge(probed_answers, on=["day", "version"], how="left"), probed_answers


def compute_differences(answers: SampledAnswers, package: ModelPackage) -> np.ndarray:
    """Return by how many minutes logged answers (n,) differ from the package's; infinite where it gives no number.

    What earlier releases answered with this package is no difference: they did not limit answers to
    `records.DURATION`, and used distances that contradict the zones.
    """
    rides = Rides(answers.pickup_zone, answers.dropoff_zone, answers.wall_clock, answers.trip_distance)
    columns = package.columns(rides)
    logged = np.clip(answers.duration, *DURATION)
    differences = _differ(package, columns, logged)
    in_range = (rides.trip_distance > DISTANCE[0]) & (rides.trip_distance <= DISTANCE[1])
    implausible = np.flatnonzero(in_range & np.isnan(columns["trip_distance"]))
    if len(implausible):
        metered = rides.trip_distance[implausible]
        former = {name: column[implausible] for name, column in columns.items()}
        former |= {"trip_distance": metered, "detour": metered / (former["straight_distance"] + HALF_ZONE)}
        as_former = _differ(package, former, logged[implausible])
        differences[implausible] = np.minimum(differences[implausible], as_former)
    return differences


def _differ(package: ModelPackage, columns: dict[str, Any], logged: np.ndarray) -> np.ndarray:
    again = package.answer_columns(columns, intervals=False).duration
    differences: np.ndarray = np.nan_to_num(np.abs(again - logged), nan=np.inf)
    return differences


def describe_probe(daily_sums: pd.DataFrame, monitoring: Monitoring) -> list[dict[str, float | None]]:
    """Return what was probed of each version in the window: `version`, and `PROBED` over all days."""
    if not set(PROBED) <= set(daily_sums.columns):
        return []
    within = daily_sums[daily_sums["day"].astype(str).between(monitoring.first_day, monitoring.last_day)]
    of_day = within.dropna(subset=["drawn"]).drop_duplicates(["day", "version"])
    return [
        {"version": int(str(version))}
        | {name: int(rows[name].sum()) for name in PROBED[:-1]}
        | {"largest_difference": None if np.isinf(largest := rows["largest_difference"].max()) else float(largest)}
        for version, rows in of_day.groupby("version")
    ]


def _count(differences: np.ndarray | None, monitoring: Monitoring) -> tuple[float, float, float]:
    """Return how many answers (n,) were scored again, how many differ, and by how much at most."""
    if differences is None:
        return 0.0, 0.0, 0.0
    beyond = differences > monitoring.skew_limits.minutes
    return float(len(differences)), float(beyond.sum()), float(differences.max())
