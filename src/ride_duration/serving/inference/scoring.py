"""From a ride as it was asked for to its answer, and to the record of it."""

from __future__ import annotations

import logging
import os
import re
import time
from datetime import datetime
from itertools import count
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec import UNSET, UnsetType

from ride_duration.model_package import Rides
from ride_duration.serving.inference.deployment import CHALLENGER, CHAMPION, SHADOW, Deployment, Model
from ride_duration.serving.schemas.prediction import YEARS, Place, Position, Prediction, Ride
from ride_duration.serving.schemas.problems import Refused
from ride_duration.store.log_records import Prediction as Record
from ride_duration.trips.clock import NEW_YORK, find_instant
from ride_duration.trips.distances import IMPLAUSIBLE, OUT_OF_RANGE
from ride_duration.trips.records import DISTANCE
from ride_duration.trips.rides import find_distance_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ride_duration.trips.zones import Zone

log = logging.getLogger(__name__)

#: What a model that needs the distance cannot do without, by what is wrong with the one that it got.
_WANTED = {
    None: "the distance (miles)",
    OUT_OF_RANGE: f"a distance up to {DISTANCE[1]:g} miles",
    IMPLAUSIBLE: "a distance that is possible between these zones (distance_implausible)",
}

_LOCATION_ID = re.compile(r"[1-9][0-9]{0,2}")


class RideRequest(NamedTuple):
    """A ride, understood.

    Attributes:
        ride_id: As the client gave it, or the prediction's own id.
        prediction_id: Unique.
        pickup_zone: TLC location id.
        dropoff_zone: TLC location id.
        when: Of the pick-up, New York wall clock, naive.
        pickup_at: The same in seconds since 1970-01-01 UTC; None for a wall clock that New York skips or shows twice.
        trip_distance: Miles, if given.
        pickup: The zone of a position; None where the client gave an id.
        dropoff: The zone of a position; None where the client gave an id.
        distance_problem: What is wrong with the distance, if one is given, as `find_distance_problem` says.
    """

    ride_id: str | int
    prediction_id: str
    pickup_zone: int
    dropoff_zone: int
    when: datetime
    pickup_at: float | None
    trip_distance: float | None
    pickup: Zone | None
    dropoff: Zone | None
    distance_problem: str | None = None


class ScoredRide(NamedTuple):
    """An answer (minutes), how long it took (milliseconds), and what is kept of it."""

    asked: RideRequest
    model: Model
    variant: str
    duration: float
    lower: float
    upper: float
    milliseconds: float

    @property
    def distance_used(self) -> bool:
        """Whether the model reads the distance."""
        given, valid = self.asked.trip_distance is not None, self.asked.distance_problem is None
        return given and (valid or self.model.reads_any_distance)

    @property
    def is_finite(self) -> bool:
        """Whether the model had an answer."""
        return isfinite(self.duration + self.lower + self.upper)

    def prediction(self, reasons: dict[str, float] | UnsetType = UNSET) -> Prediction:
        """As it goes out."""
        asked = self.asked
        return Prediction(
            self.duration,
            self.model.label,
            asked.ride_id,
            self.lower,
            self.upper,
            self.variant,
            self.distance_used,
            UNSET if asked.pickup is None else _place(asked.pickup),
            UNSET if asked.dropoff is None else _place(asked.dropoff),
            reasons,
            UNSET if self.distance_used or asked.distance_problem is None else asked.distance_problem,
        )

    def record(self, asked_at: float) -> Record:
        """As it is logged."""
        asked = self.asked
        return Record(
            asked.prediction_id if self.variant != SHADOW else f"{asked.prediction_id}-{SHADOW}",
            str(asked.ride_id),
            asked_at,
            asked.when,
            asked.pickup_zone,
            asked.dropoff_zone,
            asked.trip_distance,
            self.duration,
            self.lower,
            self.upper,
            self.model.version,
            self.variant,
            self.milliseconds,
            self.model.name,
            asked.pickup_at,
        )


def _place(zone: Zone) -> Place:
    return Place(zone.location_id, zone.name, zone.borough)


def make_id_source() -> Callable[[], str]:
    """Ids that no other process, and no other start of this one, gives."""
    start = f"{time.time_ns() // 1_000_000:x}-{os.urandom(4).hex()}"
    numbers = count(1)
    return lambda: f"{start}-{next(numbers):x}"


def parse_ride(ride: Ride, deployment: Deployment, prediction_id: str) -> RideRequest:
    """What a client means.

    Raises:
        Refused: An end is missing, given twice or outside the city, the time is out of range, or the model needs the
            distance.
    """
    given = ride.pickup_datetime
    pickup_at: float | None
    if given is None:
        now = pickup_at = time.time() // 1
        when = to_wall_clock(datetime.fromtimestamp(now, NEW_YORK))
    else:
        when, pickup_at = to_wall_clock(given), to_instant(given)
    pickup_zone, pickup = _end(ride.PULocationID, ride.pickup, "PULocationID", "pickup", deployment)
    dropoff_zone, dropoff = _end(ride.DOLocationID, ride.dropoff, "DOLocationID", "dropoff", deployment)
    miles, problem = ride.trip_distance, None
    if miles is not None:
        problem = find_distance_problem(pickup_zone, dropoff_zone, miles, deployment.champion.places)
    if deployment.champion.lacks(miles, problem):
        raise Refused(422, f"the model that answers cannot do without {_WANTED[problem]}", "trip_distance")
    ride_id = prediction_id if ride.ride_id is None else normalize_ride_id(ride.ride_id)
    return RideRequest(
        ride_id, prediction_id, pickup_zone, dropoff_zone, when, pickup_at, miles, pickup, dropoff, problem
    )


