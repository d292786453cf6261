"""The alerts of the store: what the monitoring finds is raised or resolved, and sent."""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from ride_duration.datasets.monitored_store import StoreDataset

if TYPE_CHECKING:
    from ride_duration.alerting.configuration import AlertingSettings

log = logging.getLogger(__name__)

_NEEDED = ("msgspec", "sqlalchemy", "alembic")


class AlertOutboxDataset(StoreDataset, AbstractDataset["dict[str, Any]", "list[dict[str, Any]]"]):
    """Saving raises and resolves alerts about a model, and sends what is due; loading gives those that are open.

    Args:
        path: See `StoreDataset`.
        serving: See `StoreDataset`.
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
        super().__init__(path, serving, taxi_type, source, metadata)
        self._settings: AlertingSettings | None = None
        if all(importlib.util.find_spec(name) for name in _NEEDED):
            from ride_duration.alerting.configuration import parse_alerting

            self._settings = parse_alerting(_plain(alerting))

    def save(self, data: dict[str, Any]) -> None:
        """Raise, resolve and send.

        Args:
            data: Of `describe_alerts`.
        """
        if self._settings is None:
            log.warning("alerts are not kept: the service is not installed; `pip install 'ride_duration[serving]'`")
            return
        from ride_duration.alerting.channels import make_channels
        from ride_duration.alerting.delivery import deliver_due
        from ride_duration.alerting.outbox import Outbox
        from ride_duration.alerting.verdict_alerts import report_verdict

        store = self._store
        try:
            outbox = Outbox(store.engine, self._settings)
            report_verdict(outbox, store.model, data, store.now())
            deliver_due(outbox, make_channels(self._settings), store.now)
        finally:
            store.close()

    def load(self) -> list[dict[str, Any]]:
        if self._settings is None:
            return []
        import msgspec

        from ride_duration.alerting.decisions import list_alerts

        store = self._store
        try:
            return [msgspec.to_builtins(one.alert) for one in list_alerts(store.reading, store.now())]
        finally:
            store.close()


def _plain(config: Any) -> Any:
    """Return what OmegaConf made of a group of parameters as plain values."""
    from omegaconf import DictConfig, OmegaConf

    return OmegaConf.to_container(config, resolve=True) if isinstance(config, DictConfig) else config
