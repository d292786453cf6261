"""Golden rides, also of packages that were released before implausible distances counted as unknown."""

import json
from datetime import datetime

import pytest

from ride_duration.model_package import ModelPackage, golden_error
from tests.support.serving.packages import minutes, priced

MOMENTS = "2021-03-01T17:30:00"


def released_earlier(*miles: float, off: float = 0.0) -> ModelPackage:
    """A package whose golden rides from JFK to Times Square were answered with whatever distance they had."""
    ride = {"PULocationID": 132, "DOLocationID": 230, "pickup_datetime": MOMENTS}
    beyond = minutes(132, 230, datetime.fromisoformat(MOMENTS), 17.5)
    golden = {
        "rides": [ride | {"trip_distance": one} for one in miles],
        "answers": {"duration": [beyond + 3.0 * (one - 17.5) + off for one in miles]},
    }
    return ModelPackage(priced() | {"golden_rides.json": json.dumps(golden).encode()})


def test_a_package_that_was_released_earlier_is_loadable_though_a_golden_ride_is_implausible() -> None:
    assert golden_error(released_earlier(17.5, 0.1, 100.0)) == pytest.approx(0, abs=1e-4)
    assert golden_error(released_earlier(0.1)) == 0


def test_golden_rides_that_are_possible_are_compared() -> None:
    assert golden_error(released_earlier(17.5, 0.1, off=2.0)) == pytest.approx(2, abs=1e-4)
