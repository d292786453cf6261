"""Plays a timetable: moves the clock, asks the service about rides, and reports what really happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.playback.plan import PlaybackPlan
from ride_duration.playback.timetable import PlayedReport, PlayedRide, Timetable
from ride_duration.trips.clock import find_midnight
from ride_duration.trips.rides import find_distance_problem

if TYPE_CHECKING:
    from ride_duration.clock import SimulatedClock
    from ride_duration.playback.service_process import ServiceProcess

#: The service takes as many rides, or reports, in one request.
_MANY = 1000
#: Seconds that the service may take for a step of a rollout, for instance while a version becomes champion.
_PATIENCE, _LOOK = 60.0, 0.02


class Sent(NamedTuple):
    """What the log has of the step that a simulation was interrupted in: ids of rides."""

    rides: set[str]
    reports: set[str]


class Progress(NamedTuple):
    """How far it is.

    Attributes:
        days: That have ended since the first; at the end one more.
        at: The simulated time (seconds since 1970-01-01 UTC).
        rides: That were asked about since this call began.
        reports: That were sent since then.
        rollout: The rollout that goes on, as the service reports it.
    """

    days: int
    at: float
    rides: int
    reports: int
    rollout: dict[str, Any] | None


def play(
    plan: PlaybackPlan,
    clock: SimulatedClock,
    service: ServiceProcess,
    find_sent: Callable[[float], Sent],
    note: Callable[[Progress], None],
) -> None:
    """Play from the time that the clock shows to the end.

    The step that the clock shows may have been interrupted: what the log has of it is not sent again.

    Args:
        plan: What is played.
        clock: Is moved.
        service: Is asked.
        find_sent: Returns what the log has since a time.
        note: Called with how far it is, once for each day that has ended, and at the end.
    """
    resumed = clock.now()
    timetable = Timetable(plan, plan.simulate())
    timetable.take(resumed - plan.step)
    sent = find_sent(resumed - plan.step)
    needs_distance = service.get("/live")["model"]["distance"] == "required"
    rides = reports = 0
    day = 1
    while find_midnight(plan.start, day) <= resumed:
        day += 1
    for at in iterate_steps(plan, resumed):
        clock.advance(at)
        due = timetable.take(at)
        asked = [ride for ride in due.rides if ride.ride_id not in sent.rides]
        if needs_distance:
            asked = [ride for ride in asked if _has_valid_distance(ride)]
        unsent = [report for report in due.reports if report.ride_id not in sent.reports]
        sent = Sent(set(), set())
        for first in range(0, len(asked), _MANY):
            service.post("/predict/batch", {"rides": [_write(ride, needs_distance) for ride in asked[first:][:_MANY]]})
        for group in batch_reports(unsent):
            service.post("/actuals", {"actuals": [report.body for report in group]})
        rides, reports = rides + len(asked), reports + len(unsent)
        if find_midnight(plan.start, day) <= at:
            note(Progress(day, at, rides, reports, _wait_for_rollout(service, at)))
            day += 1
    service.wait_for_log()
    note(Progress(day, clock.now(), rides, reports, _wait_for_rollout(service, clock.now())))


def iterate_steps(plan: PlaybackPlan, resumed: float) -> Iterator[float]:
    """Yield the times that the clock is moved to, beginning with the one that it shows."""
    at = resumed
    while at < plan.ends_at:
        yield at
        at = plan.begins_at + ((at - plan.begins_at) // plan.step + 1) * plan.step
    yield plan.ends_at


def _wait_for_rollout(service: ServiceProcess, at: float) -> dict[str, Any] | None:
    """Return the rollout that goes on, once the service has decided its next step at this time or later."""
    until = time.monotonic() + _PATIENCE
    while True:
        rollout: dict[str, Any] | None = service.get("/models")["rollout"]
        if rollout is None or time.monotonic() > until:
            return rollout
        looked_at = rollout["looked_at"]
        if looked_at is not None and datetime.fromisoformat(looked_at).timestamp() >= at // 1:
            return rollout
        time.sleep(_LOOK)


def _write(ride: PlayedRide, needs_distance: bool) -> dict[str, Any]:
    return {**ride.body, "trip_distance": ride.miles} if needs_distance else ride.body


def _has_valid_distance(ride: PlayedRide) -> bool:
    return find_distance_problem(ride.body["PULocationID"], ride.body["DOLocationID"], ride.miles) is None


def batch_reports(reports: Sequence[PlayedReport]) -> Iterator[list[PlayedReport]]:
    """Yield requests of reports; those about one ride go together, so that a kill leaves none of them or all."""
    batch: list[PlayedReport] = []
    for _, of_ride in groupby(sorted(reports, key=lambda report: report.ride_id), key=lambda report: report.ride_id):
        group = list(of_ride)
        if batch and len(batch) + len(group) > _MANY:
            yield batch
            batch = []
        batch += group
    if batch:
        yield batch
