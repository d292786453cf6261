"""Calibrated bounds: never on the wrong side of the answer, never negative, each ride by its own margin."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.model_package import Calibration
from ride_duration.model_package.intervals import bucket_names, buckets

NAN = math.nan
CALIBRATION = Calibration(
    0.9,
    (1.0, 5.0),
    {
        "with_distance": {"lower": (1.0, 2.0, 3.0, 4.0), "upper": (0.1, 0.2, 0.3, 0.4)},
        "without_distance": {"lower": (10.0, 20.0, 30.0, 40.0), "upper": (5.0, 6.0, 7.0, 8.0)},
    },
)

MINUTES = st.floats(-50, 200)
EDGES = st.lists(st.floats(0.1, 50), min_size=1, max_size=8, unique=True).map(sorted).map(tuple)
MILES = st.floats(0, 100) | st.just(NAN)


def bounds(
    straight: list[float], driven: list[float], duration: float = 30.0, lower: float = 25.0, upper: float = 35.0
) -> list[tuple[float, float]]:
    """Calibrated bounds of rides that differ in their distances alone."""
    rides = len(straight)
    below, above = CALIBRATION.bounds(
        *(np.full(rides, minutes) for minutes in (duration, lower, upper)), np.array(straight), np.array(driven)
    )
    return list(zip(below.tolist(), above.tolist(), strict=True))


def test_each_bucket_has_margins_of_its_own_and_rides_without_a_place_too() -> None:
    found = bounds([0.5, 1.0, 5.0, NAN], [1.0] * 4)
    assert found == [pytest.approx(pair) for pair in ((24, 35.1), (23, 35.2), (22, 35.3), (21, 35.4))]


def test_before_the_ride_other_margins_hold() -> None:
    known, unknown = bounds([0.5, 0.5], [1.0, NAN])
    assert known == pytest.approx((24, 35.1))
    assert unknown == pytest.approx((15, 40))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(0, 200), MINUTES, MINUTES, MILES, MILES), min_size=1, max_size=20))
def test_the_answer_lies_inside_and_no_bound_is_negative(rides: list[tuple[float, ...]]) -> None:
    duration, lower, upper, straight, driven = np.array(rides).T
    below, above = CALIBRATION.bounds(duration, lower, upper, straight, driven)
    assert (below >= 0).all()
    assert (below <= duration).all()
    assert (duration <= above).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(EDGES, st.lists(MILES, max_size=20))
def test_every_ride_is_in_the_bucket_whose_name_says_so(edges: tuple[float, ...], miles: list[float]) -> None:
    names = bucket_names(edges)
    assert len(names) == len(edges) + 2
    lows, highs = (0.0, *edges), (*edges, math.inf)
    for value, number in zip(miles, buckets(np.array(miles, dtype=float), edges), strict=True):
        if math.isnan(value):
            assert names[number] == "no place"
        else:
            assert lows[number] <= value < highs[number]


def test_buckets_are_named_as_one_reads_them() -> None:
    assert bucket_names((1.0, 2.5, 20.0)) == [
        "below 1 miles",
        "1 to 2.5 miles",
        "2.5 to 20 miles",
        "from 20 miles",
        "no place",
    ]
    assert bucket_names((3.0,)) == ["below 3 miles", "from 3 miles", "no place"]


def test_a_calibration_survives_its_file() -> None:
    assert Calibration.of(json.loads(json.dumps(CALIBRATION.as_dict()))) == CALIBRATION
