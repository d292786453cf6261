"""A ride has the same answer, to the last bit, in whatever batch it is scored: a replayed level rests on that."""

import numpy as np
import pytest

from ride_duration.model_package import Rides
from tests.model_package.odd_rides import draw_odd_rides
from tests.support.models import MODELS
from tests.support.packages import package

RIDES = 700


@pytest.mark.parametrize("model", MODELS)
def test_an_answer_does_not_depend_on_its_batch(model: str) -> None:
    rides = draw_odd_rides(RIDES, 1)
    whole = package(model).answer(rides, intervals=False).duration
    in_another_order = np.random.default_rng(2).permutation(RIDES)
    for size, chosen in ((1, np.arange(20)), (7, np.arange(RIDES)), (333, in_another_order)):
        parts = [
            package(model).answer(Rides(*(column[place] for column in rides)), intervals=False).duration
            for place in np.split(chosen, range(size, len(chosen), size))
        ]
        np.testing.assert_array_equal(np.concatenate(parts), whole[chosen])
