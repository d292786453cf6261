"""What a threshold costs: verdicts about windows in which nothing but the month has changed."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from ride_duration.errors import NotFound
from ride_duration.model_package.reference import COUNTS
from ride_duration.pipelines.monitoring.drift import read_reference
from ride_duration.pipelines.monitoring.false_alarms import (
    MONTH_SPREADS,
    Calibration,
    calibrate,
    count_verdicts,
    describe_calibration,
    slow_down,
    sum_reference,
)
from ride_duration.stats.calibration import DriftAlarms
from tests.support.daily_sums import THRESHOLDS, sums_of
from tests.support.monitoring import monitoring
from tests.support.packages import package

DAYS = np.random.default_rng(2).normal(0, 0.03, 28)


def test_months_that_differ_cost_more_the_more_they_differ() -> None:
    days = sums_of(DAYS - DAYS.mean())
    shares = [count_verdicts(days, spread, THRESHOLDS, 60) for spread in (0.0, 0.04)]
    assert shares[0] == {"ok": 1.0}
    assert shares[1].get("retrain", 0) + shares[1].get("watch", 0) > 0.15
    assert sum(shares[1].values()) == pytest.approx(1.0)


def test_slower_days_have_the_sums_of_slower_rides() -> None:
    slower = slow_down(sums_of([0.0, 0.0]), np.array([1.0, 1.2]))
    assert slower.actual.tolist() == pytest.approx([30_000.0, 36_000.0])
    y, p = 1.2 * 15, 15
    noise = 25 * 1.2**2
    assert slower.squared[1] / 2_000 == pytest.approx((y - p) ** 2 + noise)


def test_days_of_a_reference_have_the_level_of_the_answers() -> None:
    reference = read_reference(package())
    days = sum_reference(reference, package())
    assert days.level == pytest.approx(1.0)
    assert days.rides.sum() == pytest.approx(next(iter(reference.counts.values())).sum())
    assert (days.labelled <= days.rides + 1e-6).all()


def test_steps_are_counted_and_said() -> None:
    asked, done = monitoring(), []
    found = calibrate(package(), asked.verdict_thresholds, asked.drift_limits, 2, 5, lambda *what: done.append(what))
    assert done[:2] == [("other rides", 1, 2), ("other rides", 2, 2)]
    assert set(found.verdicts) == set(MONTH_SPREADS)
    text = describe_calibration(found)
    assert "in enough windows" in text
    assert all(f"  {spread:<24.2f}" in text for spread in MONTH_SPREADS)


def calibration(feature: float, repeated: float, **quiet: float) -> Calibration:
    return Calibration(DriftAlarms({"hour": feature}, 0.0, 0.0, repeated, 100), {0.0: dict(quiet)}, 100, 28)


@pytest.mark.parametrize(
    ("counted", "problems"),
    [
        (calibration(0.01, 0.0, ok=1.0), []),
        (calibration(0.001, 0.0, ok=1.0), ["a feature is below p = 1 % in 0.10% of the windows, not in 0.2% to 2%"]),
        (calibration(0.01, 0.02, ok=1.0), ["other rides are named in 2.00% of the groups, more than 1%"]),
        (calibration(0.01, 0.0, retrain=0.02), ["retrain or incident is said of 2.00% of the windows, more than 1%"]),
    ],
)
def test_what_is_out_of_bounds_is_named(counted: Calibration, problems: list[str]) -> None:
    assert counted.problems == problems


def test_a_package_without_a_reference_is_named_as_such() -> None:
    whole = package()
    former: Any = dataclasses.replace(whole, contents={k: v for k, v in whole.contents.items() if k != COUNTS})
    asked = monitoring()
    with pytest.raises(NotFound, match="the champion has no reference"):
        calibrate(former, asked.verdict_thresholds, asked.drift_limits, 2, 5, lambda *what: None)
