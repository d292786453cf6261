"""When actual durations are reported: how long it takes, and for which share of the rides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ride_duration.pipelines.monitoring.day_states import find_delay
from ride_duration.pipelines.monitoring.logged_evidence import LoggedEvidence
from ride_duration.pipelines.monitoring.parameters import Monitoring
from ride_duration.store.monitoring import DELAY_EDGES, DayState
from ride_duration.store.queries.logged_rides import VARIANTS, LoggedRides
from ride_duration.store.variant import Variant
from ride_duration.trips.clock import find_instants
from ride_duration.trips.ranges import find_placed_zones, is_out_of_range
from ride_duration.trips.records import DURATION

_DAY = 86_400.0


def is_labelled(rides: LoggedRides) -> NDArray[np.bool_]:
    """Return which rides (n,) have a valid actual duration."""
    return (rides.actual >= DURATION[0]) & (rides.actual <= DURATION[1])


def find_out_of_range(rides: LoggedRides) -> NDArray[np.bool_]:
    """Return which rides (n,) say something out of range: the request, or the report, as far as it has come."""
    placed = [np.isin(end, find_placed_zones()) for end in (rides.pickup_zone, rides.dropoff_zone)]
    asked, reported = (is_out_of_range(rides.actual, miles, *placed) for miles in (rides.trip_distance, rides.metered))
    found: NDArray[np.bool_] = asked | reported
    return found


class LabelCounts:
    """Counts the reports about the rides of a day, batch by batch: each ride once, whichever versions answered it."""

    def __init__(self) -> None:
        counted = ("rides", "labelled", "out_of_range", "reports", "doubled", "corrected")
        self._counts = dict.fromkeys((*counted, "no_pickup_zone", "no_dropoff_zone"), 0)
        self._delays = np.zeros(len(DELAY_EDGES) + 1, dtype=np.int64)
        self._hours = np.zeros((24, 2), dtype=np.int64)

    def add(self, batch: LoggedRides) -> None:
        """Count rides (n)."""
        rides = LoggedRides._make(values[batch.variant != VARIANTS.index(Variant.SHADOW)] for values in batch)
        labelled = is_labelled(rides)
        self._counts["rides"] += len(labelled)
        self._counts["labelled"] += int(labelled.sum())
        self._counts["out_of_range"] += int(find_out_of_range(rides).sum())
        self._counts["no_pickup_zone"] += int(np.isnan(rides.pickup_zone).sum())
        self._counts["no_dropoff_zone"] += int(np.isnan(rides.dropoff_zone).sum())
        self._counts["reports"] += int(rides.reports.sum())
        self._counts["doubled"] += int((rides.reports - rides.values).sum())
        self._counts["corrected"] += int((rides.values > 1).sum())
        delay = rides.reported_at - (_find_instants(rides) + 60 * rides.actual)
        known = delay[(rides.actual >= 0) & ~np.isnan(delay)]  # a drop-off before the pick-up is no time to count from
        self._delays += np.bincount(np.searchsorted(DELAY_EDGES, known, side="right"), minlength=len(self._delays))
        hour = (rides.wall_clock % _DAY // 3600).astype(np.intp)
        self._hours[:, 0] += np.bincount(hour, minlength=24)
        self._hours[:, 1] += np.bincount(hour[labelled], minlength=24)

    def to_row(self) -> dict[str, Any]:
        """Return the row of `monitoring_labels`.

        `doubled` reports say what another one says, `corrected` rides have reports that differ; `delays` counts the
        time from the drop-off to the first report, between `DELAY_EDGES`, the first bin below and the last above them,
        without drop-offs before the pick-up; `out_of_range` is by `trips.ranges`; `hours` are the rides
        and the labelled rides of each hour of the day.
        """
        counted = {"delays": self._delays.tolist(), "hours": self._hours.tolist()}
        return {**self._counts, **counted, "state": str(DayState.OPEN)}


def summarise_labels(logged_evidence: LoggedEvidence, monitoring: Monitoring) -> dict[str, Any]:
    """Return the figures of the reports about the rides of a window; none where scored months are looked at.

    Args:
        logged_evidence: Of `read_logged_evidence`.
        monitoring: Says which days.

    Returns:
        `rides`; `labelled`, the share of the rides of days that are not open, None without such days; `delay_p50`,
        `delay_p95` and `delay_p99` in hours; `doubled` and `corrected` shares, `out_of_range` share; `hours`: the
        labelled share by hour of the day (24; None without rides); `patience`: hours after its end when a day is final;
        and how many days are `open`, `labelled_days`, `final` and `incomplete`.
    """
    if not monitoring.is_of_log:
        return {}
    labels, states = logged_evidence.labels, logged_evidence.states
    final_after = find_delay(labels, monitoring.log_limits.final_quantile)
    window = [row for row in labels if monitoring.first_day <= row["day"] <= monitoring.last_day]
    total = {
        name: sum(row[name] for row in window)
        for name in ("rides", "labelled", "out_of_range", "reports", "doubled", "corrected")
    }
    hours = np.sum([row["hours"] for row in window], axis=0) if window else np.zeros((24, 2))
    delays = {quantile: find_delay(window, quantile) for quantile in (0.5, 0.95, 0.99)}
    of_window = [states[row["day"]] for row in window]
    # Without any report there is no delay, and every day is open: then all rides lack one.
    closed = [row for row in window if final_after is None or states[row["day"]] != DayState.OPEN]
    return {
        "rides": total["rides"],
        "labelled": _share(sum(row["labelled"] for row in closed), sum(row["rides"] for row in closed)),
        "out_of_range": _share(total["out_of_range"], total["rides"]),
        "doubled": _share(total["doubled"], total["reports"]),  # as incidents have it
        "corrected": _share(total["corrected"], total["rides"]),
        **{f"delay_p{100 * q:.0f}": None if d is None else round(d / 3600, 2) for q, d in delays.items()},
        "patience": None if final_after is None else round(final_after / 3600, 2),
        "hours": [_share(labelled, rides) for rides, labelled in hours.tolist()],
        "open": of_window.count(DayState.OPEN),
        "labelled_days": of_window.count(DayState.LABELLED),
        "final": of_window.count(DayState.FINAL),
        "incomplete": of_window.count(DayState.INCOMPLETE),
    }


def _share(part: float, of_all: float) -> float | None:
    return round(part / of_all, 4) if of_all else None


def _find_instants(rides: LoggedRides) -> NDArray[np.float64]:
    """Return the pick-ups (n,) in seconds since 1970-01-01 UTC: as they are logged, else by New York's clocks."""
    unknown = np.isnan(rides.pickup_at)
    if not unknown.any():
        return rides.pickup_at
    found = rides.pickup_at.copy()
    found[unknown] = find_instants(rides.wall_clock[unknown].astype("datetime64[s]"))
    return found
