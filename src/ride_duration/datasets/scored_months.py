"""Scored months, for those who can do without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro_datasets.partitions import PartitionedDataset


class ScoredMonthsDataset(PartitionedDataset):  # type: ignore[misc]
    """`PartitionedDataset` that has no partitions where there is no folder yet."""

    def load(self) -> dict[str, Callable[[], Any]]:
        return dict(super().load()) if self._exists() else {}
