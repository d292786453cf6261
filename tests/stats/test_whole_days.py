"""Days that hold the rides of a whole day."""

import numpy as np

from ride_duration.stats.whole_days import find_unbroken_days, find_whole_days


def test_days_with_few_rides_or_none_are_not_whole() -> None:
    rides = np.array([0, 900, 1_000, 1_100, 290, 400.0])
    assert find_whole_days(rides[:, None]).tolist() == [False, True, True, True, False, True]
    assert not find_whole_days(np.zeros((3, 2))).any()


def test_a_part_of_the_day_that_is_missing_breaks_it_unless_few_rides_are_usual() -> None:
    by_hour = np.array([[50.0, 60, 3], [50, 0, 3], [55, 60, 0], [50, 60, 3], [0, 0, 0]])
    assert find_unbroken_days(by_hour).tolist() == [True, False, True, True, False]
    assert not find_unbroken_days(np.zeros((3, 2))).any()
