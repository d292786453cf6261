"""Scored trips -> are the rides other rides than those of the reference? Feature by feature, window by window."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ride_duration.model_package import ModelPackage
from ride_duration.model_package.reference import ANSWERS, COUNTS, ROWS
from ride_duration.pipelines.monitoring.comparable_days import (
    CALENDAR,
    OF_WEEKDAYS,
    choose_days,
    find_comparable_days,
)
from ride_duration.pipelines.monitoring.evaluated import Evaluated
from ride_duration.pipelines.monitoring.feature_profiles import (
    Profiles,
    describe_profile,
    list_seen,
    read_profiles,
)
from ride_duration.pipelines.monitoring.incident_days import mark_days
from ride_duration.pipelines.monitoring.limits import DriftLimits
from ride_duration.pipelines.monitoring.logged_evidence import LoggedEvidence
from ride_duration.pipelines.monitoring.logged_features import LEVELS
from ride_duration.pipelines.monitoring.parameters import Monitored
from ride_duration.pipelines.monitoring.readable_packages import open_readable
from ride_duration.pipelines.monitoring.scored_features import count_rides
from ride_duration.pipelines.monitoring.separation import measure_separation, take_logged_rides
from ride_duration.stats.drift import (
    Drawn,
    adjust_for_number,
    compute_jensen_shannon,
    compute_psi,
    compute_wasserstein,
    draw_days,
    find_p_value,
)
from ride_duration.stats.whole_days import LEAST_SHARE

#: Added to the seed of a window for the draws of the window before.
_BEFORE = 1_000

_SCORE_COLUMNS = (
    "first", "last", "feature", "psi", "psi_to_previous", "jensen_shannon", "wasserstein", "missing",
    "missing_in_reference", "p_value", "adjusted", "beyond", "edges", "share_in_reference", "share",
    "rides", "separation", "p_value_to_previous", "adjusted_to_previous", "changed",
    "unseen", "by_hour", "p_value_by_hour", "hours", "hours_in_reference",
)  # fmt: skip


class Reference(NamedTuple):
    """What rides are compared with.

    Attributes:
        days: Its days (n,), datetime64[D].
        edges: Inner edges of the bins of each feature.
        counts: Rides of each feature by day and bin (n, bins), the last bin of missing values.
        rows: Some rides of every day.
    """

    days: NDArray[np.datetime64]
    edges: dict[str, NDArray[np.float64]]
    counts: dict[str, NDArray[np.float64]]
    rows: pd.DataFrame


def measure_drift(
    scored_trips: dict[str, Callable[[], ir.Table]],
    registered_packages: dict[int, Callable[[], ModelPackage]],
    evaluated: Evaluated,
    monitoring: Monitored,
    logged_evidence: LoggedEvidence | None = None,
) -> pd.DataFrame:
    """Compare the rides of the last windows with the reference of the package that scored them.

    Args:
        scored_trips: For each partition, a function that opens it as a table.
        registered_packages: For each version, a function that opens its package.
        evaluated: Of `find_evaluated`: which version is looked at, and the days on which something broke.
        monitoring: Says which window, and how.
        logged_evidence: Of `read_logged_evidence`: what the logged rides of each day were like; not used for scored
            months.

    Returns:
        One row a window and feature, the newest window first: its days, the distances, both shares of missing values,
        the p-value, the same adjusted for the number of features, and whether it is `beyond` all limits; the same two
        and whether it has `changed` against the window before; `edges`, the
        inner edges of the bins (n), and the shares of the rides in each (n + 2, the last of missing values);
        `rides`, how many of the window; the share of `unseen` values, and of answers what `describe_hours` returns;
        `separation` of all features together, of the newest window alone. Empty where the package has no reference, as
        those of former programs. What was not recorded, or not asked for, is not compared, nor are days that are
        incidents or were not recorded as a whole: of a window at least half of the days, and for `CALENDAR` all.
    """
    version = evaluated.version
    package = open_readable(registered_packages, version, needed=True)
    if package is None or COUNTS not in package.contents:
        return pd.DataFrame(columns=list(_SCORE_COLUMNS))
    reference = read_reference(package)
    limits = monitoring.drift_limits
    days = monitoring.compared_days
    if monitoring.is_of_log and logged_evidence is not None:
        rows = [row for row in logged_evidence.features if row["version"] == version]
        counts, values, profiles = *_read_counts(rows, reference, days), read_profiles(rows, days)
    else:
        seen = list_seen(reference.rows)
        counts, values, profiles = count_rides(scored_trips, package, reference.edges, seen, days, version, monitoring)
    comparable = find_comparable_days(counts, mark_days(days, evaluated.incidents))
    tables = []
    for number in range(limits.windows):
        end = len(days) - number * limits.window_days
        window = slice(end - limits.window_days, end)
        table = compare_window(reference, days, counts, values, window, limits, number, comparable, profiles)
        if table.empty:
            continue
        if number:
            rides = None
        elif monitoring.is_of_log and logged_evidence is not None:
            # Rows of the log keep quantiles of each feature, and no rides that a classifier could separate.
            chosen, _ = _choose_classified(days, window, comparable)
            rides = take_logged_rides(logged_evidence.answers, package, chosen)
        else:
            rides = _take_rides(days, values, window, comparable)
        separation = np.nan if rides is None else measure_separation(reference.rows[rides.columns], rides)
        tables.append(table.assign(separation=separation)[list(_SCORE_COLUMNS)])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(_SCORE_COLUMNS))


def find_drifted(drift_scores: pd.DataFrame, limits: DriftLimits) -> tuple[list[str], list[str]]:
    """Return the features that differ in enough windows, and those of them of which more values are missing."""
    if drift_scores.empty:
        return [], []
    by_feature = drift_scores.groupby("feature", sort=False)
    drifted = [str(name) for name, rows in by_feature if rows["beyond"].sum() >= limits.of_them]
    risen = drift_scores["missing"] - drift_scores["missing_in_reference"] > limits.missing
    missing = drift_scores[risen & drift_scores["beyond"]]["feature"].unique()
    return drifted, [name for name in drifted if name in missing]


def read_reference(package: ModelPackage) -> Reference:
    """Read the reference of a package; stray dates of some meter's clock are no days of it."""
    table = pq.read_table(io.BytesIO(package.contents[COUNTS])).to_pandas()
    edges, counts = {}, {}
    for feature, counted in table.groupby("feature", sort=False):
        lows = np.sort(counted["low"].unique())
        edges[str(feature)] = lows[np.isfinite(lows)]
        by_day = counted.pivot(index="day", columns="bin", values="rows").sort_index()
        rides = by_day.sum(axis=1)
        by_day = by_day[rides >= LEAST_SHARE * rides.median()]
        counts[str(feature)] = by_day.to_numpy(dtype=np.float64)
    days = np.array(by_day.index.to_numpy(), dtype="datetime64[D]")
    return Reference(days, edges, counts, pq.read_table(io.BytesIO(package.contents[ROWS])).to_pandas())


