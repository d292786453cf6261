"""Trouble in the synthetic city: what changes on some days, to the rides or to their records.

| kind | what happens | strength |
|---|---|---|
| speed_limit | all rides take longer from one day to the next | by this part |
| winter | all rides take longer, a little more every day of the first fortnight | by this part |
| demand_shift | more rides begin outside Manhattan | weight of those zones is 1 + this |
| new_zone | a zone without rides opens: rides go there | this share of them |
| broken_meter | meters of the cabs of one borough run fast | by this part |
| doubled_records | records arrive twice | this share of them |
| silent_source | records do not arrive | this share of them |
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ride_duration.errors import RideDurationError
from ride_duration.trips.simulation.ground import MANHATTAN, Floats, Integers, draw_columns, ground

if TYPE_CHECKING:
    from ride_duration.trips.simulation.city import Fleet

#: Days that winter takes to set in.
_SETTING_IN = 14
#: Willets Point in Queens, as a zone index: hardly a ride begins or ends there.
NEW_ZONE = 252
#: Where meters break.
BROKEN_BOROUGH = "Brooklyn"
#: Stream of random numbers beside those of the rides, so that the rides of other days stay the same.
_STREAM = 103


class Kind(StrEnum):
    """What happens."""

    SPEED_LIMIT = "speed_limit"
    WINTER = "winter"
    DEMAND_SHIFT = "demand_shift"
    NEW_ZONE = "new_zone"
    BROKEN_METER = "broken_meter"
    DOUBLED_RECORDS = "doubled_records"
    SILENT_SOURCE = "silent_source"


@dataclass(frozen=True)
class Scenario:
    """A kind of trouble from one day on until another.

    Attributes:
        kind: What happens.
        first: First day of it, datetime64[D].
        end: First day after it; None where it lasts.
        strength: How much, see the table of the module.
    """

    kind: Kind
    first: np.datetime64
    end: np.datetime64 | None
    strength: float

    @classmethod
    def begin_at(cls, origin: np.datetime64, kind: str, start: int, end: int | None, strength: float) -> Self:
        """Place a configured scenario in time.

        Args:
            origin: The first day that is looked at.
            kind: Its name.
            start: Days from `origin` to the first day of trouble.
            end: Days from `origin` to the first day after it; None where it lasts.
            strength: How much.
        """
        day = origin.astype("datetime64[D]")
        until = None if end is None else day + np.timedelta64(end, "D")
        return cls(find_kind(kind), day + np.timedelta64(start, "D"), until, strength)

    def covers(self, days: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """Return on which days (n,) it is at work."""
        covered: NDArray[np.bool_] = days >= self.first
        return covered if self.end is None else covered & (days < self.end)

    def slow_down(self, days: NDArray[np.datetime64]) -> Floats:
        """Return what it adds to the logarithm of the durations of each day (n,)."""
        if self.kind not in (Kind.SPEED_LIMIT, Kind.WINTER):
            return np.zeros(len(days))
        since = (days - self.first).astype("timedelta64[D]").astype(np.float64)
        share = np.clip((since + 1) / _SETTING_IN, 0.0, 1.0) if self.kind == Kind.WINTER else np.ones(len(days))
        return np.where(self.covers(days), np.log1p(self.strength * share), 0.0)


def make_generator(scenario: Scenario | None, seed: int, *numbers: int) -> np.random.Generator:
    """Return the source of random numbers for one part of the work, which leaves the draws of the rides as they are."""
    kind = list(Kind).index(scenario.kind) if scenario else len(Kind)
    return np.random.default_rng(np.random.SeedSequence([seed, _STREAM, kind, *numbers]))


def find_kind(name: str) -> Kind:
    """Return the kind of that name.

    Raises:
        RideDurationError: There is none.
    """
    if name not in {kind.value for kind in Kind}:
        raise RideDurationError(f"unknown scenario '{name}'; choose one of {', '.join(Kind)}")
    return Kind(name)


def move_origins(
    origin: Integers, part: Integers, day: NDArray[np.datetime64], fleet: "Fleet", scenario: Scenario | None,
    rng: np.random.Generator,
) -> Integers:  # fmt: skip
    """Let more rides begin outside Manhattan on the days of a demand shift.

    Args:
        origin: Zone indices (n,).
        part: Part of the day of each ride (n,), a row of `Demand.pickups`.
        day: Day of each ride (n,).
        fleet: Whose demand it is.
        scenario: Of kind `DEMAND_SHIFT`; others move nothing.
        rng: Source of the draws.
    """
    if scenario is None or scenario.kind != Kind.DEMAND_SHIFT:
        return origin
    rows = np.flatnonzero(scenario.covers(day))
    weights = np.array(fleet.demand.pickups) * weigh_origins(ground().borough, scenario.strength)
    moved = origin.copy()
    moved[rows] = draw_columns(weights, part[rows], rng)
    return moved


def weigh_origins(borough: NDArray[np.str_], strength: float) -> Floats:
    """Return how many times as likely rides begin in zones of these boroughs (n,) once demand has shifted."""
    return np.where(borough == MANHATTAN, 1.0, 1.0 + strength)


def open_zone(
    destination: Integers, day: NDArray[np.datetime64], scenario: Scenario | None, rng: np.random.Generator
) -> Integers:
    """Send a share of the rides to the new zone, on the days of it.

    Args:
        destination: Zone indices (n,).
        day: Day of each ride (n,).
        scenario: Of kind `NEW_ZONE`; others change nothing.
        rng: Source of the draws.
    """
    if scenario is None or scenario.kind != Kind.NEW_ZONE:
        return destination
    sent = scenario.covers(day) & (rng.random(len(day)) < scenario.strength)
    return np.where(sent, NEW_ZONE, destination)


def count_records(day: NDArray[np.datetime64], scenario: Scenario | None, rng: np.random.Generator) -> Integers:
    """Return how often each record (n,) arrives: once, twice where records are doubled, or never.

    Args:
        day: Day of each record (n,).
        scenario: Of kind `DOUBLED_RECORDS` or `SILENT_SOURCE`; with others each arrives once.
        rng: Source of the draws.
    """
    times = np.ones(len(day), dtype=np.int64)
    if scenario is None or scenario.kind not in (Kind.DOUBLED_RECORDS, Kind.SILENT_SOURCE):
        return times
    struck = scenario.covers(day) & (rng.random(len(day)) < scenario.strength)
    return np.where(struck, 2 if scenario.kind == Kind.DOUBLED_RECORDS else 0, times)


def find_broken_meters(
    borough: NDArray[np.str_], day: NDArray[np.datetime64], scenario: Scenario | None
) -> NDArray[np.bool_]:
    """Return which rides (n,) are recorded by a broken meter.

    Args:
        borough: Of the pick-up (n,).
        day: Day of each ride (n,).
        scenario: Of kind `BROKEN_METER`; with others no meter is broken.
    """
    if scenario is None or scenario.kind != Kind.BROKEN_METER:
        return np.zeros(len(day), dtype=bool)
    return np.asarray(scenario.covers(day) & (borough == BROKEN_BOROUGH))
