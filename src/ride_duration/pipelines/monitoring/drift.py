"""Scored trips -> are the rides other rides than those of the reference? Feature by feature, window by window."""

from __future__ import annotations

import io
from collections.abc import Callable

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.reference import COUNTS, ROWS
from ride_duration.pipelines.batch_scoring.scoring import partition_of
from ride_duration.pipelines.monitoring.parameters import DriftLimits, Monitoring
from ride_duration.stats.binning import count_by_day, find_bins
from ride_duration.stats.drift import (
    adjust_for_number,
    compute_jensen_shannon,
    compute_psi,
    compute_wasserstein,
    draw_days,
    find_p_value,
)

#: Levels of the quantiles that are compared in the feature's unit.
_LEVELS = np.linspace(0.005, 0.995, 100)

_COLUMNS = ("PULocationID", "DOLocationID", "trip_distance")
_SCORE_COLUMNS = (
    "first", "last", "feature", "psi", "psi_to_previous", "jensen_shannon", "wasserstein", "missing",
    "missing_in_reference", "p_value", "adjusted", "beyond",
)  # fmt: skip


def measure_drift(
    scored_trips: dict[str, Callable[[], ir.Table]],
    registered_packages: dict[int, Callable[[], ModelPackage]],
    daily_sums: pd.DataFrame,
    monitoring: Monitoring,
) -> pd.DataFrame:
    """Compare the rides of the last windows with the reference of the package that scored them.

    Args:
        scored_trips: For each partition, a function that opens it as a table.
        registered_packages: For each version, a function that opens its package.
        daily_sums: Of `sum_days`, which says which version scored last.
        monitoring: Says which months, and how.

    Returns:
        One row a window and feature: its days, the distances, both shares of missing values, the p-value, the same
        adjusted for the number of features, and whether it is `beyond` all limits. Empty where the package has no
        reference, as those of former programs.
    """
    version = find_version(daily_sums, monitoring)
    package = registered_packages[version]() if version in registered_packages else None
    if package is None or COUNTS not in package.contents:
        return pd.DataFrame(columns=list(_SCORE_COLUMNS))
    reference = pq.read_table(io.BytesIO(package.contents[COUNTS])).to_pandas()
    reference["day"] = reference["day"].to_numpy().astype("datetime64[D]")
    rides = _read_rides(scored_trips, package, monitoring)
    sample = pq.read_table(io.BytesIO(package.contents[ROWS])).to_pandas()
    last = np.datetime64(monitoring.last_day)
    tables = []
    for number in range(monitoring.drift_limits.windows):
        end = last - np.timedelta64(number * monitoring.drift_limits.window_days, "D")
        begin = end - np.timedelta64(monitoring.drift_limits.window_days - 1, "D")
        if begin < rides["day"].min():
            break
        tables.append(_compare(rides, reference, sample, begin, end, monitoring.drift_limits, seed=number))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(_SCORE_COLUMNS))


def find_version(daily_sums: pd.DataFrame, monitoring: Monitoring) -> int:
    """Return the version that scored the last day of the window."""
    within = daily_sums[daily_sums["day"].astype(str) <= monitoring.last_day]
    return int(within.sort_values("day")["version"].iloc[-1])


def find_drifted(drift_scores: pd.DataFrame, limits: DriftLimits) -> tuple[list[str], list[str]]:
    """Return the features that differ in enough windows, and those of them of which more values are missing."""
    if drift_scores.empty:
        return [], []
    by_feature = drift_scores.groupby("feature", sort=False)
    drifted = [str(name) for name, rows in by_feature if rows["beyond"].sum() >= limits.of_them]
    risen = drift_scores["missing"] - drift_scores["missing_in_reference"] > limits.missing
    missing = drift_scores[risen & drift_scores["beyond"]]["feature"].unique()
    return drifted, [name for name in drifted if name in missing]


