"""Looking factors up."""

import numpy as np

from ride_duration.level import STEP, replay, sum_steps
from tests.support.level import DAY, MONDAY, level_rules, rides_at


def test_factors_are_those_of_the_step_that_has_begun_and_1_outside() -> None:
    rides = rides_at(MONDAY + np.arange(0, 3 * DAY, 40.0), 1.2)
    trace = replay(sum_steps(rides), MONDAY + 3 * DAY, level_rules())
    step = trace.first + 30
    begin = float(step * STEP)
    instants = np.array([begin - 1, begin, begin + STEP - 1, begin + STEP, MONDAY - DAY, MONDAY + 4 * DAY])
    found = trace.find_factors(instants)
    expected = [*trace.factors[[29, 30, 30, 31]], 1.0, 1.0]
    assert found.tolist() == expected
    assert len({*expected}) == 4


def test_without_rides_every_factor_is_1() -> None:
    trace = replay({}, MONDAY, level_rules())
    assert trace.find_factors(np.array([MONDAY, MONDAY - 1])).tolist() == [1.0, 1.0]
