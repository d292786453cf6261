"""The synthetic city day by day: *simulated* rides in the order of their pick-ups, with what really happened."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ride_duration.trips.simulation.city import City
from ride_duration.trips.simulation.effects import CommonEffects
from ride_duration.trips.simulation.ground import Floats, Integers
from ride_duration.trips.simulation.months_of_rides import simulate_month
from ride_duration.trips.simulation.raw_records import RECORDED
from ride_duration.trips.simulation.scenarios import Scenario


class DayOfRides(NamedTuple):
    """The records of one day, ascending by pick-up; arrays of shape (n,).

    Attributes:
        day: New York day of the pick-ups, datetime64[D].
        pickup_datetime: New York wall clock, datetime64[s].
        pickup_zone: TLC location ids.
        dropoff_zone: TLC location ids.
        trip_distance: Miles as the meter recorded them.
        duration: Minutes from pick-up to drop-off, as recorded: absurd ones are among them.
        ride: Number of the ride within the day: the records of a refunded ride, or of one that arrived twice, share it.
    """

    day: np.datetime64
    pickup_datetime: NDArray[np.datetime64]
    pickup_zone: Integers
    dropoff_zone: Integers
    trip_distance: Floats
    duration: Floats
    ride: Integers


def simulate_days(
    first: np.datetime64, days: int, city: City, seed: int, effects: CommonEffects, scenario: Scenario | None = None
) -> Iterator[DayOfRides]:
    """Make the rides of some days, the same as `simulate_month` makes for their months; about 0.1 CPU seconds a month.

    Args:
        first: The first day, datetime64[D].
        days: How many.
        city: The knobs, e.g. `default_city()`.
        seed: Any integer from 0.
        effects: What rides of a day, and of a month, have in common.
        scenario: Trouble on some of the days, e.g. `Scenario.begin_at(first, "speed_limit", 14, None, 0.12)`.

    Yields:
        Each day, in the order of time; a day on which no record arrived is empty.
    """
    begin = first.astype("datetime64[D]")
    wanted = begin + np.arange(days)
    for month in np.unique(wanted.astype("datetime64[M]")):
        made = simulate_month(str(month), city, seed, effects, scenario)
        columns = [made[name].to_numpy() for name in RECORDED]
        pickup, dropoff, pickup_zone, dropoff_zone, miles = columns
        order = np.lexsort((miles, dropoff_zone, pickup_zone, dropoff, pickup))
        day = pickup[order].astype("datetime64[D]")
        for one in wanted[wanted.astype("datetime64[M]") == month]:
            rows = order[np.searchsorted(day, one) : np.searchsorted(day, one + 1)]
            when, end, origin, destination, distance = (column[rows] for column in columns)
            minutes = (end - when) / np.timedelta64(60, "s")
            ride = _number_rides([when, end, origin, destination, distance])
            yield DayOfRides(one, when.astype("datetime64[s]"), origin, destination, distance, minutes, ride)


def _number_rides(columns: list[NDArray[np.generic]]) -> Integers:
    """Number records in their order (n,), equal ones alike."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64)
    differs = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.concatenate([[0], np.cumsum(differs)]).astype(np.int64)
