"""One ride at a time, on floats: a service that answers single rides has no use for arrays of length one.

A property test holds this and `ModelPackage.answer` together.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ride_duration.trips.records import DURATION
from ride_duration.trips.rides import features_of_ride

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

    from ride_duration.model_package.package import ModelPackage

    Graph = Callable[[int | None, int | None], float]


class Answer(NamedTuple):
    """Minutes, with the bounds of their interval."""

    duration: float
    lower: float
    upper: float


def _limit(minutes: float, least: float = DURATION[0], most: float = DURATION[1]) -> float:
    """The same as `Answers.limit`, for one ride; NaN stays NaN."""
    return min(max(minutes, least), most)


class SingleRides:
    """Answers single rides with a package, one after the other: two threads need two of these.

    Args:
        package: Its graphs are loaded at once.
    """

    def __init__(self, package: ModelPackage) -> None:
        self._places = package.places
        self._boroughs = {location_id: zone.borough for location_id, zone in package.zones.items()}
        self._bounds = package.calibration.bounds_of_ride
        self._numbers: dict[tuple[Any, ...], NDArray[Any]] = {}
        self._graphs = [
            self._graph(session, package.inputs["outputs"][output], package.precision.get(output, np.float32))
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
            trip_distance: Miles, if known; one that is out of range or implausible counts as unknown.
        """
        columns: dict[str, Any] = features_of_ride(pickup_zone, dropoff_zone, when, trip_distance, self._places)
        columns["trip_distance_raw"] = nan if trip_distance is None else trip_distance
        for (_, *names), numbers in self._numbers.items():
            numbers[0] = [columns[name] for name in names]
        duration, lower, upper = [graph(pickup_zone, dropoff_zone) for graph in self._graphs]
        lower, upper = self._bounds(duration, lower, upper, columns["straight_distance"], columns["trip_distance"])
        return Answer(_limit(duration), _limit(lower), _limit(upper))

    def _graph(self, session: InferenceSession, reads: dict[str, list[str]], precision: type) -> Graph:
        """A graph that finds its numbers in an array of ours, which graphs that read the same share."""
        names, text = reads["numeric"], reads["text"]
        numbers = self._numbers.setdefault((precision, *names), np.zeros((1, len(names)), precision)) if names else None

        def with_text(*ends: int | None) -> float:
            fed = {name: self._text(name, ends) for name in text} | ({} if numbers is None else {"numbers": numbers})
            return float(session.run(None, fed)[0][0, 0])

        if text or numbers is None:
            return with_text
        # Bound once: a third less time than to hand arrays over and back with every ride.
        answered: NDArray[Any] = np.zeros((1, 1), precision)
        binding = session.io_binding()
        binding.bind_input("numbers", "cpu", 0, precision, numbers.shape, numbers.ctypes.data)
        [output] = session.get_outputs()
        binding.bind_output(output.name, "cpu", 0, precision, answered.shape, answered.ctypes.data)

        def bound(*_: int | None) -> float:
            session.run_with_iobinding(binding)
            return float(answered[0, 0])

        return bound

    def _text(self, name: str, ends: tuple[int | None, ...]) -> Any:
        if name == "zone_pair":
            text = "_".join("" if zone is None else str(zone) for zone in ends)
        else:
            text = " - ".join("Unknown" if zone is None else self._boroughs.get(zone, "Unknown") for zone in ends)
        return np.array([[text]], dtype=object)
