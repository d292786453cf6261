"""A package against the champion, on a month that neither has learnt from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.data_science.models import without_distance
from ride_duration.pipelines.model_release.checks import Check, Gate, columns_of

_RESAMPLES = 1_000
_LEAST_DAYS = 5


class Difference(NamedTuple):
    """Relative difference of two RMSEs (new / old - 1), with bounds that 95 of 100 resamplings keep to each."""

    low: float
    middle: float
    high: float


def compare_with_champion(
    package: ModelPackage,
    champion: ModelPackage | None,
    judged: pd.DataFrame,
    slices: dict[str, pd.Series[str]],
    gate: Gate,
) -> list[Check]:
    """Two checks: not worse in all, and not much worse in any slice.

    Args:
        package: The new one.
        champion: The one that answers now, if any.
        judged: Feature rows (n) of months that the new one has not learnt from.
        slices: The slice of each kind that each of them belongs to (n,), with their index.
        gate: Thresholds.
    """
    in_all, in_slices = "not worse than the champion", "no slice much worse than the champion's"
    judged_on = "on the newest month of val_data and test_data that neither has learnt from"
    demand = f"RMSE at most {gate.champion_worse:.1%} larger {judged_on}, at the upper 95 % bound"
    slices_demand = f"no slice of {gate.slice_trips:,} trips more than {gate.slice_worse:.0%} worse for sure"
    if champion is None:
        return [Check(name, d, True, "there is none yet") for name, d in ((in_all, demand), (in_slices, slices_demand))]
    month = common_month(judged, package, champion)
    if month is None:
        learnt = ", ".join(champion.manifest["train_data"])
        missing = f"the champion learnt from {learnt}; judge on a month (val_data) that neither has learnt from"
        return [Check(in_all, demand, False, missing), Check(in_slices, slices_demand, False, missing)]
    rows = judged[judged["month"] == month]
    large, few_days = _large_slices(rows, slices, gate)
    found, worse = [], []
    passed = True
    for when, part in _askings(package, champion, rows).items():
        errors = _squared_errors(package, part), _squared_errors(champion, part)
        difference = rmse_difference(*errors, _days(rows), gate.seed)
        passed &= difference.high <= gate.champion_worse
        found.append(f"{difference.middle:+.2%} (at most {difference.high:+.2%}) {when}")
        worse += [f"{told} {when}" for told in _worse_slices(rows, *errors, large, gate)]
    if _needs_distance(package) and not _needs_distance(champion):
        passed = False
        found.append("before the ride it has no answer, and the champion has one")
    evidence = f"on {month}, {len(rows):,} trips: {', '.join(found)}"
    sliced = "; ".join(worse) or f"none on {month}, of {len(large)} compared"
    if few_days:
        sliced += f"; not compared, since they have fewer than {_LEAST_DAYS} days to resample: {', '.join(few_days)}"
    return [
        Check(in_all, demand, bool(passed), evidence),
        Check(in_slices, slices_demand, not worse, sliced),
    ]


def common_month(judged: pd.DataFrame, package: ModelPackage, champion: ModelPackage) -> str | None:
    """The newest of the judged months that neither has learnt from."""
    learnt = {*package.manifest["train_data"], *champion.manifest["train_data"]}
    return max(set(judged["month"]) - learnt, default=None)


def rmse_difference(new: NDArray[np.float64], old: NDArray[np.float64], days: NDArray[Any], seed: int) -> Difference:
    """Compare two models' squared errors on the same trips, by resampling whole days.

    Args:
        new: Squared errors (n) of the one.
        old: Squared errors (n) of the other.
        days: The day of each trip (n).
        seed: Of the resampling.
    """
    _, day = np.unique(days, return_inverse=True)
    sums = np.bincount(day, new), np.bincount(day, old)
    drawn = np.random.default_rng(seed).integers(0, len(sums[0]), (_RESAMPLES, len(sums[0])))
    ratios = np.sqrt(sums[0][drawn].sum(axis=1) / np.maximum(sums[1][drawn].sum(axis=1), 1e-12)) - 1
    low, high = np.percentile(ratios, [5, 95])
    middle = np.sqrt(new.sum() / max(old.sum(), 1e-12)) - 1
    return Difference(float(low), float(middle), float(high))


def _askings(package: ModelPackage, champion: ModelPackage, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    asked = {"after the ride": rows}
    if not (_needs_distance(package) or _needs_distance(champion)):
        asked["before the ride"] = without_distance(rows)
    return asked


def _needs_distance(package: ModelPackage) -> bool:
    return bool(package.manifest["distance"] == "required")


def _squared_errors(package: ModelPackage, rows: pd.DataFrame) -> NDArray[np.float64]:
    answers = package.answer_columns(columns_of(rows), intervals=False).duration
    return np.asarray((answers - rows["duration"].to_numpy()) ** 2, dtype=np.float64)


def _days(rows: pd.DataFrame) -> NDArray[Any]:
    return np.asarray(rows["pickup_datetime"].dt.normalize())


def _large_slices(
    rows: pd.DataFrame, slices: dict[str, pd.Series[str]], gate: Gate
) -> tuple[dict[str, NDArray[np.bool_]], list[str]]:
    """Which of the rows (n) lie in each slice of enough trips, by its name; and the names of those of too few days."""
    days = _days(rows)
    large, few_days = {}, []
    for kind, values in slices.items():
        of_rows = values[rows.index]
        for value, trips in of_rows.value_counts().items():
            name, inside = f"{kind.replace('_', ' ')} {value}", np.asarray(of_rows == value, dtype=bool)
            if trips < gate.slice_trips:
                continue
            if len(np.unique(days[inside])) < _LEAST_DAYS:
                few_days.append(name)
            else:
                large[name] = inside
    return large, few_days


def _worse_slices(
    rows: pd.DataFrame,
    new: NDArray[np.float64],
    old: NDArray[np.float64],
    large: dict[str, NDArray[np.bool_]],
    gate: Gate,
) -> list[str]:
    days = _days(rows)
    worse = []
    for name, inside in large.items():
        difference = rmse_difference(new[inside], old[inside], days[inside], gate.seed)
        if difference.low > gate.slice_worse:
            worse.append(f"{name} {difference.middle:+.1%} (at least {difference.low:+.1%})")
    return worse
