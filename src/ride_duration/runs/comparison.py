"""Tracked training runs side by side: what each was trained on, how good it was, which parameters differ."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ride_duration.errors import NotFound
from ride_duration.mlflow_store import flat
from ride_duration.provenance import UNKNOWN
from ride_duration.runs.tracked_runs import TrackedRuns, find_run

if TYPE_CHECKING:
    from ride_duration.mlflow_reader import StoredRun

log = logging.getLogger(__name__)

_SHORT = 8

#: Parameters that have a line of their own, so that they are not listed among the differences.
_HEADLINE = ("model", "train_data", "val_data", "service", "source")

#: What decides how a run ends, beside the chosen entry of `models` and the feature sets that are read.
_DECISIVE = (
    "test_data",
    "seed",
    "baselines",
    "intervals",
    "expected_errors",
    "slices",
    "simulation",
    "gate",
    "release",
)

#: What stands behind a commit: whether files had been changed.
_DIRTY = {"true": "*", "unknown": "?"}


def compare_runs(
    project: Path, settings: dict[str, str], run_ids: Sequence[str], last: int
) -> dict[str, dict[str, str | None]]:
    """Put tracked training runs into a table.

    Args:
        project: Folder of the project.
        settings: `uri` and `artifacts` of the tracking store.
        run_ids: First characters of the runs' ids; none for the newest runs.
        last: How many of the newest runs.

    Returns:
        One row a run, newest first, named by the first eight characters of its id: status, start (UTC), model, months,
        metrics on the validation months (RMSE in minutes with a 95 % interval, by which the gate decides; MAE and bias
        beside it), what its gate found, commit (`*` where files had been changed, `?` where that is not known), a
        fingerprint of the raw files, and each parameter in which the runs differ. None where a run has no such figure
        or parameter.

    Raises:
        NotFound: There is no run, or none or several have an id that begins so.
    """
    tracked = TrackedRuns(project, settings)
    found = tracked.find_all()
    chosen = [find_run(found, run_id) for run_id in run_ids] if run_ids else found[:last]
    gates = tracked.find_gates()
    parameters = {run.run_id[:_SHORT]: _parameters(tracked, run) for run in chosen}
    differing = _differing(parameters)
    return {
        run.run_id[:_SHORT]: _row(run, gates.get(run.run_id))
        | {name: parameters[run.run_id[:_SHORT]].get(name) for name in differing}
        for run in chosen
    }


def _row(run: StoredRun, gate: str | None) -> dict[str, str | None]:
    params, metrics, tags = run.params, run.metrics, run.tags
    return {
        "status": run.status.lower(),
        "started": f"{datetime.fromtimestamp(run.started / 1000, UTC):%Y-%m-%d %H:%M}",
        "model": params.get("model"),
        "data": f"{params.get('service')}, {params.get('source')}",
        "months": f"{params.get('train_data')} -> {params.get('val_data')}",
        "RMSE with metered distance": _interval(metrics, ""),
        "RMSE at request time": _interval(metrics, "_without_distance"),
        "MAE": _number(metrics.get("val.mae")),
        "MAE at request time": _number(metrics.get("val.mae_without_distance")),
        "bias": _number(metrics.get("val.bias")),
        "gate": gate,
        "commit": _commit(tags),
        "raw data": _fingerprint(tags),
    }


def _commit(tags: dict[str, str]) -> str:
    commit = tags.get("git_commit", "")
    return commit if commit == UNKNOWN else commit[:7] + _DIRTY.get(tags.get("git_dirty", ""), "")


def _interval(metrics: dict[str, float], suffix: str) -> str | None:
    low, middle, high = (metrics.get(f"val.{name}{suffix}") for name in ("rmse_low", "rmse", "rmse_high"))
    if middle is None:
        return None
    return f"{middle:.3f}" if low is None else f"{middle:.3f} ({low:.2f}-{high:.2f})"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _fingerprint(tags: dict[str, str]) -> str | None:
    files = sorted((name, value) for name, value in tags.items() if name.startswith("raw."))
    return hashlib.sha256(repr(files).encode()).hexdigest()[:8] if files else None


def _parameters(tracked: TrackedRuns, run: StoredRun) -> dict[str, str]:
    """Return the parameters that decided how a run ended, by flat name; if its record is gone, those in MLflow."""
    try:
        recorded = tracked.read_parameters(run)
    except NotFound as error:
        log.warning("%s; it is compared by the parameters in MLflow", error)
        return run.params
    entry = {k: v for k, v in recorded.get("models", {}).get(recorded.get("model"), {}).items() if k != "search_space"}
    decisive = {name: recorded[name] for name in _DECISIVE if name in recorded}
    read = {entry.get("features"), decisive.get("intervals", {}).get("model", {}).get("features")}
    sets = {name: columns for name, columns in recorded.get("feature_sets", {}).items() if name in read}
    return {name: str(value) for name, value in flat(entry | decisive | {"feature_sets": sets}).items()}


def _differing(parameters: dict[str, dict[str, str]]) -> list[str]:
    names = sorted({name for values in parameters.values() for name in values} - set(_HEADLINE))
    return [name for name in names if len({values.get(name) for values in parameters.values()}) > 1]
