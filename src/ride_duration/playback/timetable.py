"""What is sent to the service, and when: rides as they begin, and what really happened some time after they ended."""

from __future__ import annotations

import heapq
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ride_duration.trips.clock import NEW_YORK, find_midnight
from ride_duration.trips.records import DISTANCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ride_duration.playback.plan import PlaybackPlan
    from ride_duration.trips.simulation import DayOfRides

#: Stream of random numbers beside those of the city: which rides are never reported.
_STREAM = 201


class PlayedRide(NamedTuple):
    """A ride that begins.

    Attributes:
        at: Of the pick-up (seconds since 1970-01-01 UTC).
        ride_id: Of the ride.
        body: As `POST /predict/batch` takes it.
        miles: As metered in the end.
    """

    at: float
    ride_id: str
    body: dict[str, Any]
    miles: float


class PlayedReport(NamedTuple):
    """A report of what really happened; tuples sort by when they are due.

    Attributes:
        at: When it is due (seconds since 1970-01-01 UTC).
        ride_id: Of the ride.
        number: Of the record, among those of its ride.
        body: As `POST /actuals` takes it.
    """

    at: float
    ride_id: str
    number: int
    body: dict[str, Any]


class Due(NamedTuple):
    """What falls due."""

    rides: list[PlayedRide]
    reports: list[PlayedReport]


class Timetable:
    """Hands out rides and reports in the order of time; only days that have begun are in memory.

    Args:
        plan: What is played.
        days: The rides, in the order of days.
    """

    def __init__(self, plan: PlaybackPlan, days: Iterable[DayOfRides]) -> None:
        self._plan = plan
        self._days = iter(days)
        self._begun = 0
        self._rides: deque[PlayedRide] = deque()
        self._reports: list[PlayedReport] = []

    def take(self, until: float) -> Due:
        """Return what falls due up to a time, and was not taken before."""
        while find_midnight(self._plan.start, self._begun) <= until:
            self._begun += 1
            day = next(self._days, None)
            if day is not None:
                self._add(day)
        rides, reports = [], []
        while self._rides and self._rides[0].at <= until:
            rides.append(self._rides.popleft())
        while self._reports and self._reports[0].at <= until:
            reports.append(heapq.heappop(self._reports))
        return Due(rides, reports)

    def _add(self, day: DayOfRides) -> None:
        rides, reports = schedule_day(day, self._plan)
        self._rides.extend(rides)
        for report in reports:
            heapq.heappush(self._reports, report)


def schedule_day(day: DayOfRides, plan: PlaybackPlan) -> Due:
    """Return the rides of a day, ascending by pick-up, and the reports about them.

    Each record of a ride is a report: one that was refunded, or arrived twice, is reported twice.
    """
    number_of_day = int(day.day.astype("datetime64[D]").astype(np.int64))
    rng = np.random.default_rng(np.random.SeedSequence([plan.seed, _STREAM, number_of_day]))
    count = int(day.ride.max()) + 1 if len(day.ride) else 0
    is_reported = (rng.random(count) >= plan.unreported).tolist()
    rides: dict[int, PlayedRide] = {}
    reports: list[PlayedReport] = []
    columns = (day.ride, day.pickup_datetime, day.pickup_zone, day.dropoff_zone, day.trip_distance, day.duration)
    for number, when, pickup_zone, dropoff_zone, miles, minutes in zip(*(c.tolist() for c in columns), strict=True):
        if number not in rides:
            at = when.replace(tzinfo=NEW_YORK).timestamp()
            ride_id = f"{day.day}-{number + 1:05d}"
            body = {
                "ride_id": ride_id,
                "pickup_datetime": _describe(at),
                "PULocationID": pickup_zone,
                "DOLocationID": dropoff_zone,
            }
            rides[number] = PlayedRide(at, ride_id, body, miles)
        ride = rides[number]
        if is_reported[number]:
            ended = ride.at + 60 * minutes
            report: dict[str, Any] = {"ride_id": ride.ride_id, "dropoff_datetime": _describe(ended)}
            if DISTANCE[0] < miles <= DISTANCE[1]:  # what no meter can show is not reported
                report["trip_distance"] = miles
            due = max(ride.at, ended) + plan.label_delay
            reports.append(PlayedReport(due, ride.ride_id, len(reports), report))
    return Due(sorted(rides.values()), sorted(reports))


def _describe(at: float) -> str:
    """Return a time as New York's clocks show it, with their offset, so that a repeated hour is distinguished."""
    return datetime.fromtimestamp(at, NEW_YORK).isoformat()
