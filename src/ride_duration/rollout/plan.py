"""The rollout plan as people write it (`rollout` in the parameters), checked."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec

from ride_duration.errors import RideDurationError

SHADOW = "shadow"


class Stage(msgspec.Struct, frozen=True):
    """How much the challenger answers, and what must be seen before it answers more.

    Attributes:
        share: Of rides, above 0 and up to 1; 0 is the shadow: all rides are scored, but not returned to clients.
        days: Time that passes at least; a stage whose accuracy is to be compared lasts until the test has looked, too.
        predictions: Answers that it gives at least.
        actuals: Of its answers, those whose ride has ended, at least.
    """

    share: float
    days: float
    predictions: int
    actuals: int = 0

    @property
    def name(self) -> str:
        """For instance `shadow` or `5 %`."""
        return format_share(self.share)


class RolloutLimits(msgspec.Struct, frozen=True):
    """When the challenger stops answering, by itself.

    Attributes:
        requests: Fewer than so many show neither errors nor slowness.
        error_rate: Greatest share of requests that it fails.
        p99_ms: Greatest 99th percentile of its time for an answer, in milliseconds.
        worse_rmse: Greatest RMSE above the champion's, as a share of it (0.01 is 1 %): it stops as soon as the
            time-uniform 95 % interval of the difference lies above. The shadow ends once the test has looked and the
            estimate is not above; once the whole interval is not, later stages need no comparison. None: no
            comparison decides, for demonstrations that last minutes.
        guard_rides: Before the test has looked (at any time, if `worse_rmse` is None), fewer shared rides than this
            show nothing; of rides that each has for itself it takes four times as many.
        guard_worse_rmse: Greatest RMSE above the champion's on these, as a share of it.
    """

    requests: int
    error_rate: float
    p99_ms: float
    worse_rmse: float | None
    guard_rides: int
    guard_worse_rmse: float


class RolloutPlan(msgspec.Struct, frozen=True):
    """From the shadow to all rides.

    Attributes:
        stages: With ascending shares; after the last one the challenger becomes champion.
        limits: Of all stages.
    """

    stages: tuple[Stage, ...]
    limits: RolloutLimits

    def stage(self, share: float) -> Stage | None:
        """The stage with this share, if there is one."""
        return next((stage for stage in self.stages if stage.share == share), None)


def format_share(share: float) -> str:
    """For instance `shadow` or `5 %`."""
    return f"{100 * share:g} %" if share else SHADOW


def parse_plan(given: object) -> RolloutPlan:
    """A plan from what YAML says.

    Args:
        given: A mapping with `stages` and `limits`.

    Raises:
        RideDurationError: With a line for each fault.
    """
    _refuse_former_keys(given)
    faults: list[str] = []
    top = _mapping(given, "rollout", ("stages", "limits"), (), faults)
    stages = _stages(top["stages"], faults) if "stages" in top else []
    limits = _numbers(top["limits"], "rollout.limits", _LIMITS, (), faults) if "limits" in top else {}
    if not faults and limits["worse_rmse"] is not None and stages[0]["share"] == 1:
        faults.append(
            f"{_stage(1)}: at 100 % there is no champion to compare the accuracy with; begin with the shadow or with "
            "a smaller share, or set rollout.limits.worse_rmse to null"
        )
    if not faults:
        faults += [
            f"{_stage(number)}: predictions is {stage['predictions']}, below the {limits['requests']} requests that "
            "the limits need to judge; raise it, or lower rollout.limits.requests"
            for number, stage in enumerate(stages, 1)
            if stage["predictions"] < limits["requests"]
        ]
    if faults:
        raise RideDurationError("\n  ".join(("the rollout plan cannot be used:", *faults)))
    return RolloutPlan(tuple(Stage(**stage) for stage in stages), RolloutLimits(**limits))


def _refuse_former_keys(given: object) -> None:
    """Name what has become of the keys of former plans.

    Raises:
        RideDurationError: There are such keys.
    """
    top = given if isinstance(given, Mapping) else {}
    stages = top.get("stages")
    groups = [*(stages if isinstance(stages, list | tuple) else ()), top.get("limits")]
    names = {name for group in groups if isinstance(group, Mapping) for name in group}
    former = [f"'{name}' is {now}" for name, now in _FORMER.items() if name in names]
    if former:
        raise RideDurationError(
            f"the rollout plan cannot be used: it is of a former version; {', and '.join(former)}. "
            "conf/base/parameters_rollout.yml shows a plan of today"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


#: What keys of former plans are called today.
_FORMER = {
    "minutes": "'days' today (minutes: 1440 is days: 1)",
    "worse_minutes": "'worse_rmse' today (a share of the champion's RMSE: 0.01 is 1 %)",
}
#: What each name must be: in words, and as a test.
_LIMITS: dict[str, tuple[str, Any]] = {
    "requests": ("a whole number, 1 or more", lambda value: _is_count(value) and value >= 1),
    "error_rate": ("a share from 0 to below 1", lambda value: _is_number(value) and 0 <= value < 1),
    "p99_ms": ("milliseconds above 0", lambda value: _is_number(value) and value > 0),
    "worse_rmse": (
        "a share above 0 and below 1 of the champion's RMSE, or null for a plan that compares no accuracy",
        lambda value: value is None or (_is_number(value) and 0 < value < 1),
    ),
    "guard_rides": ("a whole number, 1 or more", lambda value: _is_count(value) and value >= 1),
    "guard_worse_rmse": ("a share above 0 of the champion's RMSE", lambda value: _is_number(value) and value > 0),
}
_STAGE: dict[str, tuple[str, Any]] = {
    "share": (
        f"'{SHADOW}', or a number above 0 and up to 1",
        lambda value: value == SHADOW or (_is_number(value) and 0 < value <= 1),
    ),
    "days": ("a number above 0", lambda value: _is_number(value) and value > 0),
    "predictions": ("a whole number, 1 or more", lambda value: _is_count(value) and value >= 1),
    "actuals": ("a whole number, 0 or more", lambda value: _is_count(value) and value >= 0),
}


def _stage(number: int) -> str:
    return f"rollout.stages, stage {number}"


def _stages(given: object, faults: list[str]) -> list[dict[str, Any]]:
    if not isinstance(given, list | tuple) or not given:
        faults.append("rollout.stages: write a list of stages, the shadow or the smallest share first")
        return []
    before = len(faults)
    stages = [_numbers(entry, _stage(number), _STAGE, ("actuals",), faults) for number, entry in enumerate(given, 1)]
    if len(faults) > before:
        return []
    for stage in stages:
        stage["share"] = 0.0 if stage["share"] == SHADOW else float(stage["share"])
    faults += [
        f"{_stage(number)}: share is {format_share(later['share'])} after {format_share(earlier['share'])}; "
        "shares must ascend, the shadow first"
        for number, (earlier, later) in enumerate(pairwise(stages), 2)
        if later["share"] <= earlier["share"]
    ]
    return stages


def _numbers(
    given: object, where: str, fields: dict[str, tuple[str, Any]], optional: tuple[str, ...], faults: list[str]
) -> dict[str, Any]:
    values = _mapping(given, where, tuple(fields), optional, faults)
    faults += [
        f"{where}: {name} is {value!r}; it must be {fields[name][0]}"
        for name, value in values.items()
        if not fields[name][1](value)
    ]
    return values


def _mapping(
    given: object, where: str, names: tuple[str, ...], optional: tuple[str, ...], faults: list[str]
) -> dict[str, Any]:
    """The known names; faults are those that are unknown or missing."""
    if not isinstance(given, Mapping):
        faults.append(f"{where} is {given!r}; write {', '.join(names)} under it")
        return {}
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(str(name), names, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(names)}"
            faults.append(f"{where}: '{name}' is unknown; {hint}")
    faults += [f"{where}: {name} is missing" for name in names if name not in given and name not in optional]
    return {name: given[name] for name in names if name in given}
