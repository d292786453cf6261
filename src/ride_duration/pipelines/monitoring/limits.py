"""Where each finding of the monitoring begins; `conf/base/parameters_monitoring.yml` has the reason of each number."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from ride_duration.model_package.reference import ANSWERS
from ride_duration.pipelines.parameters import Parameters
from ride_duration.trips.features import FEATURES


class CusumLimits(Parameters):
    """Where the daily log level counts as moved, see `stats.change`.

    Attributes:
        clip: Most that one day adds.
        allowance: What each day may deviate.
        limit: Where the alarm begins.
    """

    clip: float = Field(gt=0, allow_inf_nan=False)
    allowance: float = Field(ge=0, allow_inf_nan=False)
    limit: float = Field(gt=0, allow_inf_nan=False)


class Thresholds(Parameters):
    """Where each finding begins; `conf/base/parameters_monitoring.yml` has the reason of each.

    Attributes:
        window_days: Length of the windows that are compared with the thresholds.
        windows: How many of them, one after the other, must be beyond.
        log_level: Largest deviation of log(Σ actual / Σ predicted).
        error_ratio: Largest realised error, as a share of the expected one.
        error_ratio_lower: What its lower day bound must be above.
        min_days: Days with labels that a verdict needs.
        min_rides: Rides with labels that a verdict needs.
        min_rides_of_a_day: A day with fewer labelled rides does not count as a day.
        min_gain: Share of the RMSE that retraining must be expected to save.
        incident_level: Largest relative deviation of a day's level from the median of the days before.
        incident_days_before: How many labelled days that median is of.
        incident_share: Share of the days of a window above which it is an incident as a whole.
        cusum: Where the daily level counts as moved.
    """

    window_days: int = Field(ge=7, le=90)
    windows: int = Field(ge=1, le=10)
    log_level: float = Field(gt=0, lt=1)
    error_ratio: float = Field(gt=1)
    error_ratio_lower: float = Field(ge=1)
    min_days: int = Field(ge=1)
    min_rides: int = Field(ge=1)
    min_rides_of_a_day: int = Field(ge=1)
    min_gain: float = Field(ge=0, lt=1)
    incident_level: float = Field(gt=0)
    incident_days_before: int = Field(ge=7)
    incident_share: float = Field(gt=0, le=1)
    cusum: CusumLimits


class IncidentLimits(Parameters):
    """Where an incident begins, beside the level of a day (`Thresholds.incident_level`).

    Attributes:
        group_level: Largest relative deviation of a group's level from the rest, against its usual difference.
        min_rides_of_a_group: A group with fewer labelled rides a day is not compared.
        times_usual: How often the usual share, or silence, may be exceeded.
        least_doubled: Share of repeated records that is never an incident.
        least_out_of_range: Share of records out of range that is never an incident.
        least_missing: Share of records without a zone, or a distance, that is never an incident.
        least_silent_hours: Whole hours without a record at which a silence may be an incident.
        least_unreported: Share of rides without a report that is never an incident.
        history_days: So many days before a window of the log are read, too: what has lasted longer is forgotten.
        history_months: The same of scored months.
    """

    group_level: float = Field(gt=0)
    min_rides_of_a_group: int = Field(ge=1)
    times_usual: float = Field(gt=1)
    least_doubled: float = Field(ge=0, lt=1)
    least_out_of_range: float = Field(ge=0, lt=1)
    least_missing: float = Field(gt=0, lt=1)
    least_silent_hours: int = Field(ge=1, le=24)
    least_unreported: float = Field(gt=0, lt=1)
    history_days: int = Field(ge=28, le=3_660)
    history_months: int = Field(ge=1, le=24)


class DriftLimits(Parameters):
    """When the rides of a window count as other rides than the reference's, see `stats.drift`.

    Attributes:
        window_days: Length of the windows; whole weeks, so that calendar features can be compared.
        windows: How many of them, up to the last day, are looked at.
        of_them: In how many a feature must differ.
        draws: How often days of the reference are drawn again.
        alpha: Largest adjusted p-value.
        psi: Smallest PSI that matters.
        missing: Smallest rise of the share of missing values that is named as such.
    """

    window_days: int = Field(ge=7, multiple_of=7)
    windows: int = Field(ge=1)
    of_them: int = Field(ge=1)
    draws: int = Field(le=100_000)
    alpha: float = Field(gt=0, lt=1)
    psi: float = Field(gt=0)
    missing: float = Field(gt=0, lt=1)

    @property
    def rule(self) -> str:
        """In how many windows a feature must differ, in words."""
        windows = "weeks" if self.window_days == 7 else f"windows of {self.window_days} days"
        return f"{self.of_them} of the last {self.windows} {windows}"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.of_them > self.windows:
            raise ValueError(f"of_them is {self.of_them}, and there are {self.windows} windows")
        needed = int(np.ceil((len(FEATURES) + len(ANSWERS)) / self.alpha))
        if self.draws < needed:
            raise ValueError(f"draws is {self.draws}: no p-value can be below {self.alpha:g} with fewer than {needed}")
        return self


class SkewLimits(Parameters):
    """When the service does not answer as the package does that it serves.

    Attributes:
        rides_of_a_day: Logged answers of a day that are scored again.
        minutes: Largest difference that is none.
    """

    rides_of_a_day: int = Field(ge=1, le=10_000)
    minutes: float = Field(gt=0, lt=1)


class LogLimits(Parameters):
    """How the log is read, and when enough is known of a day.

    Attributes:
        rows: Rides that are read at a time.
        rides_of_a_day: Rides of a day whose values are compared, and that are answered again with the metered distance.
        usual_days: How many of the last final days say which share of the rides is usually reported.
        usual_share: What part of that share makes a day labelled.
        final_quantile: Quantile of the label delay after which a day is final.
        coverage_difference: By how much a group's labelled share must differ from that of all rides to be named.
    """

    rows: int = Field(ge=1_000, le=2_000_000)
    rides_of_a_day: int = Field(ge=100, le=100_000)
    usual_days: int = Field(ge=1, le=366)
    usual_share: float = Field(gt=0, le=1)
    final_quantile: float = Field(gt=0.5, lt=1)
    coverage_difference: float = Field(gt=0, lt=1)
