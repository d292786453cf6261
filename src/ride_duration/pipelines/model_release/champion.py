"""A package against the champion and those before it, on a month after all that they have been trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.datasets.release import FormerChampion
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.data_science.slices import is_known_at_request
from ride_duration.pipelines.model_release.answer_errors import (
    AT_REQUEST,
    Errors,
    compare_errors,
    days_of,
    describe_difference,
    find_errors,
    needs_distance,
)
from ride_duration.pipelines.model_release.former_champions import compare_with_best
from ride_duration.pipelines.model_release.gate_checks import Check
from ride_duration.pipelines.model_release.parameters import Gate
from ride_duration.stats.bootstrap import MIN_DAYS, MIN_TRIPS, Difference, compare_rmse, find_counted
from ride_duration.stats.metrics import MOMENTS

_NONE_YET = "there is none yet"

#: So many slices are named at the end of a run; the report has all.
_NAMED = 3


class Comparison(NamedTuple):
    """What a package is beside the champion and those before it.

    Attributes:
        checks: Three: not worse than the champion in all, not much worse in any slice, and not worse than the best
            former champion.
        no_improvement: Why it does not replace the champion even where it passes, as the beginning of a sentence; None
            where it does.
    """

    checks: list[Check]
    no_improvement: str | None


def compare_with_champions(
    package: ModelPackage,
    champion: ModelPackage | None,
    former_champions: Sequence[FormerChampion],
    evaluated: pd.DataFrame,
    slices: dict[str, pd.Series[str]],
    gate: Gate,
) -> Comparison:
    """Compare a package with the champion and with the best of those before it, on one month.

    Args:
        package: The new one.
        champion: The one that answers now, if any.
        former_champions: Those before it, the newest first.
        evaluated: Feature rows (n) of the months that the new one is evaluated on.
        slices: The slice of each kind that each of them belongs to (n,), with their index.
        gate: Thresholds.
    """
    in_all, in_slices, in_time = _demands(gate)
    if champion is None and not former_champions:
        return Comparison([Check(*demand, True, _NONE_YET) for demand in _demands(gate)], None)
    rows = _find_rows(evaluated, package, champion)
    if isinstance(rows, str):
        failed = [Check(*demand, False, rows) for demand in _demands(gate)]
        return Comparison([*_pass_without_champion(gate), failed[-1]] if champion is None else failed, None)
    own = find_errors(package, rows)
    former = Check(*in_time, *compare_with_best(former_champions, champion, rows, own, gate))
    if champion is None:
        return Comparison([*_pass_without_champion(gate), former], None)
    theirs = find_errors(champion, rows)
    differences = compare_errors(own, theirs, days_of(rows), gate)
    checks = [
        Check(*in_all, *_compare_in_all(own, theirs, differences, rows, gate)),
        _compare_slices(Check(*in_slices, True, ""), own, theirs, slices, rows, gate),
        former,
    ]
    return Comparison(checks, _find_no_improvement(package, champion, differences))


def _demands(gate: Gate) -> list[tuple[str, str]]:
    """Return the name and the demand of each check."""
    bound = f"RMSE at most {gate.champion_worse:.1%} larger"
    month = "on the newest month of val_data and test_data, later than all that either was trained on"
    best = f"the best of the last {gate.recent_champions} former champions (those rolled back left out)"
    in_slices = f"no slice of {gate.slice_trips:,} trips more than {gate.slice_worse:.0%} worse for sure"
    return [
        ("not worse than the champion", f"{bound} {month}, at the upper 95 % bound"),
        ("no slice much worse than the champion's", in_slices),
        ("not worse than the best former champion", f"{bound} than that of {best}, on the same month and bound"),
    ]


def _pass_without_champion(gate: Gate) -> list[Check]:
    return [Check(*demand, True, _NONE_YET) for demand in _demands(gate)[:2]]


def _find_rows(evaluated: pd.DataFrame, package: ModelPackage, champion: ModelPackage | None) -> pd.DataFrame | str:
    """Return the rows (n) to compare on, without stray days; or, in words, why there are none."""
    month = find_common_month(evaluated, package, champion)
    if month is None:
        name, trained = ("new model", package) if champion is None else ("champion", champion)
        return (
            f"the {name} was trained on {', '.join(trained.manifest['train_data'])}; evaluate on a month (val_data) "
            "later than all that either was trained on"
        )
    rows = evaluated[evaluated["month"] == month]
    rows = rows[find_counted(days_of(rows))]
    days = len(np.unique(days_of(rows)))
    if days < MIN_DAYS:
        return (
            f"{month} has {days} days of {MIN_TRIPS} trips or more, and a comparison needs {MIN_DAYS}; "
            "evaluate on a month (val_data) with more trips"
        )
    return rows


def find_common_month(evaluated: pd.DataFrame, package: ModelPackage, champion: ModelPackage | None) -> str | None:
    """Return the newest evaluated month, if it is later than all that both have been trained on."""
    newest: str | None = max(evaluated["month"], default=None)
    trained = [month for of in (package, champion) if of is not None for month in of.manifest["train_data"]]
    return newest if newest is not None and newest > max(trained) else None


def _compare_in_all(
    own: Errors, theirs: Errors, differences: dict[str, Difference], rows: pd.DataFrame, gate: Gate
) -> tuple[bool, str]:
    found = [describe_difference(suffix, difference, own, theirs) for suffix, difference in differences.items()]
    passed = all(difference.high <= gate.champion_worse for difference in differences.values())
    if AT_REQUEST in theirs and AT_REQUEST not in own:
        passed = False
        found.append(f"{MOMENTS[AT_REQUEST]} it has no answer, and the champion has one")
    return passed, f"on {_month_of(rows)}, {len(rows):,} trips: {'; '.join(found)}"


def _compare_slices(
    check: Check, own: Errors, theirs: Errors, slices: dict[str, pd.Series[str]], rows: pd.DataFrame, gate: Gate
) -> Check:
    """Compare each slice, the worst first; each answer is sliced by what was known when it was given."""
    days, found_worse = days_of(rows), []
    large, few_days = _find_large_slices(rows, slices, gate)
    for suffix in [suffix for suffix in MOMENTS if suffix in own and suffix in theirs]:
        new, old = own[suffix] ** 2, theirs[suffix] ** 2
        for (kind, value), inside in large.items():
            if suffix == AT_REQUEST and not is_known_at_request(kind):
                continue
            difference = compare_rmse(new[inside], old[inside], days[inside], gate.seed)
            if difference.low > gate.slice_worse:
                name = _name_slice(kind, value)
                words = (
                    f"{name} {difference.middle:+.1%} (95 % bound: at least {difference.low:+.1%}) {MOMENTS[suffix]}"
                )
                found_worse.append((difference.middle, words))
    worse = [words for _, words in sorted(found_worse, key=lambda one: -one[0])]
    found = "; ".join(worse) or f"none on {_month_of(rows)}, of {len(large)} compared"
    if few_days:
        found += f"; not compared, since they have fewer than {MIN_DAYS} days to resample: {', '.join(few_days)}"
    brief = f"{'; '.join(worse[:_NAMED])}; and {len(worse) - _NAMED} more slices" if len(worse) > _NAMED else ""
    return check._replace(passed=not worse, evidence=found, brief=brief)


def _find_large_slices(
    rows: pd.DataFrame, slices: dict[str, pd.Series[str]], gate: Gate
) -> tuple[dict[tuple[str, Any], NDArray[np.bool_]], list[str]]:
    """Return which of the rows (n) lie in each slice of enough trips; and the names of those of too few days."""
    days = days_of(rows)
    large, few_days = {}, []
    for kind, values in slices.items():
        of_rows = values[rows.index]
        for value, trips in of_rows.value_counts().items():
            inside = np.asarray(of_rows == value, dtype=bool)
            if trips < gate.slice_trips:
                continue
            if len(np.unique(days[inside])) < MIN_DAYS:
                few_days.append(_name_slice(kind, value))
            else:
                large[kind, value] = inside
    return large, few_days


def _name_slice(kind: str, value: Any) -> str:
    return f"{kind.replace('_', ' ')} {value}"


def _month_of(rows: pd.DataFrame) -> str:
    return str(rows["month"].iloc[0])


def _find_no_improvement(
    package: ModelPackage, champion: ModelPackage, differences: dict[str, Difference]
) -> str | None:
    """A model that brings newer or more months need not be better; any other must be, in at least one answer."""
    trained, before = (set(of.manifest["train_data"]) for of in (package, champion))
    if max(trained) > max(before) or trained > before:
        return None
    answers_more = needs_distance(champion) and not needs_distance(package)
    if answers_more or any(difference.high < 0 for difference in differences.values()):
        return None
    figures = " and ".join(
        f"{100 * abs(difference.middle):.2f} % {'worse' if difference.middle >= 0 else 'better'} {MOMENTS[suffix]}"
        for suffix, difference in differences.items()
    )
    noise = "within the noise" if all(difference.low <= 0 for difference in differences.values()) else "no improvement"
    months = "both were trained on the same months" if trained == before else "it was trained on no newer months"
    version = "the champion" if champion.version is None else f"version {champion.version}"
    return f"{package.manifest['model']} is {figures} than {version}, {noise}, and {months}"
