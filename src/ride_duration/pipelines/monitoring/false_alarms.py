"""How often would the monitoring raise an alarm where nothing has changed? Counted on the reference of a package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ride_duration.errors import NotFound
from ride_duration.model_package import ModelPackage
from ride_duration.model_package.expected_error import PREDICTED, ExpectedError, has_error_model
from ride_duration.model_package.reference import COUNTS, ROWS
from ride_duration.pipelines.monitoring.comparable_days import OF_WEEKDAYS
from ride_duration.pipelines.monitoring.drift import Reference, find_weekdays, read_reference
from ride_duration.pipelines.monitoring.evidence import DailySums
from ride_duration.pipelines.monitoring.incidents import find_level_incidents
from ride_duration.pipelines.monitoring.limits import DriftLimits, Thresholds
from ride_duration.pipelines.monitoring.verdict import decide
from ride_duration.stats.calibration import DriftAlarms, count_drift_alarms
from ride_duration.stats.day_runs import draw_runs
from ride_duration.trips.features import METERED
from ride_duration.trips.records import DURATION

#: Standard deviations of the logarithm of what a month does to all durations.
MONTH_SPREADS = (0.0, 0.01, 0.02, 0.03, 0.04)

#: Bounds of what is realised: of a feature, where a p-value of 1 % is aimed at, and of windows after all steps.
FEATURE_BOUNDS, MOST_WINDOWS = (0.002, 0.02), 0.01

#: Days of a window, and before it, which say what is usual.
_WINDOW, _BEFORE = 28, 28

_SEED = 1


class Calibration(NamedTuple):
    """What was counted.

    Attributes:
        drift: Alarms about other rides.
        verdicts: By spread of the months, the share of windows with each verdict.
        windows: Windows that each share of these is of.
        days: Days of the reference.
    """

    drift: DriftAlarms
    verdicts: dict[float, dict[str, float]]
    windows: int
    days: int

    @property
    def problems(self) -> list[str]:
        """What is not within its bounds, as sentences."""
        low, high = FEATURE_BOUNDS
        mean = float(np.mean(list(self.drift.features.values())))
        quiet = self.verdicts[MONTH_SPREADS[0]]
        false = quiet.get("retrain", 0.0) + quiet.get("incident", 0.0)
        found = []
        if not low <= mean <= high:
            found.append(f"a feature is below p = 1 % in {mean:.2%} of the windows, not in {low:.1%} to {high:.0%}")
        if self.drift.repeated > MOST_WINDOWS:
            found.append(
                f"other rides are named in {self.drift.repeated:.2%} of the groups, more than {MOST_WINDOWS:.0%}"
            )
        if false > MOST_WINDOWS:
            found.append(f"retrain or incident is said of {false:.2%} of the windows, more than {MOST_WINDOWS:.0%}")
        return found


def calibrate(
    package: ModelPackage,
    thresholds: Thresholds,
    drift_limits: DriftLimits,
    references: int,
    windows: int,
    progress: Callable[[str, int, int], None],
) -> Calibration:
    """Count false alarms at each step, on days of the package's reference drawn again.

    Args:
        package: Of a version that was released with its reference.
        thresholds: Of the verdict.
        drift_limits: Of other rides.
        references: How many references are drawn for the drift test, each with some groups of windows.
        windows: How many windows of 28 days are drawn for the verdicts, for each spread of the months.
        progress: Called with what is counted, how much of it is done, and of how much.

    Raises:
        NotFound: The package has no reference, as those of former programs.
    """
    if COUNTS not in package.contents or ROWS not in package.contents:
        raise NotFound(
            "the champion has no reference (it was released by a former version); release a model by `kedro run` first"
        )
    reference = read_reference(package)
    drift = count_drift_alarms(
        reference.counts,
        find_weekdays(reference.days),
        np.arange(drift_limits.window_days) % 7,
        of_weekdays=OF_WEEKDAYS,
        windows=drift_limits.windows,
        of_them=drift_limits.of_them,
        draws=drift_limits.draws,
        alpha=drift_limits.alpha,
        psi=drift_limits.psi,
        references=references,
        seed=_SEED,
        progress=lambda done: progress("other rides", done, references),
    )
    days = sum_reference(reference, package)
    verdicts = {}
    for number, spread in enumerate(MONTH_SPREADS):
        verdicts[spread] = count_verdicts(days, spread, thresholds, windows)
        progress("verdicts", number + 1, len(MONTH_SPREADS))
    return Calibration(drift, verdicts, windows, len(reference.days))


def sum_reference(reference: Reference, package: ModelPackage) -> DailySums:
    """Sum up the reference's rides by day, as answered at request time, with actual durations at the answers' level.

    A model may be off by a few percent on its validation months; here nothing has changed, so that is divided out.
    """
    rows = reference.rows
    answered = rows["predicted_without_distance"].to_numpy(dtype=np.float64)
    answer = "predicted" if np.isnan(answered).all() else "predicted_without_distance"
    rows = rows[rows[answer].notna() & rows["duration"].between(*DURATION)]
    predicted, actual = (rows[column].to_numpy(dtype=np.float64) for column in (answer, "duration"))
    actual = actual * predicted.sum() / actual.sum()
    expected = np.full(len(rows), np.nan)
    if has_error_model(package):
        columns: dict[str, Any] = {name: rows[name].to_numpy() for name in rows.columns if name != PREDICTED}
        if answer != PREDICTED:
            columns |= dict.fromkeys(METERED, np.full(len(rows), np.nan))
        expected = ExpectedError(package).expect_squares(columns, predicted)
    by_day = rows["day"].to_numpy().astype("datetime64[D]")
    all_rides = next(iter(reference.counts.values())).sum(axis=1)
    sampled = np.array([np.sum(by_day == day) for day in reference.days], dtype=np.float64)
    weight = np.divide(all_rides, sampled, out=np.zeros_like(all_rides), where=sampled > 0)
    error = predicted - actual
    nothing = np.zeros(len(reference.days))

    def add(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(weight * np.array([values[by_day == day].sum() for day in reference.days]))

    return DailySums(
        reference.days, all_rides, add(np.ones(len(rows))), add(actual), add(predicted), add(np.abs(error)),
        add(error**2), add(predicted * actual), add(actual**2), add(predicted**2), add(expected), nothing, nothing,
        add((np.abs(error) <= 5).astype(np.float64)),
    )  # fmt: skip


def count_verdicts(days: DailySums, spread: float, thresholds: Thresholds, windows: int) -> dict[str, float]:
    """Return the share of each verdict among windows of days drawn again, whose months have effects of their own.

    Days are drawn in runs of 3 to 7 days, since a level that lasts is what the cumulative sum and two fortnights feel.
    Of incidents those of the level are counted; groups of rides, records and silences have no rows in a reference.

    Args:
        days: Sums of the days that are drawn from.
        spread: Standard deviation of the logarithm of a month's effect on all durations.
        thresholds: Of the verdict.
        windows: How many.
    """
    rng = np.random.default_rng(_SEED)
    found = Counter[str]()
    begin = np.datetime64("2001-01-01")  # a Monday
    for _ in range(windows):
        effects = spread * rng.standard_normal(2)
        drawn = draw_runs(days.day, np.arange(_BEFORE + _WINDOW) % 7, rng)
        shifted = slow_down(days.select(drawn), np.exp(np.repeat(effects, (_BEFORE, _WINDOW))))
        shifted = shifted._replace(day=begin + np.arange(_BEFORE + _WINDOW))
        incidents = find_level_incidents(
            shifted.actual / np.maximum(shifted.predicted, 1e-9),
            thresholds.incident_level,
            thresholds.incident_days_before,
        )
        window = np.arange(_BEFORE + _WINDOW) >= _BEFORE
        verdict = decide(shifted.select(window), incidents[window], (), (), thresholds)
        found[str(verdict.finding)] += 1
    return {finding: times / windows for finding, times in found.items()}


def slow_down(days: DailySums, factor: NDArray[np.float64]) -> DailySums:
    """Return the sums of days on which every ride took `factor` (n,) times as long, with the same answers."""
    actual_squared, product = factor**2 * days.actual_squared, factor * days.product
    return days._replace(
        actual=factor * days.actual, actual_squared=actual_squared, product=product,
        squared=actual_squared - 2 * product + days.predicted_squared,
    )  # fmt: skip


def describe_calibration(calibration: Calibration) -> str:
    """Return what was counted, as plain text."""
    drift = calibration.drift
    kinds = ("watch", "retrain", "incident", "insufficient")
    lines = [
        f"Other rides, though nothing has changed ({drift.groups} groups of windows, {calibration.days} days)",
        *(f"  {name:<28}{share:>9.2%}  of the windows below p = 1 %" for name, share in drift.features.items()),
        f"  {'any feature, adjusted':<28}{drift.adjusted:>9.2%}  of the windows",
        f"  {'and large enough':<28}{drift.large:>9.2%}  of the windows",
        f"  {'and in enough windows':<28}{drift.repeated:>9.2%}  of the groups: after all steps",
        "",
        f"Verdicts, though nothing but the month has changed ({calibration.windows} windows of {_WINDOW} days each)",
        "  (drawn in runs of 3 to 7 days; of incidents, those of the level alone are counted)",
        f"  {'spread of months (log)':<24}" + "".join(f"{kind:>14}" for kind in kinds),
    ]
    for spread, shares in calibration.verdicts.items():
        lines.append(f"  {spread:<24.2f}" + "".join(f"{shares.get(kind, 0.0):>14.2%}" for kind in kinds))
    return "\n".join(lines)
