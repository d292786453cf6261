import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.pipelines.monitoring.evidence import DailySums
from tests.support.daily_sums import sums_of


@given(st.floats(0.5, 1.6), st.integers(0, 1000))
def test_corrected_squares_are_those_of_rides_that_are_answered_so(factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual, predicted = rng.gamma(3, 5, 50), rng.gamma(3, 5, 50)
    empty = sums_of([0.0])
    sums = empty._replace(
        actual=np.array([actual.sum()]), predicted=np.array([predicted.sum()]),
        product=np.array([(actual * predicted).sum()]),
        actual_squared=np.array([(actual**2).sum()]), predicted_squared=np.array([(predicted**2).sum()]),
    )  # fmt: skip
    assert sums.correct(factor)[0] == pytest.approx(((factor * predicted - actual) ** 2).sum())


def test_figures_of_a_day_by_hand() -> None:
    day = sums_of([np.log(1.1)])
    assert day.level == pytest.approx(1.1)
    assert day.rmse == pytest.approx(np.sqrt(1.5**2 + 25 * 1.1**2))
    assert day.error_ratio == pytest.approx(day.rmse / 5)


def test_where_only_the_level_has_changed_the_corrected_ratio_has_not() -> None:
    before, slower = sums_of([0.0] * 5), sums_of([0.2] * 5)
    assert slower.error_ratio > 1.2
    assert slower.corrected_error_ratio == pytest.approx(before.error_ratio)


def test_a_package_without_an_error_model_expects_nothing() -> None:
    days = sums_of([0.0, 0.1], expected=np.nan)
    assert np.isnan(days.error_ratio)
    assert isinstance(days.select(np.array([True, False])), DailySums)
