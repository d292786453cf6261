"""One ride on floats: the same answers as the arrays give."""

from datetime import datetime
from functools import cache
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.model_package import Calibration, SingleRides
from tests.model_package.test_package import DISTANCES, TIMES, ZONES, rides
from tests.support.packages import package

EDGES = (0.5, 2.0, 5.0)
MINUTES = st.floats(-5, 200)
MARGINS = st.lists(st.floats(-20, 20), min_size=len(EDGES) + 2, max_size=len(EDGES) + 2).map(tuple)
TAILS = st.fixed_dictionaries({"lower": MARGINS, "upper": MARGINS})


@cache
def single(model: str) -> SingleRides:
    return SingleRides(package(model))


@pytest.mark.parametrize("model", ["xgboost", "ridge", "zone_pair_median"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(ZONES, ZONES, TIMES, DISTANCES)
def test_one_ride_on_floats_gets_the_answer_that_arrays_give(
    model: str, pickup: float, dropoff: float, when: datetime, miles: float
) -> None:
    ends = [None if isnan(zone) else int(zone) for zone in (pickup, dropoff)]
    alone = single(model).answer(*ends, when, None if isnan(miles) else miles)
    arrays = package(model).answer(rides((pickup, dropoff, when, miles)))
    assert alone == pytest.approx([minutes[0] for minutes in arrays], rel=1e-12, abs=1e-12)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries({"with_distance": TAILS, "without_distance": TAILS}),
    MINUTES,
    MINUTES,
    MINUTES,
    st.tuples(st.floats(0, 10) | st.sampled_from([*EDGES, float("nan")]), st.floats(0, 10) | st.just(float("nan"))),
)
def test_the_bounds_of_one_ride_are_those_of_arrays(
    margins: dict[str, dict[str, tuple[float, ...]]],
    duration: float,
    lower: float,
    upper: float,
    miles: tuple[float, float],
) -> None:
    calibration = Calibration(0.9, EDGES, margins)
    arrays = calibration.bounds(*(np.array([value]) for value in (duration, lower, upper, *miles)))
    assert calibration.bounds_of_ride(duration, lower, upper, *miles) == tuple(bound[0] for bound in arrays)
