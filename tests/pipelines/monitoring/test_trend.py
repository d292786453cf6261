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
    assert (trend.low[6:] < trend.of_week[6:]).all()
    assert (trend.of_week[6:] < trend.high[6:]).all()
    assert np.isnan(trend.low[:6]).all(), "fewer than seven days have no band"
    assert not np.isnan(trend.of_week[3:]).any()


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


def test_a_share_has_no_bounds_above_one() -> None:
    rides = QUIET.labelled
    almost = QUIET._replace(covered=rides * np.where(np.arange(28) % 7 == 3, 0.9, 1.0))
    trend = compute_trends(almost, np.ones(28, dtype=bool))["coverage"]
    assert trend.high[6:].max() == 1.0


@given(st.floats(0.5, 2.0))
@settings(max_examples=10, deadline=None)
def test_the_level_scales_with_the_actual_durations(factor: float) -> None:
    counted = np.ones(28, dtype=bool)
    once = compute_trends(QUIET, counted)["level"]
    scaled = compute_trends(QUIET._replace(actual=QUIET.actual * factor), counted)["level"]
    for before, after in zip(once, scaled, strict=True):
        np.testing.assert_allclose(after, before * factor)
