"""Values that were not there before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.stats.seen_values import SeenValues

NUMBERS = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=700)


@given(NUMBERS)
def test_values_that_were_there_are_never_unseen(values: list[float]) -> None:
    assert not SeenValues(values).find_unseen(values).any()


@pytest.mark.parametrize(
    ("values", "unseen"),
    [([1.0, 2.0, 4.0], [0.5, 3.0, 4.01, 99.0]), (np.linspace(0, 10, 1_000), [-0.1, 10.1])],
    ids=["a few different ones", "any number"],
)
def test_others_are_unseen_and_missing_ones_are_not(values: list[float], unseen: list[float]) -> None:
    seen = SeenValues([*values, np.nan])
    assert seen.find_unseen(unseen).all()
    assert not seen.find_unseen([values[0], values[-1], np.nan, values[1] + 1e-6]).any()


def test_of_a_feature_without_values_nothing_is_unseen() -> None:
    assert not SeenValues([np.nan]).find_unseen([1.0, np.nan]).any()
