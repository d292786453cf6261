"""Bounds of days that resemble the day before: what 95 % come to, on days with an autocorrelation that is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ride_duration.stats.day_bounds import LEAST_DAYS, bound_ratio, find_t_quantile


def draw_correlated_days(days: int, correlation: float, series: int, seed: int) -> np.ndarray:
    """Draw series (series, days) of a stationary AR(1) process with variance 1."""
    drawn = np.random.default_rng(seed).standard_normal((series, days))
    for day in range(1, days):
        drawn[:, day] = correlation * drawn[:, day - 1] + np.sqrt(1 - correlation**2) * drawn[:, day]
    return drawn


def measure_coverage(days: int, correlation: float, confidence: float = 0.95, series: int = 600) -> float:
    """Return how often the bounds of a level of 1 hold it, on days with different numbers of rides."""
    rides = np.random.default_rng(1).uniform(1_000, 3_000, days)
    levels = 1 + 0.04 * draw_correlated_days(days, correlation, series, seed=2)
    bounds = np.array([bound_ratio(rides * level, rides, confidence) for level in levels])
    return float(np.mean((bounds[:, 0] <= 1) & (bounds[:, 1] >= 1)))


@pytest.mark.parametrize("days", [7, 14, 28])
@pytest.mark.parametrize(("correlation", "least"), [(0.0, 0.95), (0.3, 0.93), (0.6, 0.88)])
def test_nominal_and_realised_coverage_agree_on_correlated_days(days: int, correlation: float, least: float) -> None:
    realised = measure_coverage(days, correlation)
    print(f"{days} days, lag-1 correlation {correlation}: {realised:.1%}")
    assert least <= realised <= 0.99


@pytest.mark.parametrize("days", [0, 1, LEAST_DAYS - 1])
def test_fewer_days_than_a_week_have_no_bounds(days: int) -> None:
    assert np.isnan(bound_ratio(np.ones(days), np.ones(days))).all()


@given(st.lists(st.floats(0.5, 2.0), min_size=LEAST_DAYS, max_size=30), st.floats(0.01, 100.0))
def test_bounds_enclose_the_ratio_and_scale_with_it(drawn: list[float], factor: float) -> None:
    levels = np.array(drawn)
    rides = np.linspace(1, 2, len(levels))
    low, high = bound_ratio(levels * rides, rides)
    assert low <= np.sum(levels * rides) / rides.sum() + 1e-12
    assert high >= np.sum(levels * rides) / rides.sum() - 1e-12
    assert bound_ratio(factor * levels * rides, rides) == pytest.approx((factor * low, factor * high))
    inner = bound_ratio(levels * rides, rides, 0.8)
    assert low - 1e-12 <= inner[0] <= inner[1] <= high + 1e-12


def test_what_is_unknown_of_a_day_leaves_the_bounds_unknown() -> None:
    over = np.ones(10)
    over[3] = np.nan
    assert np.isnan(bound_ratio(over, np.ones(10))).all()
    assert np.isnan(bound_ratio(np.ones(10), np.zeros(10))).all()


@given(st.sampled_from([0.8, 0.9, 0.95, 0.99]), st.floats(2.0, 400.0))
def test_quantiles_are_those_of_scipy(confidence: float, freedom: float) -> None:
    exact = float(stats.t.ppf(0.5 + confidence / 2, freedom))
    assert find_t_quantile(confidence, freedom) == pytest.approx(exact, rel=3e-3)
