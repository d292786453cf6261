"""The synthetic city: *simulated* months of green-taxi records in the TLC's own schema.

Rides are made the way a city makes them: people ask (Poisson arrivals by hour and zone), go somewhere (gravity), by a
way with a detour, at the speed of the hour and the streets; then the meter, the clock and the vendor's file add
their dirt. Every random draw comes from (seed, month), from (seed, day) and from the city's own character, so that
months may be made in any order. No number that comes out of here says anything about real traffic.
"""

import calendar
import re
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ride_duration.errors import RideDurationError
from ride_duration.trips.simulation.city import City, Curve, Faults, Fleet, Pace
from ride_duration.trips.simulation.effects import NO_EFFECTS, CommonEffects, draw_log_factors
from ride_duration.trips.simulation.ground import (
    MANHATTAN,
    NEAREST,
    Floats,
    Integers,
    bands,
    draw_columns,
    ground,
    kerb_miles,
    pair_character,
)
from ride_duration.trips.simulation.raw_records import Rides, hour_and_weekend, price, records
from ride_duration.trips.simulation.scenarios import (
    Scenario,
    count_records,
    find_broken_meters,
    make_generator,
    move_origins,
    open_zone,
)

UNKNOWN_ID, OUTSIDE_ID = 264, 265
HOUR = 3600
#: A cab that stops at once has rolled at walking speed (miles per hour).
WALKING = 3.0
#: Traits of a zone pair; popularity is 0 for hailed and 1 for dispatched rides.
SPEED_TRAIT, DETOUR_TRAIT = 2, 3


def simulate_month(
    month: str, city: City, seed: int, effects: CommonEffects = NO_EFFECTS, scenario: Scenario | None = None
) -> pa.Table:
    """Make one *simulated* month of green-taxi records.

    Args:
        month: Calendar month as "YYYY-MM".
        city: The knobs, e.g. `default_city()`.
        seed: Any integer from 0; each month has a stream of its own, so the order of making months is free.
        effects: What rides of a day, and of a month, have in common.
        scenario: Trouble on some days; rides and records of other days stay the same.

    Returns:
        60 to 80 thousand rows in `SCHEMA` with the shipped knobs. Times are New York local time, distances miles,
        amounts dollars. As in the TLC's files the hailed rides come first, then the dispatched ones with their NULL
        columns; either part runs through the month hour by hour, with stray dates in between.

    Raises:
        RideDurationError: If `month` is not a calendar month, or `seed` is negative.
    """
    if not re.fullmatch(r"(19[789]|20\d)\d-(0[1-9]|1[0-2])", month):
        raise RideDurationError(f"{month!r} is not a month: write it as YYYY-MM, for example 2021-01.")
    if seed < 0:
        raise RideDurationError(f"The simulated city cannot use the seed {seed}: give an integer from 0.")
    year, number = int(month[:4]), int(month[5:])
    rng = np.random.default_rng(np.random.SeedSequence([seed, year, number]))
    days = _MonthOfDays.draw(month, seed, effects, scenario)
    return pa.concat_tables(
        [_fleet_month(year, number, city, fleet, days, rng) for fleet in (city.hailed, city.dispatched)]
    )


class _MonthOfDays(NamedTuple):
    """What the days of a month do to its rides, on top of what the city does every month.

    Attributes:
        first: Its first day.
        log_factors: Logarithm of the factor on the durations of each day (days,).
        seed: Of the city.
        scenario: Trouble, if there is any.
    """

    first: np.datetime64
    log_factors: Floats
    seed: int
    scenario: Scenario | None

    @classmethod
    def draw(cls, month: str, seed: int, effects: CommonEffects, scenario: Scenario | None) -> "_MonthOfDays":
        begin = np.datetime64(month, "M")
        first, end = begin.astype("datetime64[D]"), (begin + 1).astype("datetime64[D]")
        days = first + np.arange((end - first).astype(int))
        log_factors = draw_log_factors(days, effects, seed)
        return cls(first, log_factors + (scenario.slow_down(days) if scenario else 0.0), seed, scenario)


