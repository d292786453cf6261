"""Raises alerts about the service itself, and sends what the outbox holds: also what a monitoring run could not."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ride_duration.alerting.abandoned import resolve_abandoned
from ride_duration.alerting.alert import Alert, format_time
from ride_duration.alerting.channels import make_channels
from ride_duration.alerting.delivery import NotificationCounts, count_notifications, deliver_due
from ride_duration.alerting.outbox import Outbox
from ride_duration.errors import NotFound, RideDurationError
from ride_duration.store.database import open_reading_engine, open_writing_engine
from ride_duration.store.rollouts import RolloutStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.metrics_core import Metric

    from ride_duration.alerting.configuration import AlertingSettings
    from ride_duration.serving.control.monitoring_reader import MonitoringReader
    from ride_duration.serving.control.reconciler import Reconciler
    from ride_duration.serving.settings import ServiceSettings
    from ride_duration.store import PredictionLog
    from ride_duration.store.rollouts import Rollouts

log = logging.getLogger(__name__)

#: Seconds that another model may take to be served.
_DEPLOYING = 120.0

#: Seconds for which a rollout that was rolled back is news.
_NEWS = 7 * 86_400.0

#: Seconds after which what has not changed is reported again.
_REFRESH = 600.0


class NotificationsCollector(Collector):
    """How far notifications are, as Prometheus takes it, by channel.

    Args:
        watch: Counts them.
    """

    def __init__(self, watch: AlertWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterable[Metric]:
        counts = self._watch.notifications
        for name, about, values in (
            (
                "notifications_pending",
                "Notifications not sent yet.",
                {name: one.pending for name, one in counts.items()},
            ),
            (
                "notifications_undeliverable",
                "Notifications that were given up.",
                {name: one.undeliverable for name, one in counts.items()},
            ),
            (
                "last_undeliverable_timestamp_seconds",
                "When the last notification was given up; NaN if none was.",
                {name: math.nan if one.last is None else one.last for name, one in counts.items()},
            ),
        ):
            family = GaugeMetricFamily(f"ride_duration_{name}", about, labels=["channel"])
            for channel, value in values.items():
                family.add_metric([channel], value)
            yield family


class AlertWatch:
    """Looks at the service from time to time.

    Args:
        settings: Of the service.
        alerting: Of the alerts.
        reader: Knows when the monitoring ran last.
        reconciler: Knows whether the right model is served.
        predictions: The log.
        rollouts: Kept in the store.
        now: Seconds since 1970-01-01 UTC, on the store's clock.

    Attributes:
        notifications: By channel, as they were counted last.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        alerting: AlertingSettings,
        reader: MonitoringReader,
        reconciler: Reconciler,
        predictions: PredictionLog,
        rollouts: Rollouts,
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._alerting = alerting
        self._channels = make_channels(alerting)
        self._reader = reader
        self._reconciler = reconciler
        self._log = predictions
        self._rollouts = rollouts
        self._now = now
        self._outbox: Outbox | None = None
        self._wrong_since: float | None = None
        self._reported: tuple[tuple[frozenset[tuple[str, str]], int | None], float] = ((frozenset(), None), 0.0)
        self._problem = ""
        self.notifications: dict[str, NotificationCounts] = {name: NotificationCounts() for name in alerting.enabled}

    def look(self) -> None:
        """Raise and resolve what concerns the service, and send what is due; nothing while the store is away."""
        try:
            if self._outbox is None:
                self._outbox = self._open()
            now = self._now()
            about_instance, about_model = self._find_of_instance(now), self._find_of_model(now)
            version = self._find_version()
            found = frozenset((alert.name, alert.how_bad) for alert in (*about_instance, *about_model)), version
            if found != self._reported[0] or abs(now - self._reported[1]) >= _REFRESH:
                self._outbox.report(self._instance, ("deployment", "log"), about_instance, now)
                self._outbox.report(self._settings.model, ("rollback", "monitoring_stale"), about_model, now)
                resolve_abandoned(self._outbox, self._settings.model, version, now)
                self._reported = (found, now)
            deliver_due(self._outbox, self._channels, self._now)
            self.notifications = count_notifications(self._outbox.engine, self._alerting.enabled)
        except NotFound:  # the log has not made its tables yet
            return
        except RideDurationError as error:
            if not self._problem:
                log.warning("alerts can neither be raised nor sent: %s", error)
            self._problem = str(error)
        else:
            self._problem = ""

    def close(self) -> None:
        """Let the connections go."""
        if self._outbox is not None:
            self._outbox.close()

    @property
    def _instance(self) -> str:
        return f"{self._settings.model}, instance {self._settings.name}"

    def _find_version(self) -> int | None:
        """Return the version that the registry names and that is served; None as long as this is not one."""
        deployment = self._reconciler.deployment
        version = deployment.champion.version if deployment is not None else 0
        return version if self._reconciler.reachable and 0 < version == self._reconciler.champion else None

    def _open(self) -> Outbox:
        """Open the tables that the log has made: this makes none, so that a database that is gone stays gone."""
        open_reading_engine(self._settings.store_url, self._settings.clock_kind).dispose()
        return Outbox(open_writing_engine(self._settings.store_url), self._alerting)

    def _find_of_instance(self, now: float) -> list[Alert]:
        found = []
        problem = self._reconciler.problem
        self._wrong_since = None if problem is None else now if self._wrong_since is None else self._wrong_since
        if problem is not None and self._wrong_since is not None and now - self._wrong_since >= _DEPLOYING:
            what = "Another model should be serving, and cannot"
            found.append(self._alert("deployment", what, self._wrong_since, problem, "kedro models list"))
        trouble = self._log.unsaved or ("" if self._log.writable else "it takes no more records")
        if self._log.refused_bytes:
            trouble = trouble or f"records that the database refused lie in {self._log.refused_file}"
        if trouble:
            command = "read the service's log; move the file of refused records away once it is looked after"
            found.append(self._alert("log", "The prediction log is in trouble", now, trouble, command))
        return found

    def _find_of_model(self, now: float) -> list[Alert]:
        found = []
        model = self._settings.model
        last = self._rollouts.last()
        if last is not None and last.status == RolloutStatus.ROLLED_BACK and now - (last.ended_at or 0.0) < _NEWS:
            what = f"The rollout of version {last.version} was rolled back; version {last.against} serves all rides"
            why = last.history[-1].why
            found.append(
                self._alert("rollback", what, last.ended_at or now, why, "kedro rollout status", model, last.version)
            )
        state, limit = self._reader.state, self._alerting.monitoring_hours * 3600
        if state is not None and limit and now - state.verdict.computed_at > limit:
            at = state.verdict.computed_at
            since = f"the last run was at {format_time(at)}"
            what = "The monitoring has not run: nothing is known of the model since"
            found.append(self._alert("monitoring_stale", what, at, since, "kedro monitor run", model))
        began = self._reader.unwatched_since
        if began is not None and limit and now - began > limit:
            what = "The monitoring has never run: nothing is known of the model"
            since = f"rides are answered since {format_time(began)}, and there is no official verdict"
            found.append(
                self._alert("monitoring_stale", what, began, since, "kedro monitor run --window last_28d", model)
            )
        return found

    def _alert(
        self, name: str, what: str, since: float, how_bad: str, command: str, subject: str = "", version: int = 0
    ) -> Alert:
        return Alert(
            name=name, subject=subject or self._instance, severity=self._alerting.severities[name], what=what,
            since=since, how_bad=how_bad, evidence=str(self._settings.own_folder), next_command=command,
            version=version,
        )  # fmt: skip
