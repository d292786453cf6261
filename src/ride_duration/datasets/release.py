"""Packages and their release, as the catalog sees them."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from kedro.io import AbstractDataset

from ride_duration.atomic import replaced_whole
from ride_duration.datasets.tracked_run import tracked_run
from ride_duration.errors import IntegrityError, RideDurationError
from ride_duration.model_package import ModelPackage
from ride_duration.model_package.files import write_folder
from ride_duration.registry import Registry, former_champions, model_name
from ride_duration.registry.release import GateReport, Outcome, PackageFolder, release_package


class ModelPackageDataset(AbstractDataset[dict[str, bytes], ModelPackage]):
    """A folder with a model package: saved as files, loaded after each hash was compared.

    Args:
        path: The folder.
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self.metadata = metadata

    def load(self) -> ModelPackage:
        return ModelPackage.load(self._path)

    def save(self, data: dict[str, bytes]) -> None:
        write_folder(self._path, data)

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}


class OfRegistry:
    """Finds the registry of a model.

    Args:
        path: The project's `data` folder; addresses in `tracking` are relative to the folder that it lies in.
        tracking: `uri` and `artifacts` of the tracking store.
        taxi_type: Of which taxis.
        source: Where months come from.
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    def __init__(
        self, path: str, tracking: dict[str, str], taxi_type: str, source: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._data = Path(path)
        self._tracking = tracking
        self._name = model_name(taxi_type, source)
        self.metadata = metadata

    @property
    def _registry(self) -> Registry:
        return Registry(self._data.parent, self._tracking, self._name)

    def _describe(self) -> dict[str, Any]:
        return {"model": self._name}


class ChampionDataset(OfRegistry, AbstractDataset[None, "ModelPackage | None"]):
    """The package of the champion; None where there is none yet, or no registry. Only loaded, never saved."""

    def load(self) -> ModelPackage | None:
        if importlib.util.find_spec("mlflow") is None:
            return None
        champion = self._registry.champion()
        if champion is None:
            return None
        try:
            return self._registry.package(champion)
        except RideDurationError as error:
            raise IntegrityError(
                f"the champion, version {champion}, cannot be used: {error}; "
                "restore its files, or go back to the one before with `kedro models rollback`"
            ) from error

    def save(self, data: None) -> None:  # noqa: ARG002
        raise RideDurationError("the champion is not saved but released; see `kedro models --help`")


class FormerChampion(NamedTuple):
    """A version that was champion, and was not rolled back.

    Attributes:
        version: Its number.
        identity: A hash of what it answers with; None where an earlier commit registered it without.
        load: Opens its package; raises a `RideDurationError` where its files are gone or were changed.
    """

    version: int
    identity: str | None
    load: Callable[[], ModelPackage]


class FormerChampionsDataset(OfRegistry, AbstractDataset[None, "list[FormerChampion]"]):
    """The champions before the present one, the newest first, without those rolled back; each is loaded on request.

    There are none where there is no registry. Only loaded, never saved.
    """

    def load(self) -> list[FormerChampion]:
        if importlib.util.find_spec("mlflow") is None:
            return []
        registry = self._registry
        numbers = former_champions(registry.decisions())
        tags = {version.number: version.tags for version in registry.versions()} if numbers else {}
        return [
            FormerChampion(number, tags.get(number, {}).get("identity"), partial(registry.package, number))
            for number in numbers
        ]

    def save(self, data: None) -> None:  # noqa: ARG002
        raise RideDurationError("former champions are not saved; `kedro models history` shows them")


class Release(NamedTuple):
    """A package's release: the report of its gate, the same as a page, and `auto` or `manual` approval."""

    report: dict[str, Any]
    page: str
    approval: str


class ReleaseDataset(OfRegistry, AbstractDataset[Release, dict[str, Any]]):
    """Releases a package when it is saved; see `ride_duration.registry.release`.

    Loading gives the outcome: `version` (None if there is none), `champion` and `outcome` in words.

    Args:
        package: `path` of the package's folder.
        filepath: Where the outcome is kept, as JSON.
        **registry: As `OfRegistry` takes them.
    """

    def __init__(self, package: dict[str, str], filepath: str, **registry: Any) -> None:
        super().__init__(**registry)
        self._package = Path(package["path"])
        self._outcome = Path(filepath)

    def load(self) -> dict[str, Any]:
        return dict(json.loads(self._outcome.read_text()))

    def save(self, data: Release) -> None:
        if tracked_run() is None:
            outcome = Outcome(None, None, "Not released: releases are kept in MLflow, and this run is not tracked.")
        else:
            package = PackageFolder(self._package, ModelPackage.load(self._package))
            outcome = release_package(self._registry, package, GateReport(data.report, data.page), data.approval)
        with replaced_whole(self._outcome) as unfinished:
            values = {"version": outcome.version, "champion": outcome.champion, "outcome": outcome.text}
            unfinished.write_text(json.dumps(values, indent=2) + "\n")

    def _exists(self) -> bool:
        return self._outcome.exists()
