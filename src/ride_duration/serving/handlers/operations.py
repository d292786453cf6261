"""What operators, probes and the page ask the service."""

from __future__ import annotations

import asyncio
import math
import time
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from ride_duration.rollout.plan import format_share
from ride_duration.serving.control.registry_process import decide
from ride_duration.serving.schemas.prediction import Deployed
from ride_duration.serving.schemas.problems import Refused, hide_details
from ride_duration.trips.zones import SQUARE_KM_PER_SQUARE_MILE, zones

if TYPE_CHECKING:
    from ride_duration.serving.control.reconciler import Reconciler
    from ride_duration.serving.control.rollout_controller import RolloutController
    from ride_duration.serving.inference.deployment import Model
    from ride_duration.serving.inference.metrics import Metrics
    from ride_duration.serving.settings import ServiceSettings
    from ride_duration.store import PredictionLog

#: Of a model's manifest, what `/models` tells.
_TOLD = ("model", "service", "source", "simulated", "train_data", "val_data", "rmse", "rmse_without_distance")


class OperationsHandler:
    """Everything but answering rides.

    Args:
        settings: Of the service.
        reconciler: Has the models.
        predictions: The log.
        metrics: Are read here.
        controller: Knows of the rollout.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        reconciler: Reconciler,
        predictions: PredictionLog,
        metrics: Metrics,
        controller: RolloutController,
    ) -> None:
        self._settings = settings
        self._controller = controller
        self._reconciler = reconciler
        self._log = predictions
        self._metrics = metrics
        self._deciding = asyncio.Lock()
        gauge = metrics.gauge
        gauge("ride_duration_log_queue", "Records that are not in the database yet.").set_function(self._queue)
        gauge("ride_duration_log_writable", "Whether records are taken.").set_function(lambda: predictions.writable)
        gauge("ride_duration_log_refused", "Records that the database would never take.").set_function(
            lambda: predictions.refused
        )
        gauge("ride_duration_model_age_seconds", "Since the champion was released.").set_function(self._age)
        gauge("ride_duration_registry_reachable", "Whether the registry answered last.").set_function(
            lambda: reconciler.reachable
        )
        gauge("ride_duration_refused_packages", "Packages that were refused since the start.").set_function(
            lambda: reconciler.failures
        )
        gauge("ride_duration_deployment_problem", "Whether another model should answer, and cannot.").set_function(
            lambda: reconciler.problem is not None
        )
        self._rollout_share = gauge(
            "ride_duration_rollout_share", "Of the rides, the rollout's challenger's; 0: shadow.", "version", "stage"
        )
        self._deployed = gauge("ride_duration_deployed_version", "Versions that answer.", "variant")

    def health(self) -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    def ready(self) -> dict[str, str]:
        """A model was verified and is warm, and the log takes records.

        Raises:
            Refused: Not yet, or not any more.
        """
        deployment = self._reconciler.deployment
        if deployment is None:
            why = hide_details(self._reconciler.problem or "it is loading")
            raise Refused(503, f"no model answers yet: {why}", retry_after=2)
        if not self._log.writable:
            raise Refused(503, "the prediction log takes no more; the service's log says why", retry_after=5)
        if self._log.unsaved:
            raise Refused(503, f"{hide_details(self._log.unsaved)}; the service's log says more", retry_after=5)
        return {"status": "ready", "model_version": deployment.champion.label}

    def version(self) -> dict[str, Any]:
        """Of the program and of the model."""
        deployment = self._reconciler.deployment
        return {
            "ride_duration": installed_version("ride_duration"),
            "model": self._settings.model,
            "model_version": deployment.champion.label if deployment else None,
            "instance": self._settings.name,
        }

    def models(self) -> dict[str, Any]:
        """Who answers, and what is known of them."""
        deployment = self._reconciler.deployment
        return {
            "model": self._settings.model,
            "variants": [
                {
                    "variant": name,
                    "version": model.label,
                    "share": share,
                    "released_at": model.released_at,
                    **_told(model),
                }
                for name, model, share in (deployment.variants if deployment else ())
            ],
            "rollout": self._controller.told(),
            "registry_reachable": self._reconciler.reachable,
            "problem": self._reconciler.problem and hide_details(self._reconciler.problem),
        }

    def live(self) -> dict[str, Any]:
        """How it goes at the moment, for the page."""
        deployment = self._reconciler.deployment
        model = deployment.champion if deployment else None
        answered = self._metrics.answered
        return {
            **self._metrics.live(),
            "queue_depth": self._log.queue_depth,
            "model": model and {"version": model.label, "age_days": _days(model), **_told(model)},
            "variants": [
                {
                    "variant": name,
                    "version": of.label,
                    "share": share,
                    "answered": answered.get((of.version, name), 0),
                }
                for name, of, share in (deployment.variants if deployment else ())
            ],
        }

    def zones(self) -> dict[str, Any]:
        """The zones that have a place."""
        return {
            "zones": [
                {
                    "LocationID": zone.location_id,
                    "zone": zone.name,
                    "borough": zone.borough,
                    "latitude": zone.latitude,
                    "longitude": zone.longitude,
                    "square_miles": round(zone.area / SQUARE_KM_PER_SQUARE_MILE, 4),
                }
                for zone in zones().values()
                if not math.isnan(zone.x)
            ]
        }

    def metrics(self) -> bytes:
        """In Prometheus' text format."""
        self._deployed.clear()
        deployment = self._reconciler.deployment
        for name, model, _ in deployment.variants if deployment else ():
            self._deployed.labels(name).set(model.version)
        self._rollout_share.clear()
        rollout = self._controller.rollout
        if rollout is not None:
            self._rollout_share.labels(rollout.version, format_share(rollout.share)).set(rollout.share)
        return self._metrics.text()

    async def deploy(self, version: int, why: str, by: str) -> Deployed:
        """Make a version the champion, and answer with it.

        Raises:
            Refused: The registry refuses, or the package cannot be loaded.
        """
        return await self._decide({"decision": "promote", "version": version, "why": why, "by": by})

    async def rollback(self, why: str, by: str) -> Deployed:
        """Make the champion's predecessor champion again, and answer with it.

        Raises:
            Refused: There is none, or its package cannot be loaded.
        """
        return await self._decide({"decision": "rollback", "why": why, "by": by})

    async def _decide(self, decision: dict[str, Any]) -> Deployed:
        async with self._deciding:
            decided = await asyncio.to_thread(decide, self._settings, decision)
            deployment = await asyncio.to_thread(self._reconciler.reconcile)
        if deployment is None or deployment.champion.version != decided["version"]:
            problem = hide_details(self._reconciler.problem or "it could not be loaded")
            raise Refused(503, f"version {decided['version']} is champion, but does not answer here: {problem}", "", 5)
        return Deployed(decided["version"], decided["previous"])

    def _queue(self) -> float:
        return float(self._log.queue_depth)

    def _age(self) -> float:
        deployment = self._reconciler.deployment
        return time.time() - deployment.champion.released_at if deployment else math.nan


def _told(model: Model) -> dict[str, Any]:
    return {name: model.facts.get(name) for name in _TOLD}


def _days(model: Model) -> float:
    return round((time.time() - model.released_at) / 86_400, 3)
