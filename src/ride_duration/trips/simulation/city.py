"""The knobs of the synthetic city: physical quantities, fitted to real months by `benchmarks/fit_city.py`.

Nothing here is a trip: each knob is a rate, a share, a length or a speed. A scenario is a city with some knobs
replaced (`dataclasses.replace`): slower rush hours in `Traffic.hours`, other demand in `Demand`, a broken meter in
`Faults`. Zone vectors run over the 263 zones that have a place, by TLC location id from 1.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

Vector = tuple[float, ...]
Matrix = tuple[Vector, ...]


@dataclass(frozen=True)
class Curve:
    """A quantity along a ruler: a quantile function over levels in [0, 1], or a value over miles."""

    at: Vector
    value: Vector


@dataclass(frozen=True)
class Demand:
    """When and where people ask for a ride."""

    #: Rides per hour, 7 weekdays (Monday first) x 24 hours of New York local time.
    rides: Matrix
    #: Spread of the logarithm of a day's total about what its weekday promises (weather, holidays).
    day_spread: float
    #: First hour of each part of the day; the last part runs on to the first hour of the next day.
    parts: tuple[int, ...]
    #: Parts x 263 zones: relative weight of the pick-up zone.
    pickups: Matrix


@dataclass(frozen=True)
class Flow:
    """Where a ride goes: gravity, with attraction of the destination and deterrence of the way."""

    #: 263 zones: pull as a destination.
    attraction: Vector
    #: Weight of a way by the band of its centroid distance (`City.bands`); the first is the ride within a zone.
    deterrence: Vector
    #: Boroughs x boroughs (`City.boroughs`, from x to): ease of crossing rivers and borders.
    affinity: Matrix
    #: Spread of the logarithm of a zone pair's lasting popularity: school runs, clinics, bus terminals.
    habit: float


@dataclass(frozen=True)
class Detour:
    """Metered miles over straight-line miles between the two kerbs."""

    #: Mean and spread of the logarithm of the ratio, by band of centroid distance.
    mean: Vector
    spread: Vector
    #: Quantiles of the standardised logarithm: the skew.
    shape: Curve


@dataclass(frozen=True)
class Pace:
    """How fast a ride is on an average road at an average hour."""

    #: Miles per hour along metered miles: long rides use faster roads.
    speed: Curve
    #: Spread of the logarithm of one ride's slowness (lights, driver, passenger), same miles as `speed`.
    spread: Curve
    #: Quantiles of the standardised logarithm of one ride's slowness, a curve for each of these miles.
    shapes: tuple[Curve, ...]


@dataclass(frozen=True)
class Faults:
    """The dirt in the records; shares are of all rides of the fleet."""

    #: Meter started and stopped at once: share, then among these the share with no distance, within one zone,
    #: and with unknown zones (264); their seconds.
    cancelled: float
    cancelled_unmetered: float
    cancelled_same_zone: float
    cancelled_unknown: float
    cancelled_seconds: Curve
    #: A real ride with 0 miles on the meter.
    unmetered: float
    #: Absurd distance: share, and the miles shown.
    absurd: float
    absurd_miles: Curve
    #: Meter left on: share, and the minutes shown.
    left_on: float
    left_on_minutes: Curve
    #: Drop-off before pick-up; not seen in the fitted month, known from other months of the TLC.
    negative: float
    #: Pick-up outside the month: share, and among these the share of clocks reset to `reset_year`.
    stray: float
    stray_reset: float
    reset_year: int
    #: A refund repeats the record with negative amounts.
    refund: float
    #: Ride from, and to, outside the city (265); its metered miles.
    from_outside: float
    to_outside: float
    outside_miles: Curve


@dataclass(frozen=True)
class Tariff:
    """What a ride costs, in dollars."""

    flag_fall: float
    per_mile: float
    per_minute: float
    #: Fares are a multiple of this.
    step: float
    #: Spread of the logarithm of the fare about the tariff.
    spread: float
    #: Share of rides with a tip; part of the fare, and flat amount.
    tipped: float
    tip_rate: float
    tip_flat: float
    #: Toll, and the share of rides between boroughs that pay it.
    toll: float
    tolled: float
    #: Flat fee in `extra`, and the share of rides that pay it.
    fee: float
    fee_share: float


@dataclass(frozen=True)
class Terminal:
    """What the terminal in a cab writes besides times, zones, miles and dollars."""

    #: Relative weights of 0, 1, 2 ... passengers, and of the payment types 1 (card), 2 (cash), 3, 4, 5.
    passengers: Vector
    payments: Vector
    #: Share of records held in memory before sending.
    stored: float
    #: Share of rides at a negotiated price.
    negotiated: float


@dataclass(frozen=True)
class Fleet:
    """One way of getting a green taxi."""

    demand: Demand
    flow: Flow
    detour: Detour
    pace: Pace
    faults: Faults
    tariff: Tariff
    #: None for dispatched rides: their passenger, payment and rate columns are NULL, their times whole minutes.
    terminal: Terminal | None
    #: Share of rides recorded by vendor 1.
    first_vendor: float


@dataclass(frozen=True)
class Traffic:
    """What the streets do to every ride, as factors on speed."""

    #: Rides from Manhattan and from elsewhere, each on working days and at weekends: 4 rows x 24 hours.
    hours: Matrix
    #: 263 zones: factor of the ground at either end (a ride takes the geometric mean of its two).
    zones: Vector
    #: Boroughs x boroughs (`City.boroughs`, from x to): factor of the bridges and highways between them.
    roads: Matrix
    #: Spread of the logarithm of a zone pair's lasting speed, and of its lasting detour.
    pair_speed: float
    pair_detour: float


@dataclass(frozen=True)
class City:
    """A *simulated* New York for green taxis."""

    #: The month whose marginals the knobs were estimated from.
    fitted_to: str
    #: Seed of the zone pairs' lasting character (popularity, speed, detour): the same in all months.
    character: int
    #: Upper ends (miles) of the bands of centroid distance, after the band of rides within a zone.
    bands: Vector
    boroughs: tuple[str, ...]
    #: Radius within which rides start and end about a zone's centroid, as a part of the disc of the zone's area.
    kerb_reach: float
    #: Dollars for a hailed ride that touches Manhattan south of 96th Street.
    congestion: float
    traffic: Traffic
    hailed: Fleet
    dispatched: Fleet


@cache
def default_city() -> City:
    """The city whose fitted knobs ship with the package."""
    from pydantic import TypeAdapter

    knobs = (files(__package__) / "simulated_city.json").read_bytes()
    return TypeAdapter(City).validate_json(knobs, strict=True)
