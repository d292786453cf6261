"""What is played: kept beside the clock, so that a simulation that was interrupted goes on as it began."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ride_duration.atomic import replaced_whole
from ride_duration.errors import ConfigurationError
from ride_duration.trips.clock import find_midnight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ride_duration.trips.simulation import City, DayOfRides
    from ride_duration.trips.simulation.city import Fleet

#: The scenario without any trouble.
QUIET = "none"

_DAY = 86_400.0
_UNITS = {"m": 60.0, "h": 3_600.0, "d": _DAY}


class Trouble(msgspec.Struct, frozen=True):
    """A scenario of the city, in days from the first one: see `trips.simulation.scenarios`."""

    start: int
    end: int | None
    strength: float


class Days(msgspec.Struct, frozen=True):
    """What the rides of a day, and of a month, have in common: see `trips.simulation.effects`."""

    day_spread: float
    day_correlation: float
    month_spread: float


class PlaybackPlan(msgspec.Struct, frozen=True):
    """What is played.

    Attributes:
        start: The first New York day, for instance 2021-03-01.
        days: How many.
        scenario: Name of the trouble; `none` for quiet days.
        trouble: What it is; None for quiet days.
        effects: What rides of a day have in common.
        seed: Of the city.
        rides_per_day: About how many; None for as many as the city has.
        label_delay: Seconds from a drop-off to the report of the actual duration.
        unreported: Share of the rides that are never reported.
        step: Seconds of the simulated clock between two requests.
    """

    start: str
    days: int
    scenario: str
    trouble: Trouble | None
    effects: Days
    seed: int
    rides_per_day: int | None
    label_delay: float
    unreported: float
    step: float

    @property
    def begins_at(self) -> float:
        """Midnight at which the first day begins (seconds since 1970-01-01 UTC)."""
        return find_midnight(self.start)

    @property
    def ends_at(self) -> float:
        """The last second in which reports about the last day are due; rides are asked about until then."""
        return find_midnight(self.start, self.days) + self.label_delay - 1.0

    @property
    def last_day(self) -> str:
        """The last day that is played and reported."""
        return f"{datetime.fromisoformat(self.start) + timedelta(days=self.days - 1):%Y-%m-%d}"

    def simulate(self) -> Iterator[DayOfRides]:
        """Yield the rides of each day, also of those on which the last ones are reported; reads no clock."""
        import numpy as np

        from ride_duration.trips.simulation import CommonEffects, Scenario, default_city, simulate_days

        first, trouble = np.datetime64(self.start, "D"), self.trouble
        scenario = None
        if trouble is not None:
            scenario = Scenario.begin_at(first, self.scenario, trouble.start, trouble.end, trouble.strength)
        effects = CommonEffects(**msgspec.structs.asdict(self.effects))
        more = int(-(-self.label_delay // _DAY))
        city = _resize(default_city(), self.rides_per_day)
        return simulate_days(first, self.days + more, city, self.seed, effects, scenario)


def _resize(city: City, rides_per_day: int | None) -> City:
    """Return the city with another number of rides, the mix of which stays the same."""
    if rides_per_day is None:
        return city
    present = sum(sum(map(sum, fleet.demand.rides)) for fleet in (city.hailed, city.dispatched)) / 7

    def resize(fleet: Fleet) -> Fleet:
        rides = tuple(tuple(rides_per_day / present * hour for hour in day) for day in fleet.demand.rides)
        return replace(fleet, demand=replace(fleet.demand, rides=rides))

    return replace(city, hailed=resize(city.hailed), dispatched=resize(city.dispatched))


def parse_delay(text: str) -> float:
    """Return the seconds of a time such as 24h, 90m or 2d.

    Raises:
        ConfigurationError: It is none.
    """
    found = re.fullmatch(r"(\d{1,5}(?:\.\d{1,3})?)([mhd])", text.strip())
    if not found or float(found[1]) * _UNITS[found[2]] > 60 * _DAY:
        raise ConfigurationError(f"'{text}' is not a delay of at most 60 days; write 24h, 90m or 2d")
    return float(found[1]) * _UNITS[found[2]]


def read_plan(path: Path) -> PlaybackPlan | None:
    """Return the plan of the simulation that is there; None if there is none.

    Raises:
        ConfigurationError: The file is damaged.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=PlaybackPlan)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"{path} is damaged ({error}); `kedro service simulate --fresh` begins again"
        ) from error


def write_plan(path: Path, plan: PlaybackPlan) -> None:
    """Keep a plan, whole or not at all."""
    with replaced_whole(path) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(plan)) + b"\n")
