"""What the service tells Prometheus, and the page."""

from __future__ import annotations

import time
from collections import deque
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ride_duration.serving.inference.deployment import SHADOW
from ride_duration.trips.distances import IMPLAUSIBLE, OUT_OF_RANGE

if TYPE_CHECKING:
    from ride_duration.serving.inference.scoring import ScoredRide

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_MINUTES = (2, 4, 6, 8, 10, 12.5, 15, 20, 25, 30, 40, 50, 60)

#: Requests that the page's live panel looks back at, and for how long (seconds).
_RECENT, _WINDOW = 4096, 10.0


class Metrics:
    """All metrics of one service.

    Attributes:
        errors: Answers with a status of 500 or more since the start.
        requests: Answers since the start.
        answered: Rides since the start, by version and variant.
        failed: Rides since the start that a challenger or shadow failed to answer, by version.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
        self._predictions = Counter(
            "ride_duration_predictions_total",
            "Rides answered.",
            ["version", "variant"],
            registry=self.registry,
        )
        self._minutes = Histogram(
            "ride_duration_predicted_minutes",
            "Answers in minutes.",
            ["variant"],
            buckets=_MINUTES,
            registry=self.registry,
        )
        self._inputs = Counter(
            "ride_duration_inputs_total",
            "Rides whose input lacked something: missing_distance, distance_not_believed, distance_implausible, "
            "unknown_zone.",
            ["lacked"],
            registry=self.registry,
        )
        self._failed_variants = Counter(
            "ride_duration_variant_failures_total",
            "Rides that a variant failed to answer.",
            ["version", "variant"],
            registry=self.registry,
        )
        self._rollout_steps = Counter(
            "ride_duration_rollout_steps_total",
            "Steps of rollouts that this instance made: advance, end, finish, promoted, retry, rollback.",
            ["kind"],
            registry=self.registry,
        )
        self._missing = self._inputs.labels("missing_distance")
        self._problems = {
            OUT_OF_RANGE: self._inputs.labels("distance_not_believed"),
            IMPLAUSIBLE: self._inputs.labels(IMPLAUSIBLE),
        }
        self._unknown = self._inputs.labels("unknown_zone")
        self._actual_here = self._actual_kept = -inf
        self.gauge("ride_duration_last_actual_timestamp_seconds", "When the last actual came.").set_function(
            self._last_actual
        )
        self._of_route: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._of_variant: dict[tuple[int, str], tuple[Any, Any]] = {}
        self._recent: deque[tuple[float, float]] = deque(maxlen=_RECENT)
        self.answered: dict[tuple[int, str], int] = {}
        self.failed: dict[int, int] = {}
        self.requests = 0
        self.errors = 0

    def gauge(self, name: str, about: str, *labels: str) -> Gauge:
        """A further gauge."""
        return Gauge(name, about, labels, registry=self.registry)

    def request(self, route: str, status: int, seconds: float, now: float) -> None:
        """A request was answered.

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
        self._recent.append((now, seconds))

    def prediction(self, answered: ScoredRide) -> None:
        """A ride was answered; what its input lacked is counted once, and not for the shadow as well."""
        key = (answered.model.version, answered.variant)
        if key not in self._of_variant:
            version, variant = key
            self._of_variant[key] = (self._predictions.labels(version, variant), self._minutes.labels(variant))
        counted, minutes = self._of_variant[key]
        counted.inc()
        minutes.observe(answered.duration)
        self.answered[key] = self.answered.get(key, 0) + 1
        if answered.variant == SHADOW:
            return
        asked = answered.asked
        if asked.trip_distance is None:
            self._missing.inc()
        elif asked.distance_problem is not None:
            self._problems[asked.distance_problem].inc()
        if not answered.model.city.has_places(asked.pickup_zone, asked.dropoff_zone):
            self._unknown.inc()

    def variant_failed(self, version: int, variant: str, rides: int = 1) -> None:
        """A variant had no answer."""
        self._failed_variants.labels(version, variant).inc(rides)
        self.failed[version] = self.failed.get(version, 0) + rides

    def rollout_step(self, kind: str) -> None:
        """This instance moved the rollout on."""
        self._rollout_steps.labels(kind).inc()

    def actual(self) -> None:
        """An actual came."""
        self._actual_here = time.time()

    def actual_kept(self, at: float) -> None:
        """The newest actual in the store, of all instances, came then (seconds since 1970-01-01 UTC)."""
        self._actual_kept = at

    def live(self) -> dict[str, Any]:
        """Requests a second, and percentiles of their time, over the last seconds."""
        now = time.monotonic()
        recent = [(at, seconds) for at, seconds in self._recent if now - at <= _WINDOW]
        times = sorted(seconds for _, seconds in recent)
        span = _WINDOW if len(recent) < _RECENT else max(now - recent[0][0], 1e-3)
        return {
            "requests_per_second": round(len(recent) / span, 2),
            "requests": self.requests,
            "errors": self.errors,
            "p50_ms": _percentile(times, 0.50),
            "p99_ms": _percentile(times, 0.99),
        }

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return bytes(generate_latest(self.registry))

    def _last_actual(self) -> float:
        at = max(self._actual_here, self._actual_kept)
        return at if isfinite(at) else nan


def _percentile(ordered: list[float], share: float) -> float | None:
    return round(1000 * ordered[int(share * (len(ordered) - 1))], 3) if ordered else None
