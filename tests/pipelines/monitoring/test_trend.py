"""Figures of days and of the weeks up to them, with day bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.pipelines.monitoring.trend import compute_trends
from tests.support.daily_sums import sums_of

QUIET = sums_of(np.random.default_rng(1).normal(0, 0.03, 28))


def test_a_week_is_the_ratio_of_its_sums() -> None:
    counted = np.ones(28, dtype=bool)
    trend = compute_trends(QUIET, counted)["level"]
    week = slice(20, 27)
    assert trend.of_week[26] == pytest.approx(QUIET.actual[week].sum() / QUIET.predicted[week].sum())
    assert trend.of_day[26] == pytest.approx(QUIET.actual[26] / QUIET.predicted[26])
    assert (trend.low[3:] <= trend.of_week[3:]).all()
    assert (trend.of_week[3:] <= trend.high[3:]).all()


def test_a_week_of_too_few_days_has_no_figure() -> None:
    counted = np.zeros(28, dtype=bool)
    counted[[10, 11, 12]] = True
    trend = compute_trends(QUIET, counted)["level"]
    assert np.isnan(trend.of_week).all()
    assert np.flatnonzero(~np.isnan(trend.of_day)).tolist() == [10, 11, 12]


def test_what_is_not_known_stays_unknown() -> None:
    unknown = QUIET._replace(expected=np.full(28, np.nan))
    trends = compute_trends(unknown, np.ones(28, dtype=bool))
    assert all(np.isnan(values).all() for values in trends["error_ratio"])
    assert not np.isnan(trends["coverage"].of_week[6:]).any()


@given(st.floats(0.5, 2.0))
@settings(max_examples=10, deadline=None)
def test_the_level_scales_with_the_actual_durations(factor: float) -> None:
    counted = np.ones(28, dtype=bool)
    once = compute_trends(QUIET, counted)["level"]
    scaled = compute_trends(QUIET._replace(actual=QUIET.actual * factor), counted)["level"]
    for before, after in zip(once, scaled, strict=True):
        np.testing.assert_allclose(after, before * factor)
