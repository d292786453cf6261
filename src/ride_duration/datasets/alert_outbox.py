"""The alerts of the store: what the monitoring finds is raised or resolved, and sent."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from ride_duration.clock import open_clock
from ride_duration.errors import ConfigurationError
from ride_duration.registry import model_name

if TYPE_CHECKING:
    from ride_duration.alerting.alert import Alert
    from ride_duration.alerting.configuration import AlertingSettings
    from ride_duration.clock import Clock

log = logging.getLogger(__name__)

_NEEDED = ("msgspec", "sqlalchemy", "alembic")


class AlertOutboxDataset(AbstractDataset["dict[str, Any]", "list[dict[str, Any]]"]):
    """Saving raises and resolves alerts about a model, and sends what is due; loading gives those that are open.

    Args:
        path: The project's `data` folder; a store of SQLite is relative to the folder that it lies in.
        serving: Parameters of the service: `store`, and the `clock` that it is on.
        alerting: Parameters of the alerts.
        taxi_type: Of which taxis.
        source: Where months come from.
        metadata: Ignored here; kedro-viz reads the layer from it.

    Raises:
        ConfigurationError: A parameter cannot be used.
    """

    def __init__(
        self,
        path: str,
        serving: dict[str, Any],
        alerting: dict[str, Any],
        taxi_type: str,
        source: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._project = Path(path).parent
        self._serving = serving
        self._model = model_name(taxi_type, source)
        self.metadata = metadata
        self._settings: AlertingSettings | None = None
        if all(importlib.util.find_spec(name) for name in _NEEDED):
            from ride_duration.alerting.configuration import parse_alerting

            self._settings = parse_alerting(_plain(alerting))

    def save(self, data: dict[str, Any]) -> None:
        """Raise, resolve and send; an old window, looked at again, raises and resolves nothing.

        Args:
            data: Of `describe_alerts`.
        """
        if self._settings is None:
            log.warning("alerts are not kept: the service is not installed; `pip install 'ride_duration[serving]'`")
            return
        from ride_duration.alerting.channels import make_channels
        from ride_duration.alerting.delivery import deliver_due
        from ride_duration.alerting.outbox import Outbox, open_store
        from ride_duration.store.monitoring import find_newest_day

        clock = self._clock()
        outbox = Outbox(open_store(self._store_url, clock.kind), self._settings)
        try:
            newest = find_newest_day(outbox.engine, self._model)
            if newest > data["last"]:
                log.info("Alerts stay as they are: the days up to %s were monitored already.", newest)
            else:
                alerts = [self._alert(found, self._settings) for found in data["alerts"]]
                outbox.report(self._model, data["names"], alerts, clock.now(), data["keep"], data["version"])
            deliver_due(outbox.engine, make_channels(self._settings), clock.now)
        finally:
            outbox.close()

    def load(self) -> list[dict[str, Any]]:
        if self._settings is None:
            return []
        import msgspec

        from ride_duration.alerting.decisions import list_alerts
        from ride_duration.store.database import engine_for_reading

        clock = self._clock()
        engine = engine_for_reading(self._store_url, clock.kind)
        try:
            return [msgspec.to_builtins(one.alert) for one in list_alerts(engine, clock.now())]
        finally:
            engine.dispose()

    @property
    def _store_url(self) -> str:
        from ride_duration.store.database import locate_store

        try:
            return locate_store(str(self._serving["store"]), self._project)
        except (KeyError, TypeError):
            raise ConfigurationError("serving.store is missing; name a store under serving") from None

    def _clock(self) -> Clock:
        clock = self._serving.get("clock")
        return open_clock(self._project / clock if clock else None)

    def _alert(self, found: dict[str, Any], settings: AlertingSettings) -> Alert:
        from ride_duration.alerting.alert import Alert

        evidence = settings.report_url or found["evidence"]
        severity = settings.severities[found["name"]]
        return Alert(**found | {"subject": self._model, "severity": severity, "evidence": evidence})

    def _describe(self) -> dict[str, Any]:
        return {"model": self._model}


def _plain(config: Any) -> Any:
    """Return what OmegaConf made of a group of parameters as plain values."""
    from omegaconf import DictConfig, OmegaConf

    return OmegaConf.to_container(config, resolve=True) if isinstance(config, DictConfig) else config
