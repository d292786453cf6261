"""Reports the state of the service, and carries out the decisions of operators."""

from __future__ import annotations

import asyncio
import math
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from ride_duration.clock import REAL_CLOCK
from ride_duration.errors import DecisionRefused
from ride_duration.rollout.plan import format_share
from ride_duration.serving.control.registry_process import run_decision
from ride_duration.serving.schemas import status
from ride_duration.serving.schemas.prediction import Deployed
from ride_duration.serving.schemas.problems import ServiceUnavailable, hide_details
from ride_duration.trips.zones import SQUARE_KM_PER_SQUARE_MILE, zones

if TYPE_CHECKING:
    from collections.abc import Callable

    from ride_duration.serving.control.monitoring_reader import MonitoringReader
    from ride_duration.serving.control.reconciler import Reconciler
    from ride_duration.serving.control.rollout_controller import RolloutController
    from ride_duration.serving.inference.counters import Counters
    from ride_duration.serving.inference.deployment import Model
    from ride_duration.serving.inference.metrics import Metrics
    from ride_duration.serving.settings import ServiceSettings
    from ride_duration.store import PredictionLog
    from ride_duration.trips.zone_shapes import ZoneShapes

#: Facts of a model's manifest that are reported.
_FACTS = status.Facts.__struct_fields__

#: Seconds after which a client may try again: while no model is loaded, and while something else is wrong.
_LOADING_SECONDS, _LATER_SECONDS = 2, 5


