"""From a ride as a client wrote it to one that can be scored."""

from __future__ import annotations

import os
import re
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from ride_duration.clock import REAL_CLOCK, Clock
from ride_duration.serving.inference.deployment import Deployment, Model
from ride_duration.serving.schemas.prediction import YEARS, Position, Ride
from ride_duration.serving.schemas.problems import InvalidRequest
from ride_duration.trips.clock import NEW_YORK, find_instant
from ride_duration.trips.distances import IMPLAUSIBLE, OUT_OF_RANGE
from ride_duration.trips.records import DISTANCE
from ride_duration.trips.rides import find_distance_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from ride_duration.trips.zones import Zone

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


def make_id_source() -> Callable[[], str]:
    """Return a source of ids that no other process, and no other start of this one, gives."""
    start = f"{int(1000 * REAL_CLOCK.now()):x}-{os.urandom(4).hex()}"
    numbers = count(1)
    return lambda: f"{start}-{next(numbers):x}"


def parse_ride(ride: Ride, deployment: Deployment, prediction_id: str, clock: Clock = REAL_CLOCK) -> RideRequest:
    """Parse a ride; one without a pick-up time begins now.

    Raises:
        InvalidRequest: An end is missing, given twice or outside the city, the time is out of range, or the model
            needs the distance.
    """
    given, champion = ride.pickup_datetime, deployment.champion
    pickup_at: float | None
    if given is None:
        now = pickup_at = clock.now() // 1
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
