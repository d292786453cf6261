"""What the rides of a day have in common."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.trips.simulation.effects import NO_EFFECTS, CommonEffects, draw_log_factors

DAYS = np.arange("2021-01-01", "2041-01-01", dtype="datetime64[D]")


def test_days_have_their_spread_and_last_a_little() -> None:
    log_factors = draw_log_factors(DAYS, CommonEffects(0.04, 0.3), seed=5)
    assert log_factors.std() == pytest.approx(0.04, rel=0.05)
    assert log_factors.mean() == pytest.approx(0.0, abs=0.003)
    assert np.corrcoef(log_factors[1:], log_factors[:-1])[0, 1] == pytest.approx(0.3, abs=0.04)


def test_months_have_a_factor_of_their_own() -> None:
    log_factors = draw_log_factors(DAYS, CommonEffects(month_spread=0.02), seed=5)
    months = DAYS.astype("datetime64[M]")
    first = np.unique(months, return_index=True)[1]
    assert (log_factors == log_factors[first][np.cumsum(np.isin(np.arange(len(DAYS)), first)) - 1]).all()
    assert log_factors[first].std() == pytest.approx(0.02, rel=0.15)


def test_without_effects_all_days_are_alike() -> None:
    assert not draw_log_factors(DAYS, NO_EFFECTS, seed=5).any()


@given(st.integers(0, 2**31), st.permutations(range(40)), st.integers(1, 40))
def test_a_day_is_the_same_among_whichever_days_it_is_made(seed: int, order: list[int], few: int) -> None:
    effects = CommonEffects(0.04, 0.3, 0.02)
    days = DAYS[20:60]
    together = draw_log_factors(days, effects, seed)
    some = np.array(order[:few])
    assert (draw_log_factors(days[some], effects, seed) == together[some]).all()