def _read_counts(
    rows: list[dict[str, Any]], reference: Reference, days: NDArray[np.datetime64]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]]]:
    """Return the same as `count_rides` from the rows of the log: quantiles of each day stand for its values."""
    counts: dict[str, NDArray[np.float64]] = {}
    values: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}
    for row in rows:
        name, number = row["feature"], int((np.datetime64(row["day"]) - days[0]).astype(int))
        bins = len(reference.edges[name]) + 2 if name in reference.edges else 0
        if bins != len(row["counts"]):
            continue
        counts.setdefault(name, np.zeros((len(days), bins)))[number] = row["counts"]
        quantiles = np.array(row["quantiles"], dtype=np.float64)
        values.setdefault(name, []).append((np.full(len(quantiles), number), quantiles))
    return {name: counts[name] for name in reference.edges if name in counts}, values


def _take_rides(
    days: NDArray[np.datetime64],
    values: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]],
    window: slice,
    comparable: dict[str, NDArray[np.bool_]],
) -> pd.DataFrame:
    """Return the features of the rides of a window whose values were kept, and their days.

    Without the calendar where days of the window are left out, by which rides of other days could be separated.
    """
    kept, left_out = _choose_classified(days, window, comparable)
    features = {name: batches for name, batches in values.items() if name not in left_out and batches}
    day = np.concatenate([day for day, _ in next(iter(features.values()))])
    columns = {name: np.concatenate([numbers for _, numbers in batches]) for name, batches in features.items()}
    within = np.isin(days[day], kept)
    return pd.DataFrame({name: numbers[within] for name, numbers in ({"day": days[day]} | columns).items()})


def _choose_classified(
    days: NDArray[np.datetime64], window: slice, comparable: dict[str, NDArray[np.bool_]]
) -> tuple[NDArray[np.datetime64], tuple[str, ...]]:
    """Return the days of a window whose rides are classified, and the features that are not.

    A week has each weekday once: a classifier that reads it takes a day that it has not seen for the reference's.
    """
    chosen = next(iter(comparable.values()))[window]
    return days[window][chosen], (*ANSWERS, *OF_WEEKDAYS) if chosen.all() else (*ANSWERS, *CALENDAR)


