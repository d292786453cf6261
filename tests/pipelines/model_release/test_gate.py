"""The gate: what each check demands, when it fails, and what it says."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from ride_duration.datasets.release import FormerChampion
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.model_release import gate as gate_module
from ride_duration.pipelines.model_release.gate import _later_months, gate_package
from ride_duration.pipelines.model_release.gate_checks import Check, columns_of
from tests.support.evaluation import SLICES, splits
from tests.support.gate import WIDE, gate, in_few_days, judged
from tests.support.models import simulated_features
from tests.support.packages import QUALITY, package, released_splits, repacked


def check_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [check for check in report["checks"] if check["name"] == name]
    return dict(found)


def assert_only_fails(report: dict[str, Any], *names: str) -> None:
    failed = [check["name"] for check in report["checks"] if not check["passed"]]
    assert failed == list(names)
    assert not report["passed"]
    assert report["verdict"] == f"failed: {', '.join(names)}"


def test_a_good_package_passes_and_the_report_says_of_what() -> None:
    report = judged(package())
    assert report["passed"]
    assert report["verdict"] == "passed all 13 checks"
    assert report["same_as_champion"] is False
    assert report["package"] == package().fingerprint != repacked(package(), model_card__md=b"other words").fingerprint
    for name in ("model", "train_data", "val_data", "simulated", "rmse", "rmse_without_distance"):
        assert report[name] == package().manifest[name]
    assert json.loads(json.dumps(report)) == report


def test_the_test_months_are_compared_too() -> None:
    rows = released_splits()
    april = rows["test_features"].assign(month="2021-04")
    both = repacked(package(), {"test_data": ["2021-04"]})
    train, val = rows["train_features"], rows["val_features"]
    report = gate_package(both, package(), [], train, val, in_few_days(april), gate(**WIDE), SLICES)
    assert "on 2021-04, 500 trips" in check_of(report, "not worse than the champion")["evidence"]


@pytest.mark.parametrize(
    ("kind", "records", "passed"),
    [("rejected", 100, True), ("rejected", 101, False), ("repaired", 101, False), ("flagged", 101, False)],
)
def test_a_month_with_too_many_bad_records_is_named(kind: str, records: int, passed: bool) -> None:
    february = QUALITY["2021-02"]
    quality = QUALITY | {"2021-02": february | {"affected": february["affected"] | {kind: records}}}
    report = judged(repacked(package(), quality_report__json=quality))
    assert report["passed"] is passed
    if not passed:
        assert_only_fails(report, "data quality")
        assert check_of(report, "data quality")["evidence"] == f"10.1% {kind} in 2021-02"


@pytest.mark.parametrize(
    ("train_data", "passed"),
    [(["2021-01"], True), (["2020-11", "2021-01"], True), (["2021-03"], False), (["2021-01", "2021-03"], False)],
)
def test_a_package_is_judged_on_months_after_those_that_it_learnt_from(train_data: list[str], passed: bool) -> None:
    made: Any = SimpleNamespace(manifest={"train_data": train_data, "val_data": ["2021-02"]})
    check = _later_months(made)
    assert check.passed is passed
    assert train_data[-1] in check.evidence


def test_a_package_that_is_no_better_than_a_baseline_fails_with_both_figures() -> None:
    report = judged(package("mean"))
    check = check_of(report, "better than mean")
    assert not check["passed"], "the mean is not better than itself"
    assert "with metered distance" in check["evidence"]
    assert "at request time" in check["evidence"]
    assert "simulated" in check["evidence"]
    assert not check_of(report, "better than zone_pair_median")["passed"]


def test_a_package_must_beat_the_baselines_before_the_ride_as_well() -> None:
    metrics = package().read_json("metrics.json")
    metrics["baselines"]["mean"]["rmse_without_distance"] = 1.0
    assert_only_fails(judged(repacked(package(), metrics__json=metrics)), "better than mean")


def test_a_model_that_needs_the_distance_is_judged_after_the_ride_alone() -> None:
    report = judged(package("linear_regression"))
    assert "at request time" not in check_of(report, "better than mean")["evidence"]
    assert not [check for check in report["checks"] if check["name"] == "intervals at request time"]


def test_a_model_that_needs_the_distance_is_not_released_unless_that_is_allowed() -> None:
    check = check_of(judged(package("linear_regression")), "answers at request time")
    assert not check["passed"]
    assert check["evidence"] == "this model needs the metered distance; `gate.request_time: false` allows it"
    assert check_of(judged(package()), "answers at request time")["passed"]
    allowed = judged(package("linear_regression"), request_time=False)
    assert not [check for check in allowed["checks"] if check["name"] == "answers at request time"]


def with_margins(first: float, others: float | None = None) -> ModelPackage:
    """A package with other margins (minutes): in its first bucket, and in the others, if those are given."""
    learnt = package().calibration.margins
    margins = {
        known: {
            tail: (first, *(m if others is None else others for m in minutes[1:])) for tail, minutes in tails.items()
        }
        for known, tails in learnt.items()
    }
    return repacked(package(), intervals__json=replace(package().calibration, margins=margins).as_dict())


BOTH = ("intervals with metered distance", "intervals at request time")


@pytest.mark.parametrize("minutes", [-10.0, 1e3])
def test_intervals_that_hold_too_few_or_too_many_rides_fail(minutes: float) -> None:
    other = with_margins(minutes, minutes)
    report = judged(other, coverage=[0.86, 0.94], bucket_coverage=0, golden_minutes=1e6)
    assert_only_fails(report, *BOTH)
    assert check_of(report, BOTH[0])["evidence"].startswith("100.0%, mean width ") is (minutes > 0)


def test_other_intervals_than_those_packaged_are_noticed_by_the_golden_rides() -> None:
    assert_only_fails(judged(with_margins(30.0, 30.0)), "golden rides")


def test_the_edges_of_the_coverage_pass() -> None:
    val = splits()["val_features"]
    answers = package().answer_columns(columns_of(val))
    held = float(np.mean((answers.lower <= val["duration"]) & (val["duration"] <= answers.upper)))
    for coverage, passed in (
        ([held, 1], True),
        ([0, held], True),
        ([held + 1e-6, 1], False),
        ([0, held - 1e-6], False),
    ):
        checks = gate_module._coverage(
            package(), val, gate_module._answers(package(), val), gate(coverage=coverage, bucket_coverage=0)
        )
        assert checks[0].passed is passed, coverage


def test_a_bucket_that_is_held_too_seldom_is_named_and_a_small_one_is_not_looked_at() -> None:
    other, val = with_margins(-50.0), splits()["val_features"]
    below = int((val["straight_distance"] < 1).sum())
    wide = {"coverage": [0, 1], "golden_minutes": 1e6}
    report = judged(other, bucket_trips=below, **wide)
    assert_only_fails(report, *BOTH)
    assert "below 1 miles" in check_of(report, BOTH[0])["evidence"]
    assert judged(other, bucket_trips=10**6, **wide)["passed"]


def test_golden_rides_that_are_answered_otherwise_fail() -> None:
    golden = package().read_json("golden_rides.json")
    golden["answers"]["upper"][3] += 0.02
    report = judged(repacked(package(), golden_rides__json=golden))
    assert_only_fails(report, "golden rides")
    assert check_of(report, "golden rides")["evidence"] == "40 rides, off by 0.02"


def test_a_package_that_is_too_large_fails() -> None:
    megabytes = sum(map(len, package().contents.values())) / 1e6
    assert judged(package(), megabytes=megabytes)["passed"]
    assert_only_fails(judged(package(), megabytes=megabytes * 0.99), "size")


def test_a_package_that_is_too_slow_fails() -> None:
    report = judged(package(), milliseconds=1e-6)
    assert_only_fails(report, "latency")
    assert "median" in check_of(report, "latency")["evidence"]


def test_a_package_that_is_worse_than_the_champion_fails() -> None:
    report = judged(package("lasso"), package())
    assert "not worse than the champion" in report["verdict"]
    assert report["no_improvement"] is None


def test_a_package_that_passes_without_an_improvement_says_so() -> None:
    report = judged(package(), package())
    assert report["passed"]
    assert report["no_improvement"] == (
        "xgboost is 0.00 % worse with metered distance and 0.00 % worse at request time than the champion, within the "
        "noise, and both were trained on the same months"
    )
    assert judged(package(), package("mean"))["no_improvement"] is None


def test_a_package_that_is_worse_than_a_former_champion_fails() -> None:
    former = FormerChampion(1, None, package)
    report = judged(package("mean"), None, [former])
    assert check_of(report, "not worse than the champion")["evidence"] == "there is none yet"
    assert not check_of(report, "not worse than the best former champion")["passed"]
    assert not report["passed"]


def test_the_champion_itself_passes_and_is_known() -> None:
    report = judged(package(), repacked(package(), model_card__md=b"other words"))
    assert report["passed"]
    assert report["same_as_champion"] is True
    assert report["champion"] is None, "it comes from no registry"
    assert judged(package(), replace(package(), version=3))["champion"] == 3
    assert judged(package(), package("lasso"))["same_as_champion"] is False


def test_the_configured_gate_is_one() -> None:
    assert gate().coverage == (0.86, 0.94)
    wrong_ones: list[dict[str, Any]] = [{"rejected": 1.5}, {"champion_worse": -0.1}, {"recent_champions": -1}]
    for wrong in (*wrong_ones, {"slice_trips": 0}, {"unknown": 1}):
        with pytest.raises(ValidationError):
            gate(**wrong)


def test_rows_are_columns_of_numbers_and_texts() -> None:
    rows = simulated_features(10).assign(pickup_zone=pd.array([None, *range(9)], "Int64"))
    columns = columns_of(rows)
    assert columns["pickup_zone"].dtype == np.float64
    assert np.isnan(columns["pickup_zone"][0])
    assert columns["zone_pair"].dtype == object


def test_a_check_says_what_it_is() -> None:
    assert Check("size", "at most 50 MB", True, "0.5 MB")._asdict().keys() == {
        *("name", "demand", "passed", "evidence"),
        "brief",
    }
