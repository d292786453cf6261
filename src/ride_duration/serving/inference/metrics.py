"""What Prometheus scrapes; nothing is decided by these figures."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ride_duration.store.variant import Variant
from ride_duration.trips.distances import IMPLAUSIBLE, OUT_OF_RANGE

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from ride_duration.serving.inference.counters import Counters
    from ride_duration.serving.inference.scoring import ScoredRide

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_MINUTES = (2, 4, 6, 8, 10, 12.5, 15, 20, 25, 30, 40, 50, 60)

_SHADOW = Variant.SHADOW  # members of an enumeration are looked up slowly

#: The route of single rides, whose latency the page shows.
_RIDE_ROUTE = "/predict"

#: Requests that the live figures look back at, and for how long (seconds).
_RECENT, _WINDOW = 4096, 10.0


class RecentRequests:
    """When the last requests were answered, and how long that took."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=_RECENT)
        self.append = self._recent.append  # (`time.monotonic()`, seconds) of a request

    def summarize(self) -> RecentFigures:
        """Return figures over the last seconds."""
        now = time.monotonic()
        recent = [(at, seconds) for at, seconds in self._recent if now - at <= _WINDOW]
        times = sorted(seconds for _, seconds in recent)
        span = _WINDOW if len(recent) < _RECENT else max(now - recent[0][0], 1e-3)
        return RecentFigures(round(len(recent) / span, 2), _percentile(times, 0.50), _percentile(times, 0.99))


class RecentFigures(NamedTuple):
    """Requests a second, and percentiles of their time in milliseconds; None where there were none."""

    per_second: float
    p50_ms: float | None
    p99_ms: float | None


class Metrics:
    """All metrics of one service.

    Args:
        counters: Are shown as they are when they are scraped.

    Attributes:
        requests: Responses since the start.
        errors: Responses with a status of 500 or more since the start.
        recent: The last requests.
        recent_rides: Those of them that asked for a single ride.
    """

    def __init__(self, counters: Counters) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Counted(counters))
        self._requests = Counter(
            "ride_duration_requests_total", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "ride_duration_request_seconds",
            "Time from a request's arrival to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._minutes = Histogram(
            "ride_duration_predicted_minutes",
            "Predictions in minutes.",
            ["variant"],
            buckets=_MINUTES,
            registry=self.registry,
        )
        self._inputs = Counter(
            "ride_duration_inputs_total",
            "Rides whose input lacked something: missing_distance, distance_out_of_range, distance_implausible, "
            "unknown_zone.",
            ["lacked"],
            registry=self.registry,
        )
        self._rollout_steps = Counter(
            "ride_duration_rollout_steps_total",
            "Steps of rollouts that this instance made: advance, end, finish, promoted, retry, rollback.",
            ["kind"],
            registry=self.registry,
        )
        self._raw_answers: Counter | None = None
        self._missing = self._inputs.labels("missing_distance")
        self._problems = {problem: self._inputs.labels(problem) for problem in (OUT_OF_RANGE, IMPLAUSIBLE)}
        self._unknown = self._inputs.labels("unknown_zone")
        self._actual_here = self._actual_kept = -inf
        self.add_gauge("ride_duration_last_actual_timestamp_seconds", "When the last actual came.").set_function(
            self._last_actual
        )
        self._of_route: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._of_variant: dict[Variant, Any] = {}
        self.recent, self.recent_rides = RecentRequests(), RecentRequests()
        self.requests = 0
        self.errors = 0

    def add_gauge(self, name: str, about: str, *labels: str) -> Gauge:
        """Return a further gauge."""
        return Gauge(name, about, labels, registry=self.registry)

    def count_raw_answers(self) -> None:
        """Count answers without a live level, where there should be one, from now on."""
        self._raw_answers = Counter(
            "ride_duration_level_raw_answers_total",
            "Answers that were not multiplied by a live level, because it was absent, stale or corrupt.",
            ["version", "reason"],
            registry=self.registry,
        )

    def observe_request(self, route: str, status: int, seconds: float, now: float) -> None:
        """Observe a request that was answered.

        Args:
            route: As declared, so that there are few.
            status: Of HTTP.
            seconds: That it took.
            now: `time.monotonic()`.
        """
        key = (route, status)
        if key not in self._of_route:
            self._of_route[key] = (self._requests.labels(route, status), self._seconds.labels(route))
        counted, timed = self._of_route[key]
        counted.inc()
        timed.observe(seconds)
        self.requests += 1
        self.errors += status >= 500
        self.recent.append((now, seconds))
        if route == _RIDE_ROUTE:
            self.recent_rides.append((now, seconds))

    def observe_ride(self, scored: ScoredRide) -> None:
        """Observe a ride that was scored; what its input lacked counts once, and not for the shadow as well."""
        variant = scored.variant
        if variant not in self._of_variant:
            self._of_variant[variant] = self._minutes.labels(variant)
        self._of_variant[variant].observe(scored.duration)
        if scored.level is None and self._raw_answers is not None:
            self._raw_answers.labels(scored.model.version, scored.model.level_problem or "absent").inc()
        if variant is _SHADOW:
            return
        ride = scored.ride
        if ride.trip_distance is None:
            self._missing.inc()
        elif ride.distance_problem is not None:
            self._problems[ride.distance_problem].inc()
        if ride.unknown_zones:
            self._unknown.inc()

    def observe_rollout_step(self, kind: str) -> None:
        """Observe a step of the rollout that this instance made."""
        self._rollout_steps.labels(kind).inc()

    def observe_actual(self, at: float) -> None:
        """Observe that an actual came (seconds since 1970-01-01 UTC)."""
        self._actual_here = at

    def set_last_actual(self, at: float) -> None:
        """Note when the newest actual in the store came, of all instances (seconds since 1970-01-01 UTC)."""
        self._actual_kept = at

    def expose(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return bytes(generate_latest(self.registry))

    def _last_actual(self) -> float:
        at = max(self._actual_here, self._actual_kept)
        return at if isfinite(at) else nan


class _Counted(Collector):
    """The counters, as Prometheus takes them."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        for name, about, counts in (
            ("ride_duration_predictions", "Rides scored.", self._counters.scored),
            ("ride_duration_variant_failures", "Rides that a variant failed to score.", self._counters.failed),
        ):
            family = CounterMetricFamily(name, about, labels=["version", "variant"])
            for (version, variant), rides in list(counts.items()):
                family.add_metric([str(version), str(variant)], rides)
            yield family


def _percentile(ordered: list[float], share: float) -> float | None:
    return round(1000 * ordered[int(share * (len(ordered) - 1))], 3) if ordered else None
