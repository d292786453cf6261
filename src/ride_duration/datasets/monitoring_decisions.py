"""Changes that people have accepted, as decisions in the store of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro.io import AbstractDataset

from ride_duration.datasets.monitored_store import StoreDataset

if TYPE_CHECKING:
    from ride_duration.store.monitoring import DecisionRow


class MonitoringDecisionsDataset(StoreDataset, AbstractDataset["DecisionRow", "list[DecisionRow]"]):
    """Accepted changes of one model: one when saved, which is dated then; all, the newest first, when loaded."""

    def save(self, data: DecisionRow) -> None:
        import msgspec

        from ride_duration.store.monitoring import add_decision

        add_decision(self._store.engine, self._store.model, msgspec.structs.replace(data, at=self._store.now()))

    def load(self) -> list[DecisionRow]:
        return self._store.load_acceptances()
