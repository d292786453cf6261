"""The release transaction: what becomes of a package and the report of its gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.errors import IntegrityError
from ride_duration.provenance import author
from ride_duration.registry.packages import log_package
from ride_duration.storage_errors import is_missing

if TYPE_CHECKING:
    from ride_duration.model_package import ModelPackage
    from ride_duration.registry.registry import Registry

#: What of a package is noted with its version, beside the months.
_FACTS = ("model", "simulated", "rmse", "rmse_without_distance")

_AGAIN = "`kedro run --pipelines=model_release`, with the --params and --env of its training, evaluates and releases it"
_UNTRACKED = "the run that trained the model is not kept here; `kedro run` trains, tracks and releases"


class PackageFolder(NamedTuple):
    """A package that was read, and the folder that it lies in."""

    path: Path
    package: ModelPackage


class GateReport(NamedTuple):
    """What a gate found: `report` with `passed`, `verdict` and the checks, and the same as an HTML `page`."""

    report: dict[str, Any]
    page: str


class Outcome(NamedTuple):
    """What a release led to.

    Attributes:
        version: The version that the package became; None if it became none.
        champion: The champion afterwards, if there is one.
        text: The same in words.
    """

    version: int | None
    champion: int | None
    text: str


def release_package(registry: Registry, package: PackageFolder, report: GateReport, approval: str) -> Outcome:
    """Note a gate, then register the package if it passed, then make it champion unless a person is to decide.

    A package that passed the gate, but is no improvement on the champion, is registered and stays a candidate. An
    MLflow run must be active: the package is logged with it.

    Args:
        registry: Of the package's model.
        package: What is released.
        report: What its gate found.
        approval: `auto`, or `manual` for a person to decide.

    Raises:
        IntegrityError: The report is of another package.
        DecisionRefused: The champion that the gate compared with is not the champion any more.
        RegistryUnavailable: The registry cannot be reached, or is busy.
    """
    found, trainer = report.report, package.package.manifest["run_id"]
    if found.get("package") != package.package.fingerprint:
        raise IntegrityError(
            f"the gate's report is of another package than the one in {package.path}, which is not released; {_AGAIN}"
        )
    if not _is_tracked(trainer):
        return Outcome(None, registry.champion(), f"Not released: {_UNTRACKED}.")
    by = author(registry.project)
    gate = registry.note_gate(found, report.page, trainer, by)
    champion = registry.champion()
    stays = "there is no champion yet" if champion is None else f"version {champion} stays champion"
    if not found["passed"]:
        return Outcome(None, champion, f"Not released; {stays}.")
    if found["same_as_champion"]:
        return Outcome(None, champion, f"It answers just as version {champion} does, which stays champion.")
    version = _register(registry, package, gate, approval)
    finding = found.get("no_improvement")
    if approval == "manual":
        return Outcome(version, champion, _ask_for_approval(version, champion, finding, stays))
    if finding:
        text = f"{finding}: {stays}; `kedro models promote {version}` overrules."
        return Outcome(version, champion, text)
    registry.promote(version, by, f"gate {found['verdict']}")
    before = "" if champion is None else f", after version {champion}"
    return Outcome(version, version, f"Version {version} is champion now{before}.")


def _register(registry: Registry, package: PackageFolder, gate: str, approval: str) -> int:
    manifest = package.package.manifest
    facts = {name: str(manifest[name]) for name in _FACTS if manifest[name] is not None}
    facts |= {name: "+".join(manifest[name]) for name in ("train_data", "val_data")}
    uri = log_package(package.path, {"identity": package.package.identity})
    return registry.register(uri, manifest["run_id"], gate, approval, facts, package.package)


def _ask_for_approval(version: int, champion: int | None, finding: str | None, stays: str) -> str:
    named = f'{version} --by NAME --why "..."'
    ask = f"`kedro models approve {named}`"
    if champion is not None:
        ask += f", or `kedro rollout start {named}` to try it on real rides first"
    found = f"{finding}. " if finding else ""
    return f"{found}Version {version} awaits approval: {ask}; {stays}."


def _is_tracked(run: str | None) -> bool:
    """Whether the store that is open, since this run is tracked, has the run that trained a model."""
    import mlflow

    try:
        return run is not None and mlflow.get_run(run).info.lifecycle_stage == "active"
    except mlflow.MlflowException as error:
        if not is_missing(error):
            raise
        return False