def _fleet_month(
    year: int, number: int, city: City, fleet: Fleet, days: _MonthOfDays, rng: np.random.Generator
) -> pa.Table:
    hour = _ride_hours(year, number, fleet, rng)
    day = days.first + hour // 24
    part = _part_of_day(hour, fleet)
    origin = draw_columns(np.array(fleet.demand.pickups), part, rng)
    trouble = make_generator(days.scenario, days.seed, year, number, int(fleet.terminal is None))
    origin = move_origins(origin, part, day, fleet, days.scenario, trouble)
    destination = draw_columns(flow(city, fleet), origin, rng)
    destination = open_zone(destination, day, days.scenario, trouble)
    rides = Rides(
        pickup=calendar.timegm((year, number, 1, 0, 0, 0)) + hour * HOUR + rng.integers(0, HOUR, len(hour)),
        seconds=np.zeros(len(hour)),
        origin=origin,
        destination=destination,
        origin_id=origin + 1,
        destination_id=destination + 1,
        miles=_metered(city, fleet, origin, destination, rng),
    )
    _leave_city(rides, fleet.faults, rng)
    rides.seconds = _ride_seconds(rides, city, fleet, rng) * np.exp(days.log_factors[hour // 24])
    _cancel(rides, fleet.faults, rng)
    dollars = price(rides, city, fleet, rng)
    _spoil_meter(rides, fleet.faults, rng)
    broken = find_broken_meters(ground().borough[rides.origin], day, days.scenario)
    rides.seconds[broken] *= 1 + days.scenario.strength if days.scenario else 1
    _spoil_clock(rides, fleet, rng)
    _stray(rides, year, number, fleet.faults, rng)
    made = records(rides, dollars, fleet, rng)
    recorded = made["lpep_pickup_datetime"].to_numpy().astype("datetime64[D]")
    times = count_records(recorded, days.scenario, trouble)
    return made.take(np.repeat(np.arange(len(recorded)), times)) if (times != 1).any() else made


def _ride_hours(year: int, number: int, fleet: Fleet, rng: np.random.Generator) -> Integers:
    """Hour of the month of every ride, ascending: Poisson arrivals; busy days take their rides from the quiet ones."""
    first, days = calendar.monthrange(year, number)
    weekday = (first + np.arange(days)) % 7
    week = np.array(fleet.demand.rides)
    expected = week[weekday] * np.exp(fleet.demand.day_spread * rng.standard_normal(days))[:, None]
    share = expected / max(expected.sum(), np.finfo(float).tiny)
    rides = rng.poisson(share * days * week.sum() / 7)
    return np.repeat(np.arange(days * 24), rides.ravel())


def _part_of_day(hour: Integers, fleet: Fleet) -> Integers:
    parts = fleet.demand.parts
    return np.asarray((np.searchsorted(parts, hour % 24, side="right") - 1) % len(parts), dtype=np.int64)


def flow(city: City, fleet: Fleet) -> Floats:
    """Weight of every destination for every origin.

    Attraction x deterrence(distance) x affinity of the boroughs x lasting popularity of the pair.

    Args:
        city: The knobs.
        fleet: Hailed or dispatched.

    Returns:
        263 x 263 weights, rows origins.
    """
    borough = np.array([city.boroughs.index(name) for name in ground().borough])
    way = np.array(fleet.flow.deterrence)[bands(city.bands)] * np.array(fleet.flow.affinity)[borough[:, None], borough]
    popularity = np.exp(fleet.flow.habit * pair_character(city.character, int(fleet.terminal is None)))
    weights: Floats = way * popularity * np.array(fleet.flow.attraction)
    return weights


def draw_curve(curve: Curve, size: int, rng: np.random.Generator) -> Floats:
    """Draw `size` numbers from a quantile function by its inverse."""
    return np.interp(rng.random(size), curve.at, curve.value)


def along(curve: Curve, miles: Floats) -> Floats:
    """Read a curve over miles at `miles`, straight on a logarithmic ruler, flat beyond its ends."""
    return np.interp(np.log(miles), np.log(curve.at), curve.value)


def _metered(city: City, fleet: Fleet, origin: Integers, destination: Integers, rng: np.random.Generator) -> Floats:
    band = bands(city.bands)[origin, destination]
    lasting = city.traffic.pair_detour * pair_character(city.character, DETOUR_TRAIT)[origin, destination]
    once = np.array(fleet.detour.spread)[band] * draw_curve(fleet.detour.shape, len(band), rng)
    ratio = np.exp(np.array(fleet.detour.mean)[band] + lasting + once)
    return np.maximum(kerb_miles(origin, destination, city.kerb_reach, rng) * ratio, NEAREST)


def _leave_city(rides: Rides, faults: Faults, rng: np.random.Generator) -> None:
    chance = rng.random(len(rides.miles))
    leaves = chance < faults.to_outside
    comes = (chance >= faults.to_outside) & (chance < faults.to_outside + faults.from_outside)
    rides.destination_id[leaves] = OUTSIDE_ID
    rides.origin_id[comes] = OUTSIDE_ID
    rides.miles = np.where(leaves | comes, draw_curve(faults.outside_miles, len(chance), rng), rides.miles)


def _ride_seconds(rides: Rides, city: City, fleet: Fleet, rng: np.random.Generator) -> Floats:
    traffic, origin, destination = city.traffic, rides.origin, rides.destination
    hour, weekend = hour_and_weekend(rides.pickup)
    zone = np.array(traffic.zones)
    row = 2 * (ground().borough[origin] != MANHATTAN) + weekend
    borough = np.array([city.boroughs.index(name) for name in ground().borough])
    roads = np.array(traffic.roads)[borough[origin], borough[destination]]
    streets = np.array(traffic.hours)[row, hour] * roads * np.sqrt(zone[origin] * zone[destination])
    lasting = np.exp(traffic.pair_speed * pair_character(city.character, SPEED_TRAIT)[origin, destination])
    usual = along(fleet.pace.speed, rides.miles) * streets * lasting
    seconds: Floats = HOUR * rides.miles / usual * np.exp(_slowness(rides.miles, fleet.pace, rng))
    return seconds


def _slowness(miles: Floats, pace: Pace, rng: np.random.Generator) -> Floats:
    """Logarithm of what lights, driver and passenger cost one ride; its skew is that of the nearest knot of miles."""
    knots = Curve(pace.spread.at, tuple(range(len(pace.shapes))))
    knot = np.rint(along(knots, miles))
    level, shape = rng.random(len(miles)), np.zeros(len(miles))
    for number, curve in enumerate(pace.shapes):
        shape[knot == number] = np.interp(level[knot == number], curve.at, curve.value)
    slowness: Floats = along(pace.spread, miles) * shape
    return slowness


def _cancel(rides: Rides, faults: Faults, rng: np.random.Generator) -> None:
    rows = _some(faults.cancelled, len(rides.miles), rng)
    rides.seconds[rows] = draw_curve(faults.cancelled_seconds, len(rows), rng)
    rolled = rides.seconds[rows] / HOUR * WALKING
    rides.miles[rows] = np.where(rng.random(len(rows)) < faults.cancelled_unmetered, 0, rolled)
    at_once = rows[rng.random(len(rows)) < faults.cancelled_same_zone]
    rides.destination[at_once] = rides.origin[at_once]
    rides.destination_id[at_once] = rides.origin_id[at_once]
    nowhere = rows[rng.random(len(rows)) < faults.cancelled_unknown]
    rides.destination_id[nowhere] = UNKNOWN_ID
    # Half of the terminals that do not know where a ride ended do not know where it began either.
    rides.origin_id[nowhere[::2]] = UNKNOWN_ID


def _spoil_meter(rides: Rides, faults: Faults, rng: np.random.Generator) -> None:
    rides.miles[_some(faults.unmetered, len(rides.miles), rng)] = 0
    rows = _some(faults.absurd, len(rides.miles), rng)
    rides.miles[rows] = draw_curve(faults.absurd_miles, len(rows), rng)


def _spoil_clock(rides: Rides, fleet: Fleet, rng: np.random.Generator) -> None:
    faults = fleet.faults
    rows = _some(faults.left_on, len(rides.seconds), rng)
    rides.seconds[rows] = 60 * draw_curve(faults.left_on_minutes, len(rows), rng)
    rows = _some(faults.negative, len(rides.seconds), rng)
    rides.seconds[rows] *= -1
    if fleet.terminal is None:
        rides.pickup = rides.pickup // 60 * 60
        rides.seconds = np.round(rides.seconds / 60) * 60


def _stray(rides: Rides, year: int, number: int, faults: Faults, rng: np.random.Generator) -> None:
    rows = _some(faults.stray, len(rides.pickup), rng)
    since_reset = calendar.timegm((faults.reset_year, 1, 1, 0, 0, 0)) + rng.integers(0, HOUR, len(rows))
    yesterday = calendar.timegm((year, number, 1, 0, 0, 0)) - rng.integers(1, HOUR, len(rows))
    reset = rng.random(len(rows)) < faults.stray_reset
    rides.pickup[rows] = np.where(reset, since_reset, yesterday)


def _some(share: float, size: int, rng: np.random.Generator) -> Integers:
    """Row numbers of a random `share` of `size` rows, ascending."""
    return np.flatnonzero(rng.random(size) < share).astype(np.int64)
