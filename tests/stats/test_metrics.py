"""Measures, beside those of scikit-learn."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn import metrics

from ride_duration.stats.metrics import (
    MEASURES,
    compute_bias,
    compute_mae,
    compute_rmse,
    find_covered,
    rmse_interval,
    score,
    score_both,
)

Minutes = NDArray[np.float64]

REPEATABLE = settings(derandomize=True, deadline=None)
#: Actual and predicted durations of 2 to 50 trips.
TRIPS = st.integers(2, 50).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.floats(1, 60)), arrays(np.float64, n, elements=st.floats(-5, 90))
    )
)


@REPEATABLE
@given(TRIPS)
def test_measures_agree_with_those_of_scikit_learn(trips: tuple[Minutes, Minutes]) -> None:
    actual, predicted = trips
    measured = score(actual, predicted)
    expected = {
        "rmse": metrics.root_mean_squared_error(actual, predicted),
        "mae": metrics.mean_absolute_error(actual, predicted),
        "mape": metrics.mean_absolute_percentage_error(actual, predicted),
        "p50_error": metrics.median_absolute_error(actual, predicted),
    }
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    if np.std(actual) > 1e-3:
        assert measured["r2"] == pytest.approx(metrics.r2_score(actual, predicted), rel=1e-9, abs=1e-6)


@REPEATABLE
@given(TRIPS)
def test_rmse_is_never_less_than_mae_nor_mae_than_bias(trips: tuple[Minutes, Minutes]) -> None:
    measured = score(*trips)
    assert measured["rmse"] + 1e-6 >= measured["mae"] >= abs(measured["bias"]) - 1e-6
    assert measured["p50_error"] <= measured["p90_error"]
    assert 0 <= measured["within_5_minutes"] <= 1


def test_a_few_trips_give_what_one_computes_by_hand() -> None:
    measured = score(np.array([10.0, 20.0, 30.0, 40.0]), np.array([11.0, 15.0, 30.0, 46.0]))
    assert measured == {
        "rmse": round(math.sqrt((1 + 25 + 0 + 36) / 4), 6),
        "mae": 3.0,
        "mape": round((0.1 + 0.25 + 0 + 0.15) / 4, 6),
        "r2": round(1 - 62 / 500, 6),
        "bias": 0.5,
        "p50_error": 3.0,
        "p90_error": 5.7,
        "within_5_minutes": 0.75,
    }


def test_right_answers_have_no_error() -> None:
    minutes = np.array([5.0, 10.0])
    assert score(minutes, minutes) == dict.fromkeys(MEASURES, 0.0) | {"r2": 1.0, "within_5_minutes": 1.0}


def test_bias_is_positive_where_predictions_are_too_long() -> None:
    assert score(np.array([10.0, 20.0]), np.array([12.0, 22.0]))["bias"] == 2.0


def test_both_answers_are_measured_beside_each_other() -> None:
    actual, after, before = np.array([10.0, 20.0]), np.array([11.0, 20.0]), np.array([14.0, 20.0])
    both = score_both(actual, after, before)
    assert both["n"] == 2
    assert {name: both[name] for name in MEASURES} == score(actual, after)
    assert {name: both[f"{name}_without_distance"] for name in MEASURES} == score(actual, before)


def test_where_there_is_no_answer_before_the_ride_its_measures_are_none() -> None:
    both = score_both(np.array([10.0, 20.0]), np.array([11.0, 20.0]), np.array([np.nan, np.nan]))
    assert both["rmse"] is not None
    assert all(both[f"{name}_without_distance"] is None for name in MEASURES)


def test_where_all_trips_take_as_long_r2_is_not_defined() -> None:
    same = np.array([10.0, 10.0])
    both = score_both(same, np.array([11.0, 9.0]), np.array([11.0, 9.0]))
    assert both["r2"] is both["r2_without_distance"] is None
    assert both["rmse"] == 1.0


def test_of_no_trips_there_is_only_their_number() -> None:
    nothing = np.array([])
    assert score_both(nothing, nothing, nothing) == {"n": 0}


def test_the_interval_holds_the_rmse_and_depends_on_the_seed_alone() -> None:
    rng = np.random.default_rng(3)
    errors, days = rng.normal(0, 5, 6_000), np.repeat(np.arange(30), 200)
    low, high = rmse_interval(errors, days, seed=1)
    assert low is not None
    assert high is not None
    assert low < np.sqrt(np.mean(errors**2)) < high
    assert (low, high) == rmse_interval(errors, days, seed=1)
    assert (low, high) != rmse_interval(errors, days, seed=2)


def test_days_that_differ_make_the_interval_wider_than_trips_that_differ() -> None:
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(30), 200)
    alike = rng.normal(0, 5, 6_000)
    by_day = alike * np.repeat(rng.uniform(0.5, 1.5, 30), 200)
    widths = [high - low for low, high in (rmse_interval(errors, days, seed=1) for errors in (alike, by_day))]
    assert widths[1] > 3 * widths[0]


def test_about_95_in_100_intervals_hold_the_true_rmse() -> None:
    rng = np.random.default_rng(5)
    days, held = np.repeat(np.arange(60), 50), 0
    for seed in range(200):
        low, high = rmse_interval(rng.normal(0, 5, 3_000), days, seed)
        held += low <= 5 <= high
    assert 0.90 <= held / 200 <= 0.99


def test_stray_dates_are_no_days() -> None:
    rng = np.random.default_rng(3)
    errors, days = rng.normal(0, 5, 6_000), np.repeat(np.arange(30), 200)
    stray, strayed = np.full(49, 60.0), np.full(49, -4_000)
    with_stray = rmse_interval(np.concatenate([errors, stray]), np.concatenate([days, strayed]), seed=1)
    assert with_stray == rmse_interval(errors, days, seed=1)
    one_more = np.append(stray, 60.0), np.append(strayed, -4_000)
    counted = rmse_interval(np.concatenate([errors, one_more[0]]), np.concatenate([days, one_more[1]]), seed=1)
    assert counted[1] > with_stray[1]


def test_too_few_days_give_no_bounds() -> None:
    errors = np.random.default_rng(3).normal(0, 5, 400)
    assert rmse_interval(errors, np.repeat(np.arange(4), 100), seed=1) == (None, None)
    assert rmse_interval(errors[:25], np.arange(25), seed=1) == (None, None)
    assert rmse_interval(errors, np.repeat(np.arange(5), 80), seed=1) != (None, None)
    assert rmse_interval(np.full(400, np.nan), np.repeat(np.arange(5), 80), seed=1) == (None, None)


def test_formulas_by_hand() -> None:
    errors = np.array([3.0, -4.0, 1.0, 0.0])
    assert compute_rmse(errors) == math.sqrt(26 / 4)
    assert compute_mae(errors) == 2.0
    assert compute_bias(errors) == 0.0
    actual, lower, upper = np.array([5.0, 5.0, 5.0, 5.0]), np.array([5.0, 6.0, 1.0, np.nan]), np.full(4, 6.0)
    assert find_covered(actual, lower, upper).tolist() == [True, False, True, False]


def test_formulas_stand_once() -> None:
    source = Path(__file__).parents[2] / "src"
    formula = re.compile(r"sqrt\((?:np\.)?mean\(|mean\(np\.abs\(|np\.abs\([^()]*\)\.mean\(\) */")
    places = [path.name for path in source.rglob("*.py") for _ in formula.finditer(path.read_text())]
    assert sorted(places) == ["drift.py", "metrics.py", "metrics.py"]  # the first is a distance of quantiles
