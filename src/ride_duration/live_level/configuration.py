"""What `level` in the parameters says, checked, for programs that know nothing of training."""

from __future__ import annotations

from typing import Any

import msgspec

from ride_duration.errors import ConfigurationError
from ride_duration.level import LevelRules, find_half_life
from ride_duration.struct_settings import convert_settings

_HOUR = 3600.0


class HalfLifeSettings(msgspec.Struct, frozen=True):
    """Hours after which a ride counts half, for labels that are known an hour and a day after the drop-off."""

    at_an_hour: float
    at_a_day: float


class LevelSettings(msgspec.Struct, frozen=True):
    """How the level is computed; `conf/base/parameters_level.yml` has the reason of each number.

    Attributes:
        half_life_hours: By the delay of the labels.
        pseudo_rides: Rides of factor 1 that are added.
        lowest: Least factor.
        highest: Largest factor.
        largest_change: Share by which the factor changes in a quarter of an hour at most.
        guard_hours: Length of the window that is compared with the factor.
        guard_rides: The window reaches further back until it has so many rides.
        guard_longest_hours: How far it reaches back at most.
        guard_distance: Share of the factor beyond which a window freezes it.
    """

    half_life_hours: HalfLifeSettings
    pseudo_rides: float
    lowest: float
    highest: float
    largest_change: float
    guard_hours: float
    guard_rides: int
    guard_longest_hours: float
    guard_distance: float

    def find_half_life(self, delay_hours: float) -> float:
        """Return the half-life (seconds) for labels that are known so long after the drop-off."""
        half_lives = self.half_life_hours
        return _HOUR * find_half_life(_HOUR * delay_hours, half_lives.at_an_hour, half_lives.at_a_day)

    def make_rules(self, half_life: float) -> LevelRules:
        """Return the rules for a half-life (seconds).

        Raises:
            ValueError: A number cannot be used.
        """
        return LevelRules(
            half_life=half_life,
            pseudo_rides=self.pseudo_rides,
            lowest=self.lowest,
            highest=self.highest,
            largest_change=self.largest_change,
            window=_HOUR * self.guard_hours,
            window_rides=self.guard_rides,
            longest_window=_HOUR * self.guard_longest_hours,
            largest_distance=self.guard_distance,
        )


def parse_level(given: dict[str, Any] | None) -> LevelSettings:
    """Return the settings of the level; entries of other subjects below `level` are left to those.

    Raises:
        ConfigurationError: A value is missing or cannot be used; names it.
    """
    failure = "the live level cannot be computed"
    settings = convert_settings(given or {}, LevelSettings, "level", failure)
    try:
        settings.make_rules(settings.find_half_life(24.0))
    except (ValueError, ArithmeticError) as error:
        raise ConfigurationError(f"{failure}: {error}; conf/base/parameters_level.yml says what is usual") from None
    return settings
