"""The rollout plan: the one that is delivered, and what is said about others."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ride_duration.errors import RideDurationError
from ride_duration.serving.rollout_plan import parse_plan
from tests.conftest import REPOSITORY

DELIVERED: dict[str, Any] = yaml.safe_load(Path(REPOSITORY / "conf/base/parameters_rollout.yml").read_text())["rollout"]


def test_the_delivered_plan_goes_from_the_shadow_to_all_rides() -> None:
    plan = parse_plan(DELIVERED)
    assert [stage.name for stage in plan.stages] == ["shadow", "5 %", "25 %", "100 %"]


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
        (("stages", 0, "minutes"), 0, "stage 1: minutes is 0; it must be a number above 0"),
        (("stages", 0, "minutes"), "1 day", "stage 1: minutes is '1 day'"),
        (("stages", 0, "predictions"), 10.5, "stage 1: predictions is 10.5; it must be a whole number, 1 or more"),
        (("stages", 0, "predictions"), 99, "stage 1: predictions is 99, below the 100 requests"),
        (("stages", 0, "actuals"), -1, "stage 1: actuals is -1; it must be a whole number, 0 or more"),
        (("stages", 0, "minute"), 5, "stage 1: 'minute' is unknown; did you mean 'minutes'?"),
        (("stages", 0), 0.05, "stage 1 is 0.05; write share, minutes, predictions, actuals under it"),
        (("stages",), [], "rollout.stages: write a list of stages"),
        (("limits", "error_rate"), 1, "rollout.limits: error_rate is 1; it must be a share from 0 to below 1"),
        (("limits", "requests"), 0, "rollout.limits: requests is 0"),
        (("limits", "p99_ms"), None, "rollout.limits: p99_ms is None"),
        (("limits", "worse_minutes"), -0.1, "rollout.limits: worse_minutes is -0.1"),
        (("limits", "latency"), 3, "rollout.limits: 'latency' is unknown; there are: requests, error_rate, p99_ms"),
        (("limits",), None, "rollout.limits is None; write requests, error_rate, p99_ms, worse_minutes under it"),
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
    del plan["limits"]["p99_ms"], plan["stages"][0]["minutes"], plan["stages"][0]["actuals"]
    with pytest.raises(RideDurationError) as told:
        parse_plan(plan)
    assert str(told.value).splitlines()[1:] == [
        "  rollout.stages, stage 1: minutes is missing",
        "  rollout.limits: p99_ms is missing",
    ]
