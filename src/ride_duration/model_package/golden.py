"""Golden rides: what a package must answer, wherever it is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from ride_duration.model_package.package import ModelPackage, Rides
from ride_duration.trips.records import DISTANCE, DURATION


def golden_rides(package: ModelPackage) -> Rides:
    """The rides of `golden_rides.json`."""
    return as_rides(package.read_json("golden_rides.json")["rides"])


def golden_error(package: ModelPackage) -> float:
    """By how many minutes the worst answer to a golden ride is off; 0 where nothing is to be compared.

    Packages of earlier programs keep answers as they were before answers were limited to `records.DURATION`. Rides
    whose distance contradicts the zones are left out: packages released before such distances counted as unknown noted
    what they answered with them.
    """
    rides = golden_rides(package)
    columns = package.columns(rides)
    in_range = (rides.trip_distance > DISTANCE[0]) & (rides.trip_distance <= DISTANCE[1])
    compared = ~(in_range & np.isnan(columns["trip_distance"]))
    answers = package.answer_columns(columns)._asdict()
    kept = package.read_json("golden_rides.json")["answers"]
    off = (np.abs(answers[name] - np.clip(expected, *DURATION))[compared] for name, expected in kept.items())
    return max((float(np.max(minutes, initial=0.0)) for minutes in off), default=0.0)


def as_rides(rides: list[dict[str, Any]]) -> Rides:
    """Rides (n) in terms of JSON as arrays: `PULocationID`, `DOLocationID`, `pickup_datetime`, `trip_distance`."""
    pickup, dropoff, miles = (
        np.array([ride[name] for ride in rides], dtype=np.float64)
        for name in ("PULocationID", "DOLocationID", "trip_distance")
    )
    return Rides(pickup, dropoff, np.array([ride["pickup_datetime"] for ride in rides], dtype="datetime64[s]"), miles)
