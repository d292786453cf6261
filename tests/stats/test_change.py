import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.stats.change import accumulate_changes

values = st.lists(st.floats(-1, 1) | st.just(float("nan")), max_size=40)


def test_a_shift_adds_up_and_raises_an_alarm() -> None:
    found = accumulate_changes([0.0, 0.0, *[0.075] * 8], clip=0.1, allowance=0.025, limit=0.3)
    assert np.round(found.up, 3).tolist() == [0, 0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4]
    assert found.alarm.tolist() == [False] * 8 + [True, True]
    assert not found.down.any()


def test_one_wild_day_raises_none() -> None:
    assert not accumulate_changes([0, 0, 5.0, 0, 0, 0], clip=0.1, allowance=0.025, limit=0.3).alarm.any()


@given(values)
def test_both_ways_are_treated_alike(days: list[float]) -> None:
    one, other = (accumulate_changes(sign * np.array(days), 0.1, 0.025, 0.3) for sign in (1.0, -1.0))
    assert one.up.tolist() == other.down.tolist()
    assert one.alarm.tolist() == other.alarm.tolist()


@given(values)
def test_days_without_a_value_change_nothing(days: list[float]) -> None:
    known = np.array([day for day in days if not np.isnan(day)])
    with_gaps = accumulate_changes(days, 0.1, 0.025, 0.3)
    assert with_gaps.up[~np.isnan(np.array(days))].tolist() == accumulate_changes(known, 0.1, 0.025, 0.3).up.tolist()