def to_wall_clock(moment: datetime, field: str = "pickup_datetime") -> datetime:
    """A moment as the clocks of New York show it, naive and to the second, as the TLC's records are.

    Raises:
        Refused: It is out of range.
    """
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise Refused(422, f"the year must be from {YEARS[0]} to {YEARS[1]}", field)
    local = moment if moment.tzinfo is None else moment.astimezone(NEW_YORK)
    return local.replace(tzinfo=None, microsecond=0)


def to_instant(moment: datetime) -> float | None:
    """Return a moment in whole seconds since 1970-01-01 UTC; None for a wall clock that is skipped or shown twice."""
    at = find_instant(moment) if moment.tzinfo is None else moment.timestamp()
    return None if at is None else at // 1


def normalize_ride_id(ride_id: str | float) -> str | int:
    """A ride's id, 4711.0 as 4711."""
    return int(ride_id) if isinstance(ride_id, float) else ride_id


def _end(
    location_id: float | str | None, position: Position | None, by_id: str, by_position: str, deployment: Deployment
) -> tuple[int, Zone | None]:
    if location_id is not None:
        if position is not None:
            raise Refused(422, f"give either {by_id} or {by_position}, not both", by_position)
        if isinstance(location_id, str) and (_LOCATION_ID.fullmatch(location_id) is None or int(location_id) > 265):
            raise Refused(422, "TLC location ids are numbers from 1 to 265", by_id)
        return int(location_id), None
    if position is None:
        raise Refused(422, f"give a TLC location id here, or a position as `{by_position}`", by_id)
    zone = deployment.champion.city.zone_at(position.latitude, position.longitude)
    if zone is None:
        raise Refused(422, "the position lies outside the city", by_position)
    return zone.location_id, zone


class ScoringResult(NamedTuple):
    """Answers, and how many rides a challenger or shadow failed to answer."""

    answered: list[ScoredRide]
    failed: int = 0


def answer(asked: RideRequest, deployment: Deployment, started: float) -> ScoredRide:
    """Answer a ride by the model whose it is.

    Args:
        asked: The ride.
        deployment: The models.
        started: `time.perf_counter()` when the ride came.

    Raises:
        ArithmeticError: The answer is no number.
    """
    model, variant = deployment.model_for(str(asked.ride_id))
    duration, lower, upper = model.answer(asked.pickup_zone, asked.dropoff_zone, asked.when, asked.trip_distance)
    took = 1000 * (time.perf_counter() - started)
    return _number(ScoredRide(asked, model, variant, duration, lower, upper, took))


def score_rides(asked: Sequence[RideRequest], deployment: Deployment) -> ScoringResult:
    """Answers, in the order of the rides; each model answers its own together, the champion what a challenger fails.

    Raises:
        ArithmeticError: An answer of the champion is no number.
    """
    challenger, attempt = deployment.challenger, ScoringResult([])
    if challenger is not None:
        models = (deployment.model_for(str(ride.ride_id))[1] for ride in asked)
        its = [ride for ride, variant in zip(asked, models, strict=True) if variant == CHALLENGER]
        attempt = try_score(its, challenger, CHALLENGER)
    answers = {one.asked.prediction_id: one for one in attempt.answered}
    left = [ride for ride in asked if ride.prediction_id not in answers]
    answers |= {one.asked.prediction_id: _number(one) for one in _together(left, deployment.champion, CHAMPION)}
    return ScoringResult([answers[ride.prediction_id] for ride in asked], attempt.failed)


def try_score(asked: Sequence[RideRequest], model: Model, variant: str) -> ScoringResult:
    """What a challenger or shadow answers: that it fails is logged once, and costs nobody an answer."""
    try:
        answered = [one for one in _together(asked, model, variant) if one.is_finite]
    except Exception:
        log.exception("the %s, version %d, failed to answer %d rides", variant, model.version, len(asked))
        return ScoringResult([], len(asked))
    failed = len(asked) - len(answered)
    if failed:
        log.error("the %s, version %d, answered %d rides with no number", variant, model.version, failed)
    return ScoringResult(answered, failed)


def _together(asked: Sequence[RideRequest], model: Model, variant: str) -> list[ScoredRide]:
    if not asked:
        return []
    started = time.perf_counter()
    answers = list(zip(*(minutes.tolist() for minutes in model.package.answer(to_rides(asked))), strict=True))
    each = 1000 * (time.perf_counter() - started) / len(asked)
    return [
        ScoredRide(ride, model, variant, duration, lower, upper, each)
        for ride, (duration, lower, upper) in zip(asked, answers, strict=True)
    ]


def _number(answered: ScoredRide) -> ScoredRide:
    if not answered.is_finite:
        minutes = (answered.duration, answered.lower, answered.upper)
        raise ArithmeticError(f"version {answered.model.version} answers {minutes} to {answered.asked}")
    return answered


def to_rides(asked: Sequence[RideRequest]) -> Rides:
    """Rides as the package takes many."""
    return Rides(
        np.array([ride.pickup_zone for ride in asked], dtype=np.float64),
        np.array([ride.dropoff_zone for ride in asked], dtype=np.float64),
        np.array([ride.when for ride in asked], dtype="datetime64[s]"),
        np.array([ride.trip_distance for ride in asked], dtype=np.float64),
    )


def explain_ride(answered: ScoredRide) -> dict[str, float]:
    """Minutes that time of day, distance and place add to what is usual."""
    explained = answered.model.package.explain(to_rides([answered.asked]))
    return {reason: float(minutes[0]) for reason, minutes in explained.items()}
