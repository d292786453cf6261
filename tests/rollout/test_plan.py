"""The rollout plan: the one that is delivered, and what is said about others."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ride_duration.errors import RideDurationError
from ride_duration.rollout.plan import parse_plan
from ride_duration.stats.sequential import FIRST_LOOK
from tests.conftest import REPOSITORY

DELIVERED: dict[str, Any] = yaml.safe_load(Path(REPOSITORY / "conf/base/parameters_rollout.yml").read_text())["rollout"]


def test_the_delivered_plan_goes_from_the_shadow_to_all_rides() -> None:
    plan = parse_plan(DELIVERED)
    assert [stage.name for stage in plan.stages] == ["shadow", "5 %", "25 %", "100 %"]
    assert plan.stages[0].days >= FIRST_LOOK
    assert plan.limits.worse_rmse == 0.01


def test_the_demonstration_ends_in_minutes() -> None:
    demo = yaml.safe_load(Path(REPOSITORY / "conf/demo/parameters_rollout.yml").read_text())["rollout"]
    plan = parse_plan({**demo, "limits": DELIVERED["limits"] | demo["limits"]})
    assert sum(stage.days for stage in plan.stages) * 1_440 < 10
    assert plan.limits.worse_rmse is None


def test_a_plan_of_a_former_version_is_told_what_its_keys_are_called_today() -> None:
    stages = [
        {"share": "shadow", "minutes": 1440, "predictions": 1000},
        {"share": 1.0, "minutes": 9, "predictions": 99},
    ]
    limits = {"requests": 100, "error_rate": 0.01, "p99_ms": 50, "worse_minutes": 0.1}
    for plan in ({"stages": stages, "limits": limits}, {**DELIVERED, "limits": DELIVERED["limits"] | limits}):
        with pytest.raises(RideDurationError) as told:
            parse_plan(plan)
        [line] = str(told.value).splitlines()
        assert "'worse_minutes' is 'worse_rmse' today (a share of the champion's RMSE: 0.01 is 1 %)" in line
        assert ("'minutes' is 'days' today (minutes: 1440 is days: 1)" in line) == (plan["stages"] is stages)
        assert "conf/base/parameters_rollout.yml shows a plan of today" in line


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("stages", 1, "share"), 0, "stage 2: share is 0; it must be 'shadow', or a number above 0 and up to 1"),
        (("stages", 1, "share"), 1.01, "stage 2: share is 1.01"),
        (("stages", 1, "share"), float("nan"), "stage 2: share is nan"),
        (("stages", 1, "share"), True, "stage 2: share is True"),
        (("stages", 1, "share"), "5 %", "stage 2: share is '5 %'"),
        (("stages", 1, "share"), 0.5, "stage 3: share is 25 % after 50 %; shares must ascend, the shadow first"),
        (("stages", 2, "share"), "shadow", "stage 3: share is shadow after 5 %"),
        (("stages", 0, "days"), 0, "stage 1: days is 0; it must be a number above 0"),
        (("stages", 0, "days"), "1 day", "stage 1: days is '1 day'"),
        (("stages", 0, "predictions"), 10.5, "stage 1: predictions is 10.5; it must be a whole number, 1 or more"),
        (("stages", 0, "predictions"), 99, "stage 1: predictions is 99, below the 100 requests"),
        (("stages", 0, "actuals"), -1, "stage 1: actuals is -1; it must be a whole number, 0 or more"),
        (("stages", 0, "day"), 5, "stage 1: 'day' is unknown; did you mean 'days'?"),
        (("stages", 0), 0.05, "stage 1 is 0.05; write share, days, predictions, actuals under it"),
        (("stages",), [], "rollout.stages: write a list of stages"),
        (("limits", "error_rate"), 1, "rollout.limits: error_rate is 1; it must be a share from 0 to below 1"),
        (("limits", "requests"), 0, "rollout.limits: requests is 0"),
        (("limits", "p99_ms"), None, "rollout.limits: p99_ms is None"),
        (("limits", "worse_rmse"), 0, "rollout.limits: worse_rmse is 0; it must be a share above 0 and below 1 of the"),
        (("limits", "worse_rmse"), 1, "rollout.limits: worse_rmse is 1"),
        (("limits", "guard_rides"), 0, "rollout.limits: guard_rides is 0; it must be a whole number, 1 or more"),
        (("limits", "guard_worse_rmse"), None, "rollout.limits: guard_worse_rmse is None; it must be a share above 0"),
        (
            ("stages",),
            [{"share": 1.0, "days": 1, "predictions": 100}],
            "stage 1: at 100 % there is no champion to compare the accuracy with; begin with the shadow",
        ),
        (("limits", "latency"), 3, "rollout.limits: 'latency' is unknown; there are: requests, error_rate, p99_ms"),
        (("limits",), None, "rollout.limits is None; write requests, error_rate, p99_ms, worse_rmse, guard_rides"),
        (("stage",), [], "rollout: 'stage' is unknown; did you mean 'stages'?"),
    ],
)
def test_a_fault_is_told_by_its_place(path: tuple[Any, ...], value: object, said: str) -> None:
    plan: Any = deepcopy(DELIVERED)
    place = plan
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(RideDurationError, match=re.escape(said)) as told:
        parse_plan(plan)
    assert len(str(told.value).splitlines()) == 2


@pytest.mark.parametrize("given", [None, [], "plan"])
def test_what_is_no_mapping_is_refused(given: object) -> None:
    with pytest.raises(RideDurationError, match="write stages, limits under it"):
        parse_plan(given)


def test_what_is_missing_is_told_and_actuals_may_be() -> None:
    plan = deepcopy(DELIVERED)
    del plan["limits"]["p99_ms"], plan["stages"][0]["days"], plan["stages"][0]["actuals"]
    with pytest.raises(RideDurationError) as told:
        parse_plan(plan)
    assert str(told.value).splitlines()[1:] == [
        "  rollout.stages, stage 1: days is missing",
        "  rollout.limits: p99_ms is missing",
    ]