def _read_rides(
    scored_trips: dict[str, Callable[[], ir.Table]], package: ModelPackage, monitoring: Monitoring
) -> pd.DataFrame:
    """Read the rides (n) of the window with their features and answers; actual durations play no part."""
    tables = []
    for month in monitoring.months:
        scored = scored_trips[partition_of(monitoring.taxi_type, month)]()
        pickup = next(name for name in scored.columns if "pickup" in name)
        names = [
            name for name in (*_COLUMNS, "predicted_duration", "predicted_without_distance") if name in scored.columns
        ]
        rows = scored.select(*names, pickup=pickup).to_pyarrow()
        known = {name: rows[name].to_numpy().astype(np.float64) for name in names}
        when = rows["pickup"].to_numpy().astype("datetime64[s]")
        nothing = np.full(len(when), np.nan)
        columns = package.columns(
            Rides(known["PULocationID"], known["DOLocationID"], when, known.get("trip_distance", nothing))
        )
        table = pd.DataFrame({name: values for name, values in columns.items() if values.dtype != object})
        table["predicted"] = known["predicted_duration"]
        table["predicted_without_distance"] = known.get("predicted_without_distance", nothing)
        table["day"] = when.astype("datetime64[D]")
        tables.append(
            table[(table["day"] >= np.datetime64(month, "D")) & (table["day"] <= np.datetime64(monitoring.last_day))]
        )
    return pd.concat(tables, ignore_index=True)


def _compare(
    rides: pd.DataFrame,
    reference: pd.DataFrame,
    sample: pd.DataFrame,
    begin: np.datetime64,
    end: np.datetime64,
    limits: DriftLimits,
    seed: int,
) -> pd.DataFrame:
    days = np.unique(reference["day"].to_numpy().astype("datetime64[D]"))
    length = int((end - begin).astype(int)) + 1
    drawn = draw_days(_weekdays(days), _weekdays(begin + np.arange(length)), limits.draws, seed)
    window = rides[(rides["day"] >= begin) & (rides["day"] <= end)]
    before = rides[(rides["day"] >= begin - np.timedelta64(length, "D")) & (rides["day"] < begin)]
    rows = []
    for feature, counted in reference.groupby("feature", sort=False):
        name = str(feature)
        by_day = counted.pivot(index="day", columns="bin", values="rows").to_numpy(dtype=np.float64)
        edges = np.sort(counted["low"].unique())
        edges = edges[np.isfinite(edges)]
        now, then = (_count(table[name].to_numpy(), edges) for table in (window, before))
        total = by_day.sum(axis=0)
        psi = float(compute_psi(total, now))
        quantiles = [
            np.nanquantile(table[name].to_numpy(dtype=np.float64), _LEVELS)
            if table[name].notna().any()
            else np.zeros(100)
            for table in (sample, window)
        ]
        rows.append(
            {
                "first": begin, "last": end, "feature": name, "psi": psi,
                "psi_to_previous": float(compute_psi(then, now)) if then.sum() else np.nan,
                "jensen_shannon": float(compute_jensen_shannon(total, now)),
                "wasserstein": compute_wasserstein(*quantiles),
                "missing": now[-1] / max(now.sum(), 1.0), "missing_in_reference": total[-1] / max(total.sum(), 1.0),
                "p_value": find_p_value(psi, by_day, drawn),
            }
        )  # fmt: skip
    table = pd.DataFrame(rows)
    adjusted = adjust_for_number(dict(zip(table["feature"], table["p_value"], strict=True)))
    table["adjusted"] = [adjusted[name] for name in table["feature"]]
    table["beyond"] = (table["adjusted"] <= limits.alpha) & (table["psi"] >= limits.psi)
    return table[list(_SCORE_COLUMNS)]


def _count(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    bins = find_bins(values, edges)
    counts: NDArray[np.float64] = count_by_day(np.zeros(len(bins), dtype=np.int64), bins, 1, len(edges) + 2)[0]
    return counts


def _weekdays(days: NDArray[np.datetime64]) -> NDArray[np.int_]:
    """Return 0 for Monday; 1970-01-01 was a Thursday."""
    return np.asarray((days.astype("datetime64[D]").astype(int) + 3) % 7)
