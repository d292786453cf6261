"""The MLflow run that records what Kedro runs, as the catalog sees it."""

from __future__ import annotations

import sys
from typing import Any

from kedro.io import AbstractDataset

from ride_duration.errors import RideDurationError


def tracked_run() -> str | None:
    """Id of the MLflow run that is open; None where nothing is tracked."""
    mlflow = sys.modules.get("mlflow")  # whoever tracks has imported it, which takes seconds
    run = mlflow.active_run() if mlflow else None
    return str(run.info.run_id) if run else None


class TrackedRunDataset(AbstractDataset[None, "str | None"]):
    """Id of the MLflow run that is open; None where nothing is tracked. Only loaded, never saved.

    Args:
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata

    def load(self) -> str | None:
        return tracked_run()

    def save(self, data: None) -> None:  # noqa: ARG002
        raise RideDurationError("which run is tracked is not saved but read; see `kedro runs --help`")

    def _describe(self) -> dict[str, Any]:
        return {}
