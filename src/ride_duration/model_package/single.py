"""One ride at a time, on floats: a service that answers single rides has no use for arrays of length one.

A property test holds this and `ModelPackage.answer` together.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ride_duration.trips.rides import features_of_ride

if TYPE_CHECKING:
    from datetime import datetime

    from ride_duration.model_package.package import ModelPackage


class Answer(NamedTuple):
    """Minutes, with the bounds of their interval."""

    duration: float
    lower: float
    upper: float


class SingleRides:
    """Answers single rides with a package.

    Args:
        package: Its graphs are loaded at once.
    """

    def __init__(self, package: ModelPackage) -> None:
        self._package = package
        self._places = package.places
        self._boroughs = {location_id: zone.borough for location_id, zone in package.zones.items()}
        self._bounds = package.calibration.bounds_of_ride
        reads = package.inputs["outputs"]
        self._graphs = [
            (session.run, tuple(reads[output]["numeric"]), package.precision.get(output), tuple(reads[output]["text"]))
            for output, session in package.sessions.items()
        ]

    def answer(
        self, pickup_zone: int | None, dropoff_zone: int | None, when: datetime, trip_distance: float | None
    ) -> Answer:
        """Answer a ride.

        Args:
            pickup_zone: TLC location id.
            dropoff_zone: TLC location id.
            when: Of the pick-up, New York wall clock, naive.
            trip_distance: Miles, if known; one that is not to be believed counts as unknown.
        """
        columns: dict[str, Any] = features_of_ride(pickup_zone, dropoff_zone, when, trip_distance, self._places)
        straight, driven = columns["straight_distance"], columns["trip_distance"]
        columns["trip_distance_raw"] = nan if trip_distance is None else trip_distance
        minutes, before, numbers = [], None, None
        for run, numeric, precision, text in self._graphs:
            fed: dict[str, Any] = {name: self._text(name, pickup_zone, dropoff_zone) for name in text}
            if numeric:
                if (numeric, precision) != before:
                    before, numbers = (numeric, precision), np.array([[columns[name] for name in numeric]], precision)
                fed["numbers"] = numbers
            minutes.append(float(run(None, fed)[0][0, 0]))
        duration, lower, upper = minutes
        return Answer(duration, *self._bounds(duration, lower, upper, straight, driven))

    def _text(self, name: str, pickup_zone: int | None, dropoff_zone: int | None) -> Any:
        ends = (pickup_zone, dropoff_zone)
        if name == "zone_pair":
            text = "_".join("" if zone is None else str(zone) for zone in ends)
        else:
            text = " - ".join("Unknown" if zone is None else self._boroughs.get(zone, "Unknown") for zone in ends)
        return np.array([[text]], dtype=object)
