"""The packages of registered versions, for those who look back at what they answered."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial

from kedro.io import AbstractDataset

from ride_duration.datasets.release import OfRegistry
from ride_duration.errors import RideDurationError
from ride_duration.model_package import ModelPackage


class RegisteredPackagesDataset(OfRegistry, AbstractDataset[None, "dict[int, Callable[[], ModelPackage]]"]):
    """For each registered version a function that opens its package, which raises where its files were changed.

    There are none where there is no registry. Only loaded, never saved.
    """

    def load(self) -> dict[int, Callable[[], ModelPackage]]:
        if importlib.util.find_spec("mlflow") is None:
            return {}
        registry = self._registry
        return {version.number: partial(registry.package, version.number) for version in registry.versions()}

    def save(self, data: None) -> None:  # noqa: ARG002
        raise RideDurationError("registered packages are not saved; `kedro run` releases them")
