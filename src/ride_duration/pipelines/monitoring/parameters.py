"""Typed parameters of the monitoring: which window is looked at, and where each finding begins."""

from __future__ import annotations

from pydantic import Field

from ride_duration.pipelines.parameters import Parameters


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