class OperationsHandler:
    """Answers all requests but those with rides.

    Args:
        settings: Of the service.
        reconciler: Has the models.
        predictions: The log.
        counters: Are reported.
        metrics: Are reported.
        controller: Knows the rollout.
        verdicts: Knows what the monitoring has found.
        shapes: Of the zones, as far as they are known.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        reconciler: Reconciler,
        predictions: PredictionLog,
        counters: Counters,
        metrics: Metrics,
        controller: RolloutController,
        verdicts: MonitoringReader,
        shapes: ZoneShapes,
    ) -> None:
        self._shapes = shapes
        self._verdicts = verdicts
        self._settings = settings
        self._controller = controller
        self._reconciler = reconciler
        self._log = predictions
        self._counters = counters
        self._metrics = metrics
        self._deciding = asyncio.Lock()
        gauges: dict[tuple[str, str], Callable[[], float]] = {
            ("log_queue", "Records that are not in the database yet."): lambda: predictions.queue_depth,
            ("log_writable", "Whether records are taken."): lambda: predictions.writable,
            ("log_refused", "Records that the database would never take."): lambda: predictions.refused,
            ("log_refused_file_bytes", "Refused records that lie in a file, not looked after yet."): lambda: (
                predictions.refused_bytes
            ),
            ("model_age_seconds", "Since the champion was released."): self._age,
            ("registry_reachable", "Whether the registry answered last."): lambda: reconciler.reachable,
            ("refused_packages", "Packages that were refused since the start."): lambda: reconciler.failures,
            ("deployment_problem", "Whether another model should be serving, and cannot."): lambda: (
                reconciler.problem is not None
            ),
        }
        for (name, about), value in gauges.items():
            metrics.add_gauge(f"ride_duration_{name}", about).set_function(value)
        self._rollout_share = metrics.add_gauge(
            "ride_duration_rollout_share", "Of the rides, the rollout's challenger's; 0: shadow.", "version", "stage"
        )
        self._deployed = metrics.add_gauge("ride_duration_deployed_version", "Serving versions.", "variant")

    def health(self) -> status.Health:
        """Report that the process runs."""
        return status.Health("ok")

    def ready(self) -> status.Ready:
        """Report that a model was verified and is warm, and that the log takes records.

        Raises:
            ServiceUnavailable: Not yet, or not any more.
        """
        deployment = self._reconciler.deployment
        if deployment is None:
            why = hide_details(self._reconciler.problem or "it is loading")
            raise ServiceUnavailable(f"no model loaded yet: {why}", _LOADING_SECONDS)
        if not self._log.writable:
            detail = "the prediction log takes no more records; the service's log says why"
            raise ServiceUnavailable(detail, _LATER_SECONDS)
        if self._log.unsaved:
            detail = f"{hide_details(self._log.unsaved)}; the service's log says more"
            raise ServiceUnavailable(detail, _LATER_SECONDS)
        return status.Ready("ready", deployment.champion.label)

    def version(self) -> status.Versions:
        """Report the versions of the program and of the champion."""
        deployment = self._reconciler.deployment
        return status.Versions(
            installed_version("ride_duration"),
            self._settings.model,
            deployment.champion.label if deployment else None,
            self._settings.name,
        )

    def models(self) -> status.Models:
        """Report the serving models, what is known of them, and the rollout."""
        deployment = self._reconciler.deployment
        variants = [
            status.Variant(
                variant=name.value,
                version=model.label,
                share=share,
                released_at=model.released_at,
                **_read_facts(model),
            )
            for name, model, share in (deployment.variants if deployment else ())
        ]
        problem = self._reconciler.problem and hide_details(self._reconciler.problem)
        rollout = self._controller.to_report()
        return status.Models(self._settings.model, variants, rollout, self._reconciler.reachable, problem)

    def live(self) -> status.Live:
        """Report how it goes at the moment, for the page."""
        deployment = self._reconciler.deployment
        champion = deployment.champion if deployment else None
        scored, metrics = self._counters.scored, self._metrics
        requests, rides = metrics.recent.summarize(), metrics.recent_rides.summarize()
        return status.Live(
            requests_per_second=requests.per_second,
            requests=metrics.requests,
            errors=metrics.errors,
            p50_ms=requests.p50_ms,
            p99_ms=requests.p99_ms,
            rides=self._counters.rides,
            rides_per_second=rides.per_second,
            ride_p50_ms=rides.p50_ms,
            ride_p99_ms=rides.p99_ms,
            queue_depth=self._log.queue_depth,
            model=_report_champion(champion) if champion else None,
            variants=[
                status.LiveVariant(name.value, model.label, share, scored.get((model.version, name), 0))
                for name, model, share in (deployment.variants if deployment else ())
            ],
            level=_report_level(champion),
        )

    def monitoring(self) -> status.Monitoring:
        """Report what the monitoring has found, for the page."""
        state = self._verdicts.state
        if state is None:
            return status.Monitoring(None, [])
        verdict = state.verdict
        found = status.MonitoringVerdict(
            verdict=verdict.verdict,
            cause=verdict.cause,
            version=str(verdict.version),
            first=verdict.first,
            last=verdict.last,
            computed_at=verdict.computed_at,
            reasons=verdict.reasons,
            next=verdict.next,
            simulated=verdict.simulated,
        )
        return status.Monitoring(found, [status.MonitoredDay(*day) for day in state.days])

    def zones(self) -> status.ZoneReports:
        """Report the zones that have a place."""
        return status.ZoneReports(
            [
                status.ZoneReport(
                    zone.location_id,
                    zone.name,
                    zone.borough,
                    zone.latitude,
                    zone.longitude,
                    round(zone.area / SQUARE_KM_PER_SQUARE_MILE, 4),
                    self._shapes.polygons.get(zone.location_id, UNSET),
                )
                for zone in zones().values()
                if not math.isnan(zone.x)
            ]
        )

    def metrics(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        self._deployed.clear()
        deployment = self._reconciler.deployment
        for name, model, _ in deployment.variants if deployment else ():
            self._deployed.labels(name).set(model.version)
        self._rollout_share.clear()
        rollout = self._controller.rollout
        if rollout is not None:
            self._rollout_share.labels(rollout.version, format_share(rollout.share)).set(rollout.share)
        return self._metrics.expose()

    async def deploy(self, version: int, why: str, by: str) -> Deployed:
        """Make a version the champion, and serve it.

        Raises:
            NotFound: There is no such version.
            DecisionRefused: The registry's rules forbid it.
            RegistryUnavailable: The registry cannot be reached.
            ServiceUnavailable: The package cannot be loaded.
        """
        return await self._decide({"decision": "promote", "version": version, "why": why, "by": by})

    async def rollback(self, why: str, by: str) -> Deployed:
        """Make the champion's predecessor champion again, and serve it.

        Raises:
            DecisionRefused: There is none.
            RegistryUnavailable: The registry cannot be reached.
            ServiceUnavailable: Its package cannot be loaded.
        """
        return await self._decide({"decision": "rollback", "why": why, "by": by})

    async def _decide(self, decision: dict[str, Any]) -> Deployed:
        if self._settings.package:
            raise DecisionRefused("this service has no registry: it serves the package in a folder")
        async with self._deciding:
            decided = await asyncio.to_thread(run_decision, self._settings, decision)
            deployment = await asyncio.to_thread(self._reconciler.reconcile)
        if deployment is None or deployment.champion.version != decided["version"]:
            problem = hide_details(self._reconciler.problem or "it could not be loaded")
            detail = f"version {decided['version']} is champion, but is not served here: {problem}"
            raise ServiceUnavailable(detail, _LATER_SECONDS)
        return Deployed(decided["version"], decided["previous"])

    def _age(self) -> float:
        deployment = self._reconciler.deployment
        return REAL_CLOCK.now() - deployment.champion.released_at if deployment else math.nan


def _report_champion(model: Model) -> status.LiveModel:
    return status.LiveModel(
        version=model.label,
        distance="required" if model.needs_distance else "optional",
        age_days=round((REAL_CLOCK.now() - model.released_at) / 86_400, 3),
        **_read_facts(model),
    )


def _report_level(champion: Model | None) -> status.LiveLevel | UnsetType:
    level = None if champion is None else champion.level
    return UNSET if level is None else status.LiveLevel(level.factor, level.since, level.is_frozen)


def _read_facts(model: Model) -> dict[str, Any]:
    return {name: model.facts.get(name) for name in _FACTS}