def compare_window(
    reference: Reference,
    days: NDArray[np.datetime64],
    counts: dict[str, NDArray[np.float64]],
    values: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]],
    window: slice,
    limits: DriftLimits,
    seed: int,
    comparable: dict[str, NDArray[np.bool_]] | None = None,
    profiles: Profiles | None = None,
) -> pd.DataFrame:
    """Compare the days of one window with the reference.

    Args:
        reference: Of the package.
        days: All days that were counted (n,).
        counts: Rides of each feature by day and bin (n, bins).
        values: Of some rides of each feature: the number of the day, and the value, by batch.
        window: Which of the days.
        limits: When a feature counts as other than in the reference.
        seed: Of the draws.
        comparable: Of `find_comparable_days`; found from the counts if not given.
        profiles: Of all days, as far as they are known.

    Returns:
        The rows of `measure_drift` for the window, without `separation`; none of a feature of which too few days can be
        compared.
    """
    comparable = comparable or find_comparable_days(counts, np.zeros(len(days), dtype=bool))
    before = slice(window.start - limits.window_days, window.start)

    @cache
    def draw(chosen: tuple[int, ...], seed: int = seed) -> Drawn:
        return draw_days(find_weekdays(reference.days), find_weekdays(days[list(chosen)]), limits.draws, seed)

    rows = []
    for name, by_day in counts.items():
        chosen = choose_days(name, comparable[name], window)
        if not len(chosen):
            continue
        earlier = choose_days(name, comparable[name], before) if before.start >= 0 else np.empty(0, dtype=int)
        drawn = draw(tuple(chosen.tolist()))
        now, then, total = by_day[chosen].sum(axis=0), by_day[earlier].sum(axis=0), reference.counts[name].sum(axis=0)
        psi, to_previous = float(compute_psi(total, now)), float(compute_psi(then, now))
        # Two windows that nothing but chance tells apart: the window before in the place of the reference.
        both = drawn._replace(reference=draw(tuple(earlier.tolist()), seed + _BEFORE).window) if len(earlier) else None
        in_window = [numbers[np.isin(day, chosen)] for day, numbers in values[name]]
        rows.append(
            {
                "first": days[window][0], "last": days[window][-1], "feature": name, "psi": psi,
                "psi_to_previous": to_previous if both else np.nan,
                "jensen_shannon": float(compute_jensen_shannon(total, now)),
                "wasserstein": compute_wasserstein(
                    _quantiles(reference.rows[name].to_numpy(dtype=np.float64)), _quantiles(np.concatenate(in_window))
                ),
                "missing": now[-1] / max(now.sum(), 1.0), "missing_in_reference": total[-1] / max(total.sum(), 1.0),
                "p_value": find_p_value(psi, reference.counts[name], drawn, of_weekdays=name in OF_WEEKDAYS),
                "p_value_to_previous": np.nan if both is None
                else find_p_value(to_previous, reference.counts[name], both, of_weekdays=name in OF_WEEKDAYS),
                "edges": reference.edges[name].tolist(),
                "share_in_reference": (total / max(total.sum(), 1.0)).tolist(),
                "share": (now / max(now.sum(), 1.0)).tolist(), "rides": now.sum(),
            }
            | describe_profile(profiles, reference.rows, reference.days, name, chosen, now.sum(), drawn)
        )  # fmt: skip
    if not rows:
        return pd.DataFrame(columns=list(_SCORE_COLUMNS))
    table = pd.DataFrame(rows)
    table["adjusted"] = _adjust(table, "p_value")
    table["beyond"] = (table["adjusted"] <= limits.alpha) & (table["psi"] >= limits.psi)
    table["adjusted_to_previous"] = _adjust(table, "p_value_to_previous")
    table["changed"] = (table["adjusted_to_previous"] <= limits.alpha) & (table["psi_to_previous"] >= limits.psi)
    return table


def _adjust(table: pd.DataFrame, column: str) -> list[float]:
    """Return the p-values of the features (n,) adjusted for how many are known; NaN for those that are not."""
    known = table[table[column].notna()]
    adjusted = adjust_for_number(dict(zip(known["feature"], known[column], strict=True)))
    return [adjusted.get(name, np.nan) for name in table["feature"]]


def _quantiles(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    known = numbers[~np.isnan(numbers)]
    return np.quantile(known, LEVELS) if len(known) else np.full(len(LEVELS), np.nan)


def find_weekdays(days: NDArray[np.datetime64]) -> NDArray[np.int_]:
    """Return 0 for Monday; 1970-01-01 was a Thursday."""
    return np.asarray((days.astype("datetime64[D]").astype(int) + 3) % 7)
