"""From a ride as a client wrote it to its prediction, and to the record of it."""

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
from ride_duration.serving.inference.deployment import Deployment, Model
from ride_duration.serving.schemas.prediction import YEARS, Place, Position, Prediction, Ride
from ride_duration.serving.schemas.problems import InvalidRequest
from ride_duration.store.log_records import PredictionRecord
from ride_duration.store.variant import Variant
from ride_duration.trips.clock import NEW_YORK, find_instant
from ride_duration.trips.distances import IMPLAUSIBLE, OUT_OF_RANGE
from ride_duration.trips.records import DISTANCE
from ride_duration.trips.rides import find_distance_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ride_duration.trips.zones import Zone

log = logging.getLogger(__name__)

#: What a model that needs the distance requires, by what is wrong with the one that was given.
_REQUIRED = {
    None: "the distance (miles)",
    OUT_OF_RANGE: f"a distance up to {DISTANCE[1]:g} miles",
    IMPLAUSIBLE: "a distance that is possible between these zones (distance_implausible)",
}

_LOCATION_ID = re.compile(r"[1-9][0-9]{0,2}")


class RideRequest(NamedTuple):
    """A parsed ride.

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
        unknown_zones: Fields of ends whose place is not known.
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
    unknown_zones: tuple[str, ...] = ()


class ScoredRide(NamedTuple):
    """A prediction (minutes), the model and variant that made it, and how long that took (milliseconds)."""

    ride: RideRequest
    model: Model
    variant: Variant
    duration: float
    lower: float
    upper: float
    milliseconds: float

    @property
    def distance_used(self) -> bool:
        """Return whether the model reads the distance."""
        given, valid = self.ride.trip_distance is not None, self.ride.distance_problem is None
        return given and (valid or self.model.reads_any_distance)

    @property
    def is_finite(self) -> bool:
        """Return whether all three figures are numbers."""
        return isfinite(self.duration + self.lower + self.upper)

    def to_prediction(self, reasons: dict[str, float] | UnsetType = UNSET) -> Prediction:
        """Return the body of the response."""
        ride = self.ride
        return Prediction(
            self.duration,
            self.model.label,
            ride.ride_id,
            self.lower,
            self.upper,
            self.variant,
            self.distance_used,
            UNSET if ride.pickup is None else _to_place(ride.pickup),
            UNSET if ride.dropoff is None else _to_place(ride.dropoff),
            reasons,
            UNSET if self.distance_used or ride.distance_problem is None else ride.distance_problem,
            [*ride.unknown_zones] if ride.unknown_zones else UNSET,
        )

    def to_record(self, asked_at: float) -> PredictionRecord:
        """Return the record for the log."""
        ride = self.ride
        shadow = self.variant == Variant.SHADOW
        return PredictionRecord(
            f"{ride.prediction_id}-{Variant.SHADOW}" if shadow else ride.prediction_id,
            str(ride.ride_id),
            asked_at,
            ride.when,
            ride.pickup_zone,
            ride.dropoff_zone,
            ride.trip_distance,
            self.duration,
            self.lower,
            self.upper,
            self.model.version,
            self.variant,
            self.milliseconds,
            self.model.name,
            ride.pickup_at,
        )


def _to_place(zone: Zone) -> Place:
    return Place(zone.location_id, zone.name, zone.borough)


def make_id_source() -> Callable[[], str]:
    """Return a source of ids that no other process, and no other start of this one, gives."""
    start = f"{time.time_ns() // 1_000_000:x}-{os.urandom(4).hex()}"
    numbers = count(1)
    return lambda: f"{start}-{next(numbers):x}"


def parse_ride(ride: Ride, deployment: Deployment, prediction_id: str) -> RideRequest:
    """Parse a ride.

    Raises:
        InvalidRequest: An end is missing, given twice or outside the city, the time is out of range, or the model
            needs the distance.
    """
    given, champion = ride.pickup_datetime, deployment.champion
    pickup_at: float | None
    if given is None:
        now = pickup_at = time.time() // 1
        when = to_wall_clock(datetime.fromtimestamp(now, NEW_YORK))
    else:
        when, pickup_at = to_wall_clock(given), to_instant(given)
    pickup_zone, pickup = _parse_end(ride.PULocationID, ride.pickup, "PULocationID", "pickup", champion)
    dropoff_zone, dropoff = _parse_end(ride.DOLocationID, ride.dropoff, "DOLocationID", "dropoff", champion)
    miles, problem = ride.trip_distance, None
    if miles is not None:
        problem = find_distance_problem(pickup_zone, dropoff_zone, miles, champion.places)
    if champion.lacks_distance(miles, problem):
        raise InvalidRequest(f"the serving model requires {_REQUIRED[problem]}", "trip_distance")
    ride_id = prediction_id if ride.ride_id is None else normalize_ride_id(ride.ride_id)
    unknown: tuple[str, ...] = ()
    if not champion.locator.has_places(pickup_zone, dropoff_zone):
        ends = ((pickup_zone, "PULocationID"), (dropoff_zone, "DOLocationID"))
        unknown = tuple(field for zone, field in ends if not champion.locator.has_place(zone))
    return RideRequest(
        ride_id, prediction_id, pickup_zone, dropoff_zone, when, pickup_at, miles, pickup, dropoff, problem, unknown
    )


def to_wall_clock(moment: datetime, field: str = "pickup_datetime") -> datetime:
    """Return a moment as the clocks of New York show it, naive and to the second, as the TLC's records are.

    Raises:
        InvalidRequest: It is out of range.
    """
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise InvalidRequest(f"the year must be from {YEARS[0]} to {YEARS[1]}", field)
    local = moment if moment.tzinfo is None else moment.astimezone(NEW_YORK)
    return local.replace(tzinfo=None, microsecond=0)


def to_instant(moment: datetime) -> float | None:
    """Return a moment in whole seconds since 1970-01-01 UTC; None for a wall clock that is skipped or shown twice."""
    at = find_instant(moment) if moment.tzinfo is None else moment.timestamp()
    return None if at is None else at // 1


def normalize_ride_id(ride_id: str | float) -> str | int:
    """Return a ride's id, 4711.0 as 4711."""
    return int(ride_id) if isinstance(ride_id, float) else ride_id


