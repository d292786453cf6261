"""The days on which something broke, as the store of the service knows them."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset

from ride_duration.datasets.monitored_store import StoreDataset
from ride_duration.errors import ConfigurationError, RideDurationError

if TYPE_CHECKING:
    from ride_duration.store.monitoring import IncidentDay

_NEEDED = ("msgspec", "sqlalchemy")


class IncidentDaysDataset(StoreDataset, AbstractDataset["NoReturn", "list[IncidentDay]"]):
    """Days of official incidents, and days that people have marked, of one type of taxi. Only loaded, never saved.

    There are none where nothing was ever served, and no store is made to find out.

    Args:
        path: See `StoreDataset`.
        serving: See `StoreDataset`.
        taxi_type: See `StoreDataset`.
        source: See `StoreDataset`.
        leave_out: Whether they are asked for; else there are none.
        metadata: Ignored here; kedro-viz reads the layer from it.

    Raises:
        ConfigurationError: `leave_out` is not true or false.
    """

    def __init__(
        self,
        path: str,
        serving: dict[str, Any],
        taxi_type: str,
        source: str,
        leave_out: bool,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(path, serving, taxi_type, source, metadata)
        if not isinstance(leave_out, bool):
            raise ConfigurationError(f"leave_out_incident_days must be true or false, not '{leave_out}'")
        self._leave_out = leave_out

    def load(self) -> list[IncidentDay]:
        """Return the days in their order, but for those on which the service alone was at fault.

        Raises:
            RideDurationError: There is a store, and it cannot be read.
        """
        if not self._leave_out or not all(importlib.util.find_spec(name) for name in _NEEDED):
            return []
        from ride_duration.store.monitoring import SKEW

        try:
            return [one for one in self._store.load_incident_days() if one.kind != SKEW]
        except RideDurationError as error:
            raise type(error)(
                f"incident days, which training leaves out, cannot be read: {error}; to train on all days, give "
                "--params=leave_out_incident_days=false"
            ) from error

    def save(self, data: NoReturn) -> NoReturn:  # noqa: ARG002
        raise RideDurationError(
            "incident days are not saved; `kedro monitor run` finds, `kedro monitor mark` marks them"
        )
