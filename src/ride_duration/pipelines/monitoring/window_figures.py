"""Figures of some days, each with its bounds: of answers whose rides are known, and what is expected of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.pipelines.monitoring.daily_sums import ALL, MOMENTS, select_days
from ride_duration.pipelines.monitoring.evidence import AWAITED, DailySums, Numbers
from ride_duration.pipelines.monitoring.parameters import Monitoring
from ride_duration.stats.day_bounds import bound_ratio
from ride_duration.store.variant import Variant

#: Figures that are shown of both moments, side by side.
_COMPARED = ("rmse", "mae", "bias", "level", "coverage")


def measure_moments(daily_sums: pd.DataFrame, monitoring: Monitoring, version: int) -> dict[str, dict[str, Any]]:
    """Return the main figures of answers at request time and with the distance, where there are both.

    Args:
        daily_sums: Of `sum_days`.
        monitoring: Says which days, and how many labelled rides make a day.
        version: That is evaluated.

    Returns:
        By moment `rides`, how many are labelled, and figures as `measure` returns them; empty where there is one alone.
    """
    found = {}
    for moment in MOMENTS:
        days = select_days(daily_sums, version, moment, monitoring.first_day, monitoring.last_day)
        days = days.select(days.labelled >= monitoring.verdict_thresholds.min_rides_of_a_day)
        if len(days.day):
            figures = measure(days)
            found[moment] = {"rides": int(days.labelled.sum())} | {name: figures[name] for name in _COMPARED}
    return found if len(found) > 1 else {}


def estimate_error(
    daily_sums: pd.DataFrame, monitoring: Monitoring, version: int, moment: str
) -> dict[str, Any] | None:
    """Return what the package expects of the rides whose actual duration is not reported; None where it is not known.

    It is an estimate from what the rides are like, and cannot see that rides of the same kind take longer than before.

    Returns:
        `rides`, how many these are; `rmse`: the root of their mean expected squared error, with its bounds (minutes).
    """
    awaited, expected = select_awaited(daily_sums, version, moment, monitoring.first_day, monitoring.last_day)
    known = (awaited > 0) & ~np.isnan(expected)
    if not known.any():
        return None
    return {"rides": int(awaited[known].sum()), "rmse": _measure_ratio(expected[known], awaited[known], "root")}


def select_awaited(rows: pd.DataFrame, version: int, moment: str, first: str, last: str) -> tuple[Numbers, Numbers]:
    """Return `AWAITED` of the champion's rides of each day (n,) from first to last, open days included."""
    days = pd.date_range(first, last, freq="D")
    if not set(AWAITED) <= set(rows.columns):
        return np.zeros(len(days)), np.full(len(days), np.nan)
    chosen = rows[(rows["version"] == version) & (rows["moment"] == moment) & (rows["slice"] == ALL)]
    chosen = chosen[chosen["variant"] == Variant.CHAMPION]
    table = chosen.set_index(pd.DatetimeIndex(chosen["day"]))[list(AWAITED)].reindex(days)
    awaited, expected = (table[name].to_numpy(dtype=np.float64) for name in AWAITED)
    return np.nan_to_num(awaited), expected


def measure(days: DailySums) -> dict[str, list[float | None]]:
    """Return the figures of some days, each as [value, lower, upper bound (95 %, by correlated days)].

    None stands for what is not known; there are no bounds for fewer than seven days.
    """
    return {name: _measure_ratio(*figure(days)) for name, figure in _FIGURES.items()} if len(days.day) else {}


def _measure_ratio(numerator: Numbers, denominator: Numbers, kind: str = "ratio") -> list[float | None]:
    """Return a ratio of sums of days (n,) with its bounds: of a `root`, of a `share`, or as it is."""
    below = float(denominator.sum())
    values = np.array([numerator.sum() / below if below > 0 else np.nan, *bound_ratio(numerator, denominator)])
    if kind == "root":
        values = np.sqrt(np.maximum(values, 0.0))
    elif kind == "share":
        values = np.clip(values, 0.0, 1.0)
    return [round_known(value) for value in values.tolist()]


#: Of days, what is divided by what, and of which kind the ratio is.
_FIGURES: dict[str, Callable[[DailySums], tuple[Any, ...]]] = {
    "rmse": lambda days: (days.squared, days.labelled, "root"),
    "expected_rmse": lambda days: (days.expected, days.labelled, "root"),
    "error_ratio": lambda days: (days.squared, days.expected, "root"),
    "mae": lambda days: (days.absolute, days.labelled),
    "bias": lambda days: (days.predicted - days.actual, days.labelled),
    "level": lambda days: (days.actual, days.predicted),
    "coverage": lambda days: (days.covered, days.labelled, "share"),
    "width": lambda days: (days.width, days.labelled),
    "within_5_minutes": lambda days: (days.within_5, days.labelled, "share"),
}


def round_known(number: float) -> float | None:
    """Return a number with four decimals; None for NaN."""
    return None if np.isnan(number) else round(float(number), 4)