def _parse_end(
    location_id: float | str | None, position: Position | None, by_id: str, by_position: str, model: Model
) -> tuple[int, Zone | None]:
    if location_id is not None:
        if position is not None:
            raise InvalidRequest(f"give either {by_id} or {by_position}, not both", by_position)
        if isinstance(location_id, str) and (_LOCATION_ID.fullmatch(location_id) is None or int(location_id) > 265):
            raise InvalidRequest("TLC location ids are numbers from 1 to 265", by_id)
        return int(location_id), None
    if position is None:
        raise InvalidRequest(f"give a TLC location id here, or a position as `{by_position}`", by_id)
    zone = model.locator.zone_at(position.latitude, position.longitude)
    if zone is None:
        raise InvalidRequest("the position lies outside the city", by_position)
    return zone.location_id, zone


class ScoringResult(NamedTuple):
    """Scored rides, and how many rides a challenger or shadow failed to score."""

    scored: list[ScoredRide]
    failed: int = 0


def score_ride(ride: RideRequest, deployment: Deployment, started: float) -> ScoredRide:
    """Score a ride by the model that the traffic split gives it to.

    Args:
        ride: The ride.
        deployment: The models.
        started: `time.perf_counter()` when the ride came.

    Raises:
        ArithmeticError: The model's prediction is not a number.
    """
    model, variant = deployment.choose_model(str(ride.ride_id))
    duration, lower, upper = model.answer(ride.pickup_zone, ride.dropoff_zone, ride.when, ride.trip_distance)
    took = 1000 * (time.perf_counter() - started)
    return _check_finite(ScoredRide(ride, model, variant, duration, lower, upper, took))


def score_rides(rides: Sequence[RideRequest], deployment: Deployment) -> ScoringResult:
    """Score rides, in their order: each model its own in one call, the champion what the challenger fails to score.

    Raises:
        ArithmeticError: A prediction of the champion is not a number.
    """
    challenger, result = deployment.challenger, ScoringResult([])
    if challenger is not None:
        variants = (deployment.choose_model(str(ride.ride_id))[1] for ride in rides)
        own = [ride for ride, variant in zip(rides, variants, strict=True) if variant == Variant.CHALLENGER]
        result = try_score(own, challenger, Variant.CHALLENGER)
    scored = {one.ride.prediction_id: one for one in result.scored}
    left = [ride for ride in rides if ride.prediction_id not in scored]
    by_champion = _score_together(left, deployment.champion, Variant.CHAMPION)
    scored |= {one.ride.prediction_id: _check_finite(one) for one in by_champion}
    return ScoringResult([scored[ride.prediction_id] for ride in rides], result.failed)


def try_score(rides: Sequence[RideRequest], model: Model, variant: Variant) -> ScoringResult:
    """Score rides by a challenger or shadow; its failures are logged, and keep no client from a prediction."""
    try:
        scored = [one for one in _score_together(rides, model, variant) if one.is_finite]
    except Exception:
        log.exception("the %s, version %d, failed to score %d rides", variant, model.version, len(rides))
        return ScoringResult([], len(rides))
    failed = len(rides) - len(scored)
    if failed:
        log.error(
            "the %s, version %d, scored %d rides with something that is not a number", variant, model.version, failed
        )
    return ScoringResult(scored, failed)


def _score_together(rides: Sequence[RideRequest], model: Model, variant: Variant) -> list[ScoredRide]:
    if not rides:
        return []
    started = time.perf_counter()
    answers = list(zip(*(minutes.tolist() for minutes in model.package.answer(to_rides(rides))), strict=True))
    each = 1000 * (time.perf_counter() - started) / len(rides)
    return [
        ScoredRide(ride, model, variant, duration, lower, upper, each)
        for ride, (duration, lower, upper) in zip(rides, answers, strict=True)
    ]


def _check_finite(scored: ScoredRide) -> ScoredRide:
    if not scored.is_finite:
        minutes = (scored.duration, scored.lower, scored.upper)
        raise ArithmeticError(f"version {scored.model.version} scores {minutes} for {scored.ride}")
    return scored


def to_rides(rides: Sequence[RideRequest]) -> Rides:
    """Return rides as the arrays that a model package takes, each of shape (n,)."""
    return Rides(
        np.array([ride.pickup_zone for ride in rides], dtype=np.float64),
        np.array([ride.dropoff_zone for ride in rides], dtype=np.float64),
        np.array([ride.when for ride in rides], dtype="datetime64[s]"),
        np.array([ride.trip_distance for ride in rides], dtype=np.float64),
    )


def explain_ride(scored: ScoredRide) -> dict[str, float]:
    """Return the contributions of time of day, distance and place relative to a typical ride, in minutes."""
    explained = scored.model.package.explain(to_rides([scored.ride]))
    return {reason: float(minutes[0]) for reason, minutes in explained.items()}
