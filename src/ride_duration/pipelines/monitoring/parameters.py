"""Typed parameters of the monitoring: which window is looked at, of what, and since when."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from ride_duration.pipelines.monitoring.limits import DriftLimits, IncidentLimits, LogLimits, SkewLimits, Thresholds
from ride_duration.pipelines.parameters import FIRST_MONTH, Parameters, TripSource, month_problems
from ride_duration.trips.clock import find_day
from ride_duration.trips.months import parse_months

#: What Kedro uses where no environment is named (`settings.py`).
DEFAULT_ENVIRONMENT = "local"


class Monitoring(TripSource):
    """What is looked at, and where each finding begins.

    Attributes:
        window: Months that were scored, as `parse_months` reads them; or days of what the service logged, as `last_28d`
            or `2021-03-01..2021-03-28`.
        official_window: The window whose verdicts the page, metrics and alerts of the service follow.
        report_folder: Where the verdict and its report go, below the project.
        monitored_moment: Which answers are evaluated: `at_request_time`, as users get them, or `with_distance`.
        log_limits: How the log is read, and when enough is known of a day.
        verdict_thresholds: Of the verdict.
        incident_limits: Of incidents.
        skew_limits: Of answers that are scored again.
        drift_limits: Of other rides.
    """

    window: str
    official_window: str = "last_28d"
    report_folder: str = "data/08_reporting"
    monitored_moment: Literal["at_request_time", "with_distance"]
    log_limits: LogLimits
    verdict_thresholds: Thresholds
    incident_limits: IncidentLimits
    skew_limits: SkewLimits
    drift_limits: DriftLimits

    @field_validator("window", mode="before")
    @classmethod
    def _window_as_text(cls, value: Any) -> str:
        return "" if value is None else str(value)

    def _problems(self) -> list[str]:
        problems = [*super()._problems(), *(f"window: {problem}" for problem in _find_window_problems(self.window))]
        if not _LAST_DAYS.fullmatch(self.official_window):
            problems.append(f"official_window: '{self.official_window}' does not end with today; write last_28d")
        return problems

    @property
    def report(self) -> str:
        """The page about the verdict, below the project."""
        return f"{self.report_folder}/monitoring_report.html"

    @property
    def is_of_log(self) -> bool:
        """Whether answers that the service logged are evaluated, and not scored months."""
        return bool(_LAST_DAYS.fullmatch(self.window) or _DAYS.fullmatch(self.window))

    def resolve(self, today: np.datetime64) -> Monitoring:
        """Return the same with the days that `last_28d` and the like mean: those before today."""
        match = _LAST_DAYS.fullmatch(self.window)
        if not match:
            return self
        first = today - np.timedelta64(int(match[1]), "D")
        return self.model_copy(update={"window": f"{first}..{today - np.timedelta64(1, 'D')}"})

    @staticmethod
    def find_changed(given: Collection[str]) -> list[str]:
        """Return the names of the parameters given for one run that say how a verdict is found, and not of what."""
        return sorted(set(given) & (set(Monitoring.model_fields) - _CHOOSE_WHAT))

    def find_why_exploratory(self, given: Collection[str], *, is_logging: bool) -> str:
        """Say why a verdict about this window is not what the page, metrics and alerts follow; empty if it is.

        Args:
            given: Names of the parameters that are given for this run alone.
            is_logging: Whether the service has logged anything: then months that were scored are looked at besides.
        """
        if changed := self.find_changed(given):
            return f"{', '.join(changed)} given for this run alone"
        if self.is_of_log:
            return "" if self.window == self.official_window else f"its window is not {self.official_window}"
        return "the service logs answers, and these are scored months" if is_logging else ""

    @property
    def months(self) -> tuple[str, ...]:
        """The scored months of the window, in the order of time; none for the log."""
        return () if self.is_of_log else parse_months(self.window)

    @property
    def months_before(self) -> tuple[str, ...]:
        """The months before the scored months, in the order of time: what is usual for them."""
        number = self.incident_limits.history_months
        return tuple(str(np.datetime64(self.months[0], "M") - back) for back in range(number, 0, -1))

    @property
    def months_of_the_year_before(self) -> tuple[str, ...]:
        """The scored months of the window, a year before."""
        return tuple(str(np.datetime64(month, "M") - 12) for month in self.months)

    @property
    def first_day(self) -> str:
        """The first day of the window."""
        return self._days[0] if self.is_of_log else f"{self.months[0]}-01"

    @property
    def last_day(self) -> str:
        """The last day of the window."""
        return self._days[1] if self.is_of_log else _find_last_day(self.months[-1])

    @property
    def day_before(self) -> str:
        """The first of the days before the window that say what is usual for it."""
        if not self.is_of_log:
            return f"{self.months_before[0]}-01"
        return str(np.datetime64(self.first_day) - np.timedelta64(self.incident_limits.history_days, "D"))

    @property
    def compared_days(self) -> NDArray[np.datetime64]:
        """The days (n,) whose rides are compared with the reference, up to the last one, in whole windows."""
        number = (self.drift_limits.windows + 1) * self.drift_limits.window_days
        days: NDArray[np.datetime64] = np.datetime64(self.last_day) - np.arange(number)[::-1]
        return days

    @property
    def year_before(self) -> tuple[str, str]:
        """The first and the last day of the same window a year before, of the log on the same weekdays."""
        if self.is_of_log:
            year = np.timedelta64(364, "D")
            return str(np.datetime64(self.first_day) - year), str(np.datetime64(self.last_day) - year)
        months = self.months_of_the_year_before
        return f"{months[0]}-01", _find_last_day(months[-1])

    @property
    def _days(self) -> tuple[str, str]:
        match = _DAYS.fullmatch(self.window)
        if not match:
            raise ValueError(f"{self.window} has no days before it is resolved")
        return match[1], match[2] or match[1]


class Monitored(Monitoring):
    """What one run looks at: everything that depends on the time, or on the store, is found once.

    Attributes:
        now: On the store's clock (seconds since 1970-01-01 UTC).
        why_exploratory: Why the page, metrics and alerts do not follow the verdict; empty: they do.
        is_what_if: Whether anything but the window is given for this run alone.
        environment: Whose configuration is used.
        marked: Days that people have marked as incidents, who, and why.
    """

    now: float
    why_exploratory: str = ""
    is_what_if: bool = False
    environment: str = DEFAULT_ENVIRONMENT
    marked: tuple[tuple[str, str, str], ...] = ()

    @property
    def last_day(self) -> str:
        """The last day of the window that is over."""
        return min(super().last_day, self.yesterday)

    @property
    def env_option(self) -> str:
        """The option that names the same environment in another command, with a space before it."""
        return "" if self.environment == DEFAULT_ENVIRONMENT else f" --env {self.environment}"

    @property
    def marked_days(self) -> NDArray[np.datetime64]:
        """The days that people have marked."""
        return np.array([day for day, _, _ in self.marked], dtype="datetime64[D]")

    @property
    def days_to_come(self) -> tuple[str, str] | None:
        """The first and the last day of the window that are not over; None if all are."""
        asked = super().last_day
        if asked <= self.yesterday:
            return None
        return max(self.first_day, str(np.datetime64(self.yesterday) + 1)), asked

    @property
    def yesterday(self) -> str:
        """The last day that is over in New York."""
        return str(np.datetime64(find_day(self.now)) - 1)


#: Parameters that say of what the verdict is, and not how it is found.
_CHOOSE_WHAT = {"window", "official_window", "report_folder", "source", "sources", "taxi_type"}

#: The whole days before today, and days from the first to the last, of what the service logged.
_LAST_DAYS = re.compile(r"last_([1-9][0-9]{0,2})d")
_DAYS = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.\.([0-9]{4}-[0-9]{2}-[0-9]{2}))?")


def _find_window_problems(window: str) -> list[str]:
    if _LAST_DAYS.fullmatch(window):
        return []
    if match := _DAYS.fullmatch(window):
        try:
            first, last = np.datetime64(match[1], "D"), np.datetime64(match[2] or match[1], "D")
        except ValueError:
            return [f"'{window}' names a day that is not in the calendar"]
        if last < first:
            return [f"'{window}' ends before it begins"]
        early = str(first)[:7] < FIRST_MONTH
        return [f"'{window}' begins before {FIRST_MONTH}, the first month that the TLC has published"] if early else []
    return [
        f"{problem}; of what the service logged, write last_28d, or days as 2021-03-01..2021-03-28"
        for problem in month_problems(window)
    ]


def _find_last_day(month: str) -> str:
    return str((np.datetime64(month, "M") + 1).astype("datetime64[D]") - 1)


#: Groups of single parameters that are checked, and given to nodes, together: each takes the fields of its type.
GROUPS: dict[str, type[Parameters]] = {"monitoring": Monitoring}
