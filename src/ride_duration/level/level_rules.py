"""How fast the level learns, how far it may go, and what it keeps out."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

#: The level changes at the ends of steps of this length (seconds since 1970-01-01 UTC): a quarter of an hour.
STEP = 900

_HOUR, _DAY = 3600.0, 86_400.0

#: Digits of the decay of a step. Powers may differ in their last digit between mathematical libraries; after rounding
#: only sums, products and quotients remain, which are the same on every machine (IEEE 754).
_DIGITS = 12


@dataclass(frozen=True)
class LevelRules:
    """What the level is computed by.

    Attributes:
        half_life: Seconds after which a ride counts half.
        pseudo_rides: So many rides of factor 1 are added to those that are known.
        lowest: Least factor.
        highest: Largest factor.
        largest_change: By this share the factor may change in a step.
        window: So long (seconds) is what has become known compared with the factor.
        window_rides: The comparison reaches further back, up to `longest_window`, until it has so many rides.
        longest_window: Seconds; fewer rides in it may release the factor, and never freeze it.
        largest_distance: A window that lies further from the factor, as a share of it, freezes it.
    """

    half_life: float
    pseudo_rides: float
    lowest: float
    highest: float
    largest_change: float
    window: float
    window_rides: int
    longest_window: float
    largest_distance: float

    def __post_init__(self) -> None:
        if min(self.half_life, self.pseudo_rides) <= 0:
            raise ValueError("the half-life and the pseudo-rides of the level must be positive")
        if not 0 < self.lowest <= 1 <= self.highest:
            raise ValueError("1 must lie within the bounds of the level")
        if not (0 < self.largest_change < 1 and self.largest_distance > 0):
            raise ValueError("the largest change must lie between 0 and 1, and the largest distance be positive")
        if not (STEP <= self.window <= self.longest_window and self.window_rides > 0):
            raise ValueError("the window must be a step or longer, no longer than the longest one, and have rides")

    @property
    def decay(self) -> float:
        """What is left of a ride's weight after a step."""
        return float(round(0.5 ** (STEP / self.half_life), _DIGITS))

    @property
    def window_steps(self) -> int:
        """Steps of the window."""
        return int(self.window // STEP)

    @property
    def longest_window_steps(self) -> int:
        """Steps of the longest window."""
        return int(self.longest_window // STEP)


def find_half_life(delay: float, at_an_hour: float, at_a_day: float) -> float:
    """Return the half-life for labels that become known so long after the drop-off.

    Between an hour and a day the logarithm of the half-life is interpolated by the logarithm of the delay; outside it
    is what it is at the nearer end.

    Args:
        delay: Seconds from the drop-off to the label.
        at_an_hour: Half-life (any unit) for a delay of an hour.
        at_a_day: Half-life (the same unit) for a delay of a day.
    """
    share = log(min(max(delay, _HOUR), _DAY) / _HOUR) / log(_DAY / _HOUR)
    return float(at_an_hour ** (1 - share) * at_a_day**share)
