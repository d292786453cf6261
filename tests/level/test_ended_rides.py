"""Sums that do not depend on the order of rides."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.level import STEP, add_sums, sum_steps
from ride_duration.level.ended_rides import UNIT
from tests.support.level import DAY, MONDAY, rides_at, select


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(1, 400), st.floats(0, 1))
def test_sums_are_the_same_in_any_order_and_batches(seed: int, number: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    rides = rides_at(rng.uniform(MONDAY, MONDAY + DAY, number), 1.1, seed=seed)
    order = rng.permutation(number)
    cut = int(share * number)
    parts = (sum_steps(select(rides, places)) for places in (order[:cut], order[cut:]))
    assert add_sums(*parts) == sum_steps(rides)


def test_sums_are_of_the_step_in_which_rides_became_known() -> None:
    rides = rides_at(MONDAY + np.array([0.0, 100.0, 5_000.0]), 1.0)
    sums = sum_steps(rides)
    for step, total in sums.items():
        chosen = np.floor(rides.known_at / STEP) == step
        assert total.rides == chosen.sum()
        assert total.actual * UNIT == pytest.approx(rides.actual[chosen].sum(), abs=1e-5)
        assert total.predicted * UNIT == pytest.approx(rides.predicted[chosen].sum(), abs=1e-5)
    assert sum(total.rides for total in sums.values()) == 3
    assert sum_steps(select(rides, slice(0))) == {}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"actual": np.nan}, "all finite"),
        ({"known_at": np.inf}, "all finite"),
        ({"predicted": 0.0}, "must be positive"),
        ({"actual": -2.0}, "must be positive"),
    ],
)
def test_rides_that_say_nothing_are_refused(changed: dict[str, Any], words: str) -> None:
    rides = rides_at([MONDAY, MONDAY + 1], 1.0)
    spoilt = rides._replace(**{name: np.array([getattr(rides, name)[0], value]) for name, value in changed.items()})
    with pytest.raises(ValueError, match=words):
        sum_steps(spoilt)
