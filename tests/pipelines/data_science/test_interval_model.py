"""How intervals are learnt: earlier trips for the quantiles, later ones for the margins."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.duration_model import without_distance
from ride_duration.pipelines.data_science.interval_model import IntervalModel, conformal_margin, fit_intervals
from ride_duration.pipelines.data_science.parameters import Intervals
from tests.support.models import CONFIGURED, MODELS, fitted, fitted_intervals, intervals, simulated_features, training

SCORES = st.lists(st.floats(-100, 100), min_size=1, max_size=60)
INSIDE = st.sampled_from([0.55, 0.9, 0.95, 0.975, 0.99])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(SCORES, INSIDE)
def test_the_margin_is_the_score_of_that_rank(scores: list[float], inside: float) -> None:
    rank = math.ceil((len(scores) + 1) * inside)
    assert conformal_margin(np.array(scores), inside) == sorted(scores)[min(rank, len(scores)) - 1]


@pytest.mark.parametrize(("n", "rank"), [(19, 19), (39, 38), (99, 95), (100, 96), (199, 190)])
def test_the_rank_is_that_of_the_finite_sample_guarantee(n: int, rank: int) -> None:
    assert conformal_margin(np.arange(1.0, n + 1)[::-1], 0.95) == rank


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(20, 200), INSIDE, st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 3]))
def test_of_exchangeable_scores_a_new_one_lies_inside_as_often_as_promised(
    n: int, inside: float, seed: int, digits: int
) -> None:
    """Each of n + 1 scores in turn is the new one; ties are allowed."""
    scores = np.random.default_rng(seed).normal(size=n + 1).round(digits)
    held = [scores[i] <= conformal_margin(np.delete(scores, i), inside) for i in range(n + 1)]
    promised = min(inside, n / (n + 1))  # of too few scores the largest is all that there is
    assert np.mean(held) >= promised - 1e-12


def test_no_scores_need_no_margin() -> None:
    assert conformal_margin(np.empty(0), 0.95) == 0.0


def test_both_tails_leave_out_the_same_share() -> None:
    assert intervals(coverage=0.8).levels == pytest.approx({"lower": 0.1, "upper": 0.9})


@pytest.mark.parametrize("edges", [(), (2, 1), (1, 1)])
def test_bucket_edges_ascend(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="ascending"):
        intervals(bucket_edges=edges)


@pytest.mark.parametrize("changed", [{"coverage": 1}, {"coverage": 0.4}, {"share": 0}, {"min_trips": 0}])
def test_choices_without_sense_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        intervals(**changed)


def with_model(**changed: Any) -> Intervals:
    """Intervals whose quantile estimator is another one."""
    return Intervals(**CONFIGURED["intervals"] | {"model": CONFIGURED["intervals"]["model"] | changed})


def test_the_quantile_estimator_is_checked_as_models_are() -> None:
    with pytest.raises(
        ValidationError, match=r"intervals\.model\.hyper_parameters\.max_leafs.* did you mean max_leaves"
    ):
        with_model(hyper_parameters={"max_leafs": 3})


def test_a_feature_set_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(RideDurationError, match=r"intervals\.model\.features names 'nice', .* stateless"):
        fit_intervals(simulated_features(100), training("xgboost"), with_model(features="nice"))


def test_what_the_estimator_refuses_is_said_with_its_place() -> None:
    refused = with_model(hyper_parameters={"objective": "reg:nonsense"})
    with pytest.raises(RideDurationError, match=r"lower quantile of the intervals cannot be fitted.*intervals\.model"):
        fit_intervals(simulated_features(100), training("xgboost"), refused)


def test_too_few_trips_are_counted() -> None:
    with pytest.raises(RideDurationError, match="1 training trips are too few"):
        fit_intervals(simulated_features(1), training("xgboost"), intervals())


def test_few_trips_are_enough_for_bounds() -> None:
    rows = simulated_features(10)
    model = fit_intervals(rows, training("xgboost"), intervals())
    lower, upper = model.bounds(rows, np.full(10, 15.0))
    assert (lower <= upper).all()


def test_the_later_trips_are_calibrated_on_and_not_learnt_from() -> None:
    rows = simulated_features(1_000).sort_values("pickup_datetime", ignore_index=True)
    longer = rows.assign(duration=np.where(rows.index >= 800, rows["duration"] + 30, rows["duration"]))
    usual, late = (fit_intervals(trips, training("xgboost"), intervals(min_trips=10**6)) for trips in (rows, longer))
    for tail in ("lower", "upper"):
        assert np.array_equal(getattr(usual, tail).predict(rows), getattr(late, tail).predict(rows))
    for known, tails in usual.calibration.margins.items():
        assert np.subtract(late.calibration.margins[known]["upper"], tails["upper"]) == pytest.approx(30)
        assert np.subtract(late.calibration.margins[known]["lower"], tails["lower"]) == pytest.approx(-30)


def test_a_bucket_with_too_few_trips_is_calibrated_on_all_of_them() -> None:
    few, many = (
        fit_intervals(simulated_features(2_000), training("xgboost"), intervals(min_trips=least)).calibration
        for least in (10**6, 50)
    )
    for tails in few.margins.values():
        for margins in tails.values():
            assert len(margins) == len(CONFIGURED["intervals"]["bucket_edges"]) + 2
            assert len(set(margins)) == 1
    assert len(set(many.margins["with_distance"]["upper"])) > 2
    assert many.margins["with_distance"]["upper"][-1] == few.margins["with_distance"]["upper"][0]  # no place: few


def test_where_no_trip_has_a_distance_one_can_still_ask_for_bounds() -> None:
    rows = without_distance(simulated_features(1_000))
    model = fit_intervals(rows, training("xgboost"), intervals())
    assert set(model.calibration.margins["with_distance"]["lower"]) == {0.0}
    lower, upper = model.bounds(rows, np.full(len(rows), 10.0))
    assert np.isfinite([lower, upper]).all()


def test_the_same_fit_twice_gives_the_same_bounds() -> None:
    again = fit_intervals(simulated_features(2_000), training("xgboost"), intervals())
    assert again.calibration == fitted_intervals().calibration


def test_the_bounds_are_the_quantiles_with_their_margins() -> None:
    rows = simulated_features(300, "2021-02")
    model, duration = fitted_intervals(), fitted("xgboost").predict(rows)
    edges = len(model.calibration.edges) + 2
    zero = {"lower": (0.0,) * edges, "upper": (0.0,) * edges}
    plain = replace(
        model, calibration=replace(model.calibration, margins={"with_distance": zero, "without_distance": zero})
    )
    lower, upper = plain.bounds(rows, duration)
    assert np.array_equal(lower, np.minimum(np.maximum(model.lower.predict(rows), 0), duration))
    assert np.array_equal(upper, np.maximum(model.upper.predict(rows), duration))


ABOUT_ANSWERS = [
    name for name in MODELS if CONFIGURED["models"][name]["features"] != CONFIGURED["intervals"]["model"]["features"]
]


def test_models_that_know_less_than_the_quantiles_have_intervals_about_their_own_answers() -> None:
    assert {"mean", "zone_pair_median", "linear_regression", "ridge", "lasso"} == {*ABOUT_ANSWERS}
    for name in MODELS:
        tails = (fitted_intervals(name).lower, fitted_intervals(name).upper)
        assert (tails == (None, None)) is (name in ABOUT_ANSWERS), name


@pytest.mark.parametrize("name", ABOUT_ANSWERS)
def test_an_answer_lies_between_its_bounds_and_each_bound_is_passed_by_one_ride_in_twenty(name: str) -> None:
    rows = simulated_features(10_000, "2021-02")
    answer, actual = fitted(name).predict(rows), rows["duration"].to_numpy()
    lower, upper = fitted_intervals(name).bounds(rows, answer)
    ordinary = (answer > 1) & (answer < 60)
    assert np.mean((lower < answer) & (answer < upper), where=ordinary) > 0.999
    assert 0.01 < np.mean(actual < lower) < 0.1, "400 trips are few to calibrate on"
    assert 0.01 < np.mean(actual > upper) < 0.1


def test_trips_on_one_side_of_their_answers_have_the_margins_of_all_trips() -> None:
    rows = simulated_features(2_000)
    far = rows["straight_distance"] > 8
    late = rows.assign(duration=np.where(far, 50.0, rows["duration"]))
    by_bucket, overall = (
        fit_intervals(late, training("mean"), intervals(min_trips=least)).calibration.margins["with_distance"]["lower"]
        for least in (10, 10**6)
    )
    assert by_bucket[-2] == by_bucket[-3] == overall[0], "no far ride is shorter than the mean"
    assert by_bucket[0] > overall[0]
    assert min(by_bucket) > 0


def test_a_model_that_needs_the_distance_is_calibrated_on_what_it_is_asked_without_a_valid_one() -> None:
    rows = simulated_features(2_000)
    for least in (10, 10**6):
        missing = rows.assign(trip_distance=np.where(rows.index % 4 == 0, np.nan, rows["trip_distance"]))
        odd = missing.assign(duration=np.where(missing["trip_distance"].isna(), 59.0, rows["duration"]))
        margins = fit_intervals(odd, training("ridge"), intervals(min_trips=least)).calibration.margins
        assert min(margins["without_distance"]["upper"]) > 20, "the mean of these answers is about 30"


def covered(model: IntervalModel, rows: pd.DataFrame, answers: Any) -> float:
    """Share of the trips inside their interval."""
    lower, upper = model.bounds(rows, answers)
    return float(np.mean((lower <= rows["duration"]) & (rows["duration"] <= upper)))


def test_intervals_of_a_small_model_hold_about_nine_rides_in_ten() -> None:
    model = fit_intervals(simulated_features(20_000), training("xgboost"), intervals())
    rows = simulated_features(20_000, "2021-02")
    for asked in (rows, without_distance(rows)):
        assert 0.86 <= covered(model, asked, fitted("xgboost").predict(asked)) <= 0.94
