"""From a ride as it was asked for to its answer, and to the record of it."""

from __future__ import annotations

import os
import time
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import UNSET, UnsetType

from ride_duration.model_package import Rides
from ride_duration.serving.deployment import SHADOW, Deployment, Model
from ride_duration.serving.problems import Refused
from ride_duration.serving.wire import YEARS, Place, Position, Prediction, Ride
from ride_duration.store.records import Prediction as Record
from ride_duration.trips.records import DISTANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ride_duration.trips.zones import Zone

NEW_YORK = ZoneInfo("America/New_York")


class Asked(NamedTuple):
    """A ride, understood.

    Attributes:
        ride_id: As the client gave it, or the prediction's own id.
        prediction_id: Unique.
        pickup_zone: TLC location id.
        dropoff_zone: TLC location id.
        when: Of the pick-up, New York wall clock, naive.
        trip_distance: Miles, if given.
        pickup: The zone of a position; None where the client gave an id.
        dropoff: The zone of a position; None where the client gave an id.
    """

    ride_id: str | int
    prediction_id: str
    pickup_zone: int
    dropoff_zone: int
    when: datetime
    trip_distance: float | None
    pickup: Zone | None
    dropoff: Zone | None

    @property
    def distance_used(self) -> bool:
        """Whether the model believes the distance."""
        return self.trip_distance is not None and DISTANCE[0] < self.trip_distance <= DISTANCE[1]


class Answered(NamedTuple):
    """An answer, and what is kept of it."""

    asked: Asked
    model: Model
    variant: str
    duration: float
    lower: float
    upper: float

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
            asked.distance_used,
            UNSET if asked.pickup is None else _place(asked.pickup),
            UNSET if asked.dropoff is None else _place(asked.dropoff),
            reasons,
        )

    def record(self, asked_at: float, milliseconds: float) -> Record:
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
            milliseconds,
            self.model.name,
        )


def _place(zone: Zone) -> Place:
    return Place(zone.location_id, zone.name, zone.borough)


def unique_ids() -> Callable[[], str]:
    """Ids that no other process, and no other start of this one, gives."""
    start = f"{time.time_ns() // 1_000_000:x}-{os.urandom(4).hex()}"
    numbers = count(1)
    return lambda: f"{start}-{next(numbers):x}"


def understood(ride: Ride, deployment: Deployment, prediction_id: str) -> Asked:
    """What a client means.

    Raises:
        Refused: An end is missing, given twice or outside the city, the time is out of range, or the model needs the
            distance.
    """
    given = ride.pickup_datetime
    when = datetime.now(NEW_YORK).replace(tzinfo=None, microsecond=0) if given is UNSET else wall_clock(given)
    pickup_zone, pickup = _end(ride.PULocationID, ride.pickup, "PULocationID", "pickup", deployment)
    dropoff_zone, dropoff = _end(ride.DOLocationID, ride.dropoff, "DOLocationID", "dropoff", deployment)
    if ride.trip_distance is None and deployment.champion.needs_distance:
        raise Refused(422, "the model that answers cannot do without the distance (miles)", "trip_distance")
    ride_id = prediction_id if ride.ride_id is UNSET else ride.ride_id
    return Asked(ride_id, prediction_id, pickup_zone, dropoff_zone, when, ride.trip_distance, pickup, dropoff)


def wall_clock(moment: datetime, field: str = "pickup_datetime") -> datetime:
    """A moment as the clocks of New York show it, naive.

    Raises:
        Refused: It is out of range.
    """
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise Refused(422, f"the year must be from {YEARS[0]} to {YEARS[1]}", field)
    return moment if moment.tzinfo is None else moment.astimezone(NEW_YORK).replace(tzinfo=None)


def _end(
    location_id: int | UnsetType, position: Position | UnsetType, by_id: str, by_position: str, deployment: Deployment
) -> tuple[int, Zone | None]:
    if location_id is not UNSET:
        if position is not UNSET:
            raise Refused(422, f"give either {by_id} or {by_position}, not both", by_position)
        return location_id, None
    if position is UNSET:
        raise Refused(422, f"give a TLC location id here, or a position as `{by_position}`", by_id)
    zone = deployment.champion.city.zone_at(position.latitude, position.longitude)
    if zone is None:
        raise Refused(422, "the position lies outside the city", by_position)
    return zone.location_id, zone


def answer(asked: Asked, deployment: Deployment) -> Answered:
    """Answer a ride by the model whose it is; where a challenger fails, the champion answers."""
    model, variant = deployment.model_for(str(asked.ride_id))
    ride = (asked.pickup_zone, asked.dropoff_zone, asked.when, asked.trip_distance)
    return Answered(asked, model, variant, *model.answer(*ride))


def shadow_answers(asked: Sequence[Asked], model: Model) -> list[Answered]:
    """What the shadow would have answered."""
    answers = zip(*(minutes.tolist() for minutes in model.package.answer(as_arrays(asked))), strict=True)
    return [Answered(ride, model, SHADOW, *minutes) for ride, minutes in zip(asked, answers, strict=True)]


def answer_many(asked: Sequence[Asked], deployment: Deployment) -> list[Answered]:
    """Answers, in the order of the rides; each model answers its own together."""
    shares: dict[str, list[int]] = {}
    models: dict[str, Model] = {}
    for number, ride in enumerate(asked):
        model, variant = deployment.model_for(str(ride.ride_id))
        models[variant] = model
        shares.setdefault(variant, []).append(number)
    answered: dict[int, Answered] = {}
    for variant, numbers in shares.items():
        rides = [asked[number] for number in numbers]
        answers = zip(*(minutes.tolist() for minutes in models[variant].package.answer(as_arrays(rides))), strict=True)
        for number, ride, minutes in zip(numbers, rides, answers, strict=True):
            answered[number] = Answered(ride, models[variant], variant, *minutes)
    return [answered[number] for number in range(len(asked))]


def as_arrays(asked: Sequence[Asked]) -> Rides:
    """Rides as the package takes many."""
    return Rides(
        np.array([ride.pickup_zone for ride in asked], dtype=np.float64),
        np.array([ride.dropoff_zone for ride in asked], dtype=np.float64),
        np.array([ride.when for ride in asked], dtype="datetime64[s]"),
        np.array([ride.trip_distance for ride in asked], dtype=np.float64),
    )


def reasons_of(answered: Answered) -> dict[str, float]:
    """Minutes that time of day, distance and place add to what is usual."""
    explained = answered.model.package.explain(as_arrays([answered.asked]))
    return {reason: float(minutes[0]) for reason, minutes in explained.items()}
