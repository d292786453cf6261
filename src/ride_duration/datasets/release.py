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
from ride_duration.provenance import author
from ride_duration.registry import Registry, former_champions, log_package, model_name
from ride_duration.storage_errors import is_missing

#: What of a package is noted with its version, beside the months.
_FACTS = ("model", "simulated", "rmse", "rmse_without_distance")

_AGAIN = "`kedro run --pipelines=model_release`, with the --params and --env of its training, evaluates and releases it"
_UNTRACKED = "the run that trained the model is not kept here; `kedro run` trains, tracks and releases"


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
    """The champions before the present one, the newest first, without those rolled back; each is loaded when asked.

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
    """Releases a package when it is saved: gate noted, then registered, then champion or awaiting approval.

    A package that passed the gate, but is no improvement on the champion, is registered, and stays a candidate.

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
        version, champion, outcome = self._act_on(data)
        with replaced_whole(self._outcome) as unfinished:
            values = {"version": version, "champion": champion, "outcome": outcome}
            unfinished.write_text(json.dumps(values, indent=2) + "\n")

    def _act_on(self, release: Release) -> tuple[int | None, int | None, str]:
        if tracked_run() is None:
            return None, None, "Not released: releases are kept in MLflow, and this run is not tracked."
        registry, report = self._registry, release.report
        package = ModelPackage.load(self._package)
        if report.get("package") != package.fingerprint:
            raise IntegrityError(
                f"the gate's report is of another package than the one in {self._package}, which is not released; "
                f"{_AGAIN}"
            )
        by, trainer = author(self._data.parent), package.manifest["run_id"]
        if not _is_kept(trainer):
            return None, registry.champion(), f"Not released: {_UNTRACKED}."
        gate = registry.note_gate(report, release.page, trainer, by)
        champion = registry.champion()
        stays = "there is no champion yet" if champion is None else f"version {champion} stays champion"
        if not report["passed"]:
            return None, champion, f"Not released; {stays}."
        if report["same_as_champion"]:
            return None, champion, f"It answers just as version {champion} does, which stays champion."
        return self._register(release, package, gate, by, champion, stays)

    def _register(
        self, release: Release, package: ModelPackage, gate: str, by: str, champion: int | None, stays: str
    ) -> tuple[int, int | None, str]:
        """Make a package that passed the gate a version, and the champion if that is left to no person.

        Args:
            release: Its report, and the approval that it needs.
            package: What is registered.
            gate: The run that keeps the report.
            by: Who releases it.
            champion: The version that is champion now, if there is one.
            stays: The same in words.
        """
        registry, manifest = self._registry, package.manifest
        facts = {name: str(manifest[name]) for name in _FACTS if manifest[name] is not None}
        facts |= {name: "+".join(manifest[name]) for name in ("train_data", "val_data")}
        uri = log_package(self._package, {"identity": package.identity})
        version = registry.register(uri, manifest["run_id"], gate, release.approval, facts, package)
        finding = release.report.get("no_improvement")
        if release.approval == "manual":
            named = f'{version} --by NAME --why "..."`'
            ask = f"`kedro models approve {named}"
            if champion is not None:
                ask += f", or `kedro models rollout start {named} to try it on real rides first"
            found = f"{finding}. " if finding else ""
            return version, champion, f"{found}Version {version} awaits approval: {ask}; {stays}."
        if finding:
            return version, champion, f"{finding}: {stays}; `kedro models promote {version}` overrules."
        registry.promote(version, by, f"gate {release.report['verdict']}")
        before = "" if champion is None else f", after version {champion}"
        return version, version, f"Version {version} is champion now{before}."

    def _exists(self) -> bool:
        return self._outcome.exists()


def _is_kept(run: str | None) -> bool:
    """Whether the store that is open, since this run is tracked, has the run that trained a model."""
    import mlflow

    try:
        return run is not None and mlflow.get_run(run).info.lifecycle_stage == "active"
    except mlflow.MlflowException as error:
        if not is_missing(error):
            raise
        return False
