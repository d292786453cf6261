"""The live level of months that are replayed: its parameters, and the rides that it learns from."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from ride_duration.level import (
    EndedRides,
    LevelRules,
    LevelTrace,
    MarginRules,
    StepSums,
    find_half_life,
    replay,
    sum_steps,
)
from ride_duration.model_package.intervals import Calibration
from ride_duration.pipelines.parameters import Parameters, TripSource
from ride_duration.trips.clock import find_instants, find_midnight
from ride_duration.trips.records import DURATION

_HOUR, _DAY = 3_600, 86_400


class HalfLives(Parameters):
    """Hours after which a ride counts half.

    Attributes:
        at_an_hour: Where durations are known an hour after the drop-off.
        at_a_day: Where they are known a day after it.
    """

    at_an_hour: float = Field(gt=0, le=10_000)
    at_a_day: float = Field(gt=0, le=10_000)


class IntervalLimits(Parameters):
    """How the margins of intervals are computed; `conf/base/parameters_level.yml` has the reason of each number.

    Attributes:
        window_days: They are those of the rides that became known in so many days.
        refresh_hours: They are computed every so many hours.
        least_rides: A bucket with fewer rides takes the margin of all together, and all together with fewer none.
        pseudo_days: So many days of rides with a margin of 0 are added.
    """

    window_days: int = Field(ge=1, le=90)
    refresh_hours: int = Field(ge=1, le=24)
    least_rides: int = Field(ge=20)
    pseudo_days: int = Field(ge=0, le=365)

    def make_rules(self, calibration: Calibration) -> MarginRules:
        """Return the rules for intervals that a package calibrates so."""
        return MarginRules(
            coverage=calibration.coverage,
            buckets=len(calibration.edges) + 2,
            window=_DAY * self.window_days,
            refresh=_HOUR * self.refresh_hours,
            least_rides=self.least_rides,
            pseudo=_DAY * self.pseudo_days,
        )


class LevelLimits(Parameters):
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
        intervals: How intervals are calibrated again.
    """

    half_life_hours: HalfLives
    pseudo_rides: float = Field(gt=0, allow_inf_nan=False)
    lowest: float = Field(gt=0, le=1)
    highest: float = Field(ge=1, le=10)
    largest_change: float = Field(gt=0, lt=1)
    guard_hours: float = Field(ge=0.25, le=48)
    guard_rides: int = Field(ge=1)
    guard_longest_hours: float = Field(ge=0.25, le=240)
    guard_distance: float = Field(gt=0, allow_inf_nan=False)
    intervals: IntervalLimits

    def make_rules(self, delay_hours: float) -> LevelRules:
        """Return the rules for labels that are known so long after the drop-off."""
        half_lives = self.half_life_hours
        return LevelRules(
            half_life=_HOUR * find_half_life(_HOUR * delay_hours, half_lives.at_an_hour, half_lives.at_a_day),
            pseudo_rides=self.pseudo_rides,
            lowest=self.lowest,
            highest=self.highest,
            largest_change=self.largest_change,
            window=_HOUR * self.guard_hours,
            window_rides=self.guard_rides,
            longest_window=_HOUR * self.guard_longest_hours,
            largest_distance=self.guard_distance,
        )


class LevelledTrips(TripSource):
    """Trips whose predictions may be corrected by the level.

    Attributes:
        score_level: `off`, or `as_of`: the level as it was known at each pick-up.
        label_delay_hours: Hours from the drop-off to the label.
        level: How the level is computed; not needed where it is off.
    """

    score_level: Literal["off", "as_of"] = "off"
    label_delay_hours: float = Field(default=24.0, ge=0, le=2_400)
    level: LevelLimits | None = None

    @field_validator("score_level", mode="before")
    @classmethod
    def _off_as_text(cls, value: Any) -> Any:
        return "off" if value is False else value  # as YAML reads off without quotation marks

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if self.level and self.level.guard_longest_hours < self.level.guard_hours:
            problems.append("level.guard_longest_hours is less than guard_hours; name a longer time, or the same")
        if self.level and 24 * self.level.intervals.window_days % self.level.intervals.refresh_hours:
            problems.append(
                "level.intervals.refresh_hours does not divide window_days; name 1, 2, 3, 4, 6, 8, 12 or 24"
            )
        if self.score_level != "off" and not self.level:
            problems.append("score_level is as_of, but level is missing; conf/base/parameters_level.yml has it")
        return problems

    @property
    def level_rules(self) -> LevelRules | None:
        """What the level is computed by; None where it is off."""
        return self.level.make_rules(self.label_delay_hours) if self.level and self.score_level != "off" else None


def sum_known_rides(
    wall_clock: NDArray[np.datetime64],
    actual: NDArray[np.float64],
    predicted: NDArray[np.float64],
    month: str,
    delay_hours: float,
) -> StepSums:
    """Sum the rides of a month up by when their durations became known.

    Args:
        wall_clock: Their pick-ups (n,), New York wall clock.
        actual: Minutes (n,); rides out of `records.DURATION` have no label.
        predicted: Minutes (n,), uncorrected.
        month: Rides that were picked up in another one are left out, as monitoring leaves them out.
        delay_hours: From the drop-off to the label.
    """
    chosen, known_at = find_known_rides(wall_clock, actual, month, delay_hours)
    is_answered = np.isfinite(predicted[chosen])
    answered = chosen[is_answered]
    return sum_steps(EndedRides(known_at[is_answered], actual[answered], np.clip(predicted[answered], *DURATION)))


def find_known_rides(
    wall_clock: NDArray[np.datetime64], actual: NDArray[np.float64], month: str, delay_hours: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the places (k,) of rides of a month with a label, and the instants (k,) at which it became known.

    The arguments are those of `sum_known_rides`.
    """
    has_label = (actual >= DURATION[0]) & (actual <= DURATION[1])
    chosen = np.flatnonzero(has_label & (wall_clock.astype("datetime64[M]") == np.datetime64(month, "M")))
    return chosen, find_instants(wall_clock[chosen], later=True) + 60 * actual[chosen] + _HOUR * delay_hours


def replay_until_end(sums: StepSums, month: str, rules: LevelRules) -> LevelTrace:
    """Compute the level from the first ride to the end of a month."""
    return replay(sums, find_end(month), rules)


def find_end(month: str) -> float:
    """Return the instant at which a month (`YYYY-MM`) ends, New York time."""
    return find_midnight(f"{np.datetime64(month, 'M') + 1}-01")


def find_factors_of(trace: LevelTrace, wall_clock: NDArray[np.datetime64], month: str) -> NDArray[np.float64]:
    """Return what predictions at pick-ups (n,), New York wall clock, are multiplied by: 1 outside of the month."""
    factors = np.ones(len(wall_clock))
    within = wall_clock.astype("datetime64[M]") == np.datetime64(month, "M")
    factors[within] = trace.find_factors(find_instants(wall_clock[within]))
    return factors
