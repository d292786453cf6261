import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from ride_duration.stats.drift import (
    adjust_for_number,
    compute_jensen_shannon,
    compute_psi,
    compute_wasserstein,
    draw_days,
    find_p_value,
)

counts = st.lists(st.integers(0, 10_000), min_size=2, max_size=12).filter(lambda drawn: sum(drawn) > 0)


def test_psi_by_hand() -> None:
    p, q = np.array([100.5, 300.5]) / 401, np.array([200.5, 200.5]) / 401
    by_hand = sum((p - q) * np.log(p / q))
    assert compute_psi([200, 200], [100, 300]) == pytest.approx(by_hand)


@given(counts, st.randoms())
def test_distances_are_symmetric_and_zero_for_the_same(drawn: list[int], dice: object) -> None:
    other = drawn[::-1]
    for distance in (compute_psi, compute_jensen_shannon):
        assert distance(drawn, other) == pytest.approx(float(distance(other, drawn)))
        assert distance(drawn, drawn) == pytest.approx(0.0, abs=1e-7)


@given(counts)
def test_jensen_shannon_is_that_of_scipy(drawn: list[int]) -> None:
    other = drawn[::-1]
    assert compute_jensen_shannon(drawn, other) == pytest.approx(float(jensenshannon(drawn, other, base=2)), abs=1e-7)


def test_wasserstein_is_that_of_scipy() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.gamma(2, 5, 400), rng.gamma(2, 6, 400)
    assert compute_wasserstein(np.sort(one), np.sort(other)) == pytest.approx(wasserstein_distance(one, other))


@given(st.dictionaries(st.text(min_size=1), st.floats(0.0001, 1.0), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_raises_every_value(p_values: dict[str, float]) -> None:
    adjusted = adjust_for_number(p_values)
    assert list(adjusted) == list(p_values)
    assert all(p_values[name] <= adjusted[name] <= 1 for name in p_values)
    smallest = min(p_values, key=lambda name: p_values[name])
    assert adjusted[smallest] == min(1.0, len(p_values) * p_values[smallest])


def test_as_many_days_of_each_weekday_are_drawn() -> None:
    reference, window = np.arange(28) % 7, np.array([0, 0, 1, 6])
    drawn = draw_days(reference, window, 50, seed=1)
    of_weekday = [drawn.window[:, reference == weekday].sum(axis=1).tolist() for weekday in range(7)]
    assert of_weekday == [[2.0] * 50, [1.0] * 50, *[[0.0] * 50] * 4, [1.0] * 50]
    assert drawn.reference.sum(axis=1).tolist() == [28.0] * 50


def test_days_with_a_mood_of_their_own_raise_as_many_alarms_as_promised() -> None:
    """Days differ among themselves far more than trips of a day: a test by trips would find drift in every window."""
    rng = np.random.default_rng(3)
    bins, alarms, tried = 8, 0, 300
    for number in range(tried):
        shares = rng.dirichlet(np.full(bins, 200.0), 28 + 14)
        days = np.stack([rng.multinomial(2_000, share) for share in shares]).astype(np.float64)
        reference, window = days[:28], days[28:]
        drawn = draw_days(np.arange(28) % 7, np.arange(14) % 7, 400, seed=number)
        psi = float(compute_psi(reference.sum(axis=0), window.sum(axis=0)))
        alarms += find_p_value(psi, reference, drawn) <= 0.05
    assert 0.01 * tried <= alarms <= 0.09 * tried
