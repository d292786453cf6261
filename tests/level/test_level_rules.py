"""Half-lives between their ends, and rules that contradict themselves."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.level import STEP, LevelRules, find_half_life
from tests.support.level import HOUR, level_rules


def test_the_half_life_is_as_configured_at_an_hour_and_at_a_day() -> None:
    assert find_half_life(HOUR, 12, 48) == pytest.approx(12)
    assert find_half_life(24 * HOUR, 12, 48) == pytest.approx(48)
    assert find_half_life(0, 12, 48) == find_half_life(HOUR, 12, 48)
    assert find_half_life(240 * HOUR, 12, 48) == find_half_life(24 * HOUR, 12, 48)
    assert find_half_life(24**0.5 * HOUR, 12, 48) == pytest.approx(24)


@given(st.floats(0, 1e6), st.floats(1.0001, 10))
def test_a_longer_delay_never_has_a_shorter_half_life(delay: float, times: float) -> None:
    assert find_half_life(delay, 12, 48) * (1 + 1e-12) >= 12
    assert find_half_life(delay, 12, 48) <= find_half_life(delay * times, 12, 48) * (1 + 1e-12) <= 48 * (1 + 1e-9)


def test_a_ride_counts_half_after_its_half_life() -> None:
    rules = level_rules(1.0)
    assert rules.decay ** (12 * HOUR / STEP) == pytest.approx(0.5)
    assert rules.decay == round(rules.decay, 12)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"half_life": 0.0}, "the half-life and the pseudo-rides"),
        ({"pseudo_rides": -1.0}, "the half-life and the pseudo-rides"),
        ({"lowest": 1.1}, "1 must lie within the bounds"),
        ({"highest": 0.9}, "1 must lie within the bounds"),
        ({"largest_change": 1.0}, "largest change must lie between 0 and 1"),
        ({"window": 60.0}, "the window must be a step or longer"),
        ({"longest_window": HOUR}, "no longer than the longest one"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LevelRules(**vars(level_rules()) | changed)
