"""What counts in bins do not say of a feature: values that the reference lacks, and answers by hour of the day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.model_package.reference import ANSWERS
from ride_duration.stats.drift import Drawn
from ride_duration.stats.seen_values import SeenValues

#: Hours of a day.
HOURS = 24

Numbers = NDArray[np.float64]

#: Of answers that cannot be compared by hour.
_UNKNOWN: dict[str, Any] = {"by_hour": np.nan, "p_value_by_hour": np.nan, "hours": None, "hours_in_reference": None}


class Profiles(NamedTuple):
    """By feature, of days in the order of time.

    Attributes:
        unseen: Rides of each day (n,) whose value the reference does not have; NaN where it is not known.
        hours: Of answers: rides and Σ minutes of each day and hour of the pick-up (n, 24, 2).
    """

    unseen: dict[str, Numbers]
    hours: dict[str, Numbers]


def make_profiles(days: int) -> Profiles:
    """Return profiles of so many days about which nothing is known."""
    return Profiles({}, {name: np.zeros((days, HOURS, 2)) for name in ANSWERS})


def list_seen(rows: pd.DataFrame) -> dict[str, SeenValues]:
    """Return the values that each feature has among the rides of a reference."""
    return {str(name): SeenValues(rows[name]) for name in rows.columns if rows[name].dtype.kind in "fi"}


def sum_hours(hour: Numbers, answers: Numbers) -> Numbers:
    """Return rides and Σ minutes (24, 2) of the answers (n,) of one day by hour of the pick-up (n,)."""
    known = ~np.isnan(answers)
    at = hour[known].astype(np.intp)
    return np.column_stack([np.bincount(at, minlength=HOURS), np.bincount(at, answers[known], minlength=HOURS)]).astype(
        np.float64
    )


def sum_reference_hours(rows: pd.DataFrame, days: NDArray[np.datetime64], name: str) -> Numbers:
    """Return rides and Σ minutes (n, 24, 2) of the rides that a reference keeps, by day and hour of the pick-up.

    Args:
        rows: With `day`, `hour` and the answers.
        days: Those of the reference (n,).
        name: One of `ANSWERS`.
    """
    by_day = rows["day"].to_numpy().astype("datetime64[D]")
    hour, answers = rows["hour"].to_numpy(dtype=np.float64), rows[name].to_numpy(dtype=np.float64)
    return np.array([sum_hours(hour[by_day == day], answers[by_day == day]) for day in days])


def describe_hours(reference: Numbers, window: Numbers, drawn: Drawn) -> dict[str, Any]:
    """Compare the mean answer of each hour of a window with the reference's.

    The distance is the mean over the window's rides of the difference of their hour's means. Its p-value is how often
    days of the reference alone differ as much; these have fewer rides than the window, so that it is too large rather
    than too small.

    Args:
        reference: Of `sum_reference_hours` (n, 24, 2).
        window: Of the days of the window (m, 24, 2).
        drawn: Days of the reference drawn again, as many of each weekday as the window has.

    Returns:
        `by_hour` in minutes, `p_value_by_hour`; `hours` and `hours_in_reference`, the means (24) in minutes, NaN for
        hours without rides. Not known where either side has no answers.
    """
    now, then = window.sum(axis=0), reference.sum(axis=0)
    if not now[:, 0].sum() or not then[:, 0].sum():
        return dict(_UNKNOWN)
    rides, minutes = reference[..., 0], reference[..., 1]
    again, others = ((times @ rides, times @ minutes) for times in (drawn.window, drawn.reference))
    spread = np.sqrt(drawn.widen * drawn.unsure[:, 1])
    null = spread * _measure(*again, _mean(*others))
    observed = _measure(now[:, 0], now[:, 1], _mean(then[:, 0], then[:, 1]))
    return {
        "by_hour": float(observed),
        "p_value_by_hour": float((1 + np.sum(null >= observed)) / (1 + len(null))),
        "hours": _mean(now[:, 0], now[:, 1]).tolist(),
        "hours_in_reference": _mean(then[:, 0], then[:, 1]).tolist(),
    }


def describe_profile(
    profiles: Profiles | None, rows: pd.DataFrame, days: NDArray[np.datetime64], name: str, chosen: NDArray[np.int_],
    rides: float, drawn: Drawn,
) -> dict[str, Any]:  # fmt: skip
    """Return the share of unseen values of a feature on the chosen days, and of answers what `describe_hours` returns.

    Args:
        profiles: Of all days; None: nothing is known.
        rows: That the reference keeps.
        days: Of the reference (n,).
        name: The feature.
        chosen: Positions of the days that are compared.
        rides: How many there are on them.
        drawn: As in `describe_hours`.
    """
    unseen = np.nan
    if profiles is not None and name in profiles.unseen:
        unseen = float(profiles.unseen[name][chosen].sum() / max(rides, 1.0))
    known = profiles is not None and name in profiles.hours and {"hour", name} <= set(rows.columns)
    if not known or profiles is None:
        return {"unseen": unseen} | _UNKNOWN
    return {"unseen": unseen} | describe_hours(
        sum_reference_hours(rows, days, name), profiles.hours[name][chosen], drawn
    )


def read_profiles(rows: list[dict[str, Any]], days: NDArray[np.datetime64]) -> Profiles:
    """Return the profiles of days of the log.

    Args:
        rows: Rows of `monitoring_features` of one version.
        days: All days (n,), one after the other.
    """
    profiles = make_profiles(len(days))
    for row in rows:
        name, number = row["feature"], int((np.datetime64(row["day"]) - days[0]).astype(int))
        of_day = profiles.unseen.setdefault(name, np.full(len(days), np.nan))
        of_day[number] = np.nan if row.get("unseen") is None else row["unseen"]
        if row.get("hours"):
            profiles.hours[name][number] = row["hours"]
    return profiles


def add_rides(
    profiles: Profiles,
    seen: Mapping[str, SeenValues],
    name: str,
    day: NDArray[np.int64],
    values: Numbers,
    hour: Numbers,
) -> None:
    """Add rides (n) of one feature.

    Args:
        profiles: They are added to these.
        seen: Of `list_seen`.
        name: The feature.
        day: Number of the day of each ride.
        values: Of the feature.
        hour: Of the pick-up.
    """
    days = len(next(iter(profiles.hours.values())))
    if name in seen:
        found = seen[name].find_unseen(values)
        counted = np.bincount(day[found], minlength=days).astype(np.float64)
        profiles.unseen[name] = profiles.unseen.get(name, np.zeros(days)) + counted
    if name in profiles.hours:
        known = ~np.isnan(values)
        cell = day[known] * HOURS + hour[known].astype(np.int64)
        for column, weights in ((0, None), (1, values[known])):
            of_cell = np.bincount(cell, weights, minlength=days * HOURS).astype(np.float64)
            profiles.hours[name][..., column] += of_cell.reshape(days, HOURS)


def _measure(rides: Numbers, minutes: Numbers, usual: Numbers) -> Numbers:
    """Return the mean difference of the hours (..., 24) from what is usual, by their rides."""
    difference = np.abs(_mean(rides, minutes) - usual)
    weight = np.where(np.isnan(difference), 0.0, rides)
    total = weight.sum(axis=-1)
    return np.asarray((np.nan_to_num(difference) * weight).sum(axis=-1) / np.maximum(total, 1.0))


def _mean(rides: Numbers, minutes: Numbers) -> Numbers:
    return np.asarray(np.divide(minutes, rides, out=np.full(np.shape(rides), np.nan), where=rides > 0))
