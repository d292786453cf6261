"""Tracked training runs side by side: what each learnt from, how good it was, and in which parameters they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ride_duration.errors import NotFound, RideDurationError
from ride_duration.mlflow_store import EXPERIMENT, KIND, connect, experiments_before, flat, recorded_parameters
from ride_duration.pipelines import TRAINING_TAG
from ride_duration.provenance import UNKNOWN

#: Parameters that have a line of their own, so that they are not listed among the differences.
_HEADLINE = ("model", "train_data", "val_data", "service", "source")

#: What decides how a run ends, beside the chosen entry of the zoo and the feature sets that are read.
_DECISIVE = ("test_data", "seed", "baselines", "intervals", "slices", "simulation", "gate", "release")

#: What stands behind a commit: whether files had been changed.
_DIRTY = {"true": "*", "unknown": "?"}


def compare_runs(project: Path, settings: dict[str, str], run_ids: Sequence[str], last: int) -> pd.DataFrame:
    """Put tracked training runs into a table.

    Args:
        project: Folder of the project.
        settings: `uri` and `artifacts` of the tracking store.
        run_ids: First characters of the runs' ids; none for the newest runs.
        last: How many of the newest runs.

    Returns:
        One row a run, newest first, named by the first eight characters of its id: status, start (UTC), model, months,
        metrics on the validation months (RMSE in minutes with a 95 % interval, by which the gate decides; MAE and bias
        beside it), commit (`*` where files had been changed, `?` where that is not known), a fingerprint of the raw
        files, and each parameter in which the runs differ. None where a run has no such figure or parameter.

    Raises:
        RideDurationError: No run is there, or none or several have an id that begins so.
    """
    found = find_runs(project, settings)
    chosen = [find_run(found, run_id) for run_id in run_ids] if run_ids else found[:last]
    artifacts = project / settings["artifacts"]
    rows = {run.info.run_id[:8]: _row(run) for run in chosen}
    table = pd.DataFrame.from_dict(rows, orient="index")
    parameters = {run.info.run_id[:8]: _parameters(run, artifacts) for run in chosen}
    whole = table.join(_differences(parameters)).astype(object)
    return whole.where(whole.notna(), None)


def find_runs(project: Path, settings: dict[str, str]) -> list[Any]:
    """All tracked training runs of a project, the newest first, those from before it was moved or copied among them.

    Raises:
        RideDurationError: There are none.
    """
    experiment_id = connect(project, settings, EXPERIMENT)
    import mlflow

    experiments = [experiment_id, *experiments_before(EXPERIMENT)]
    tracked = mlflow.search_runs(experiments, order_by=["attributes.start_time DESC"], output_format="list")
    found = [run for run in tracked if run.data.tags.get(KIND, TRAINING_TAG) == TRAINING_TAG]
    if not found:
        raise NotFound("no training run has been tracked yet; `kedro run` makes the first")
    return found


def find_run(runs: list[Any], run_id: str) -> Any:
    """The run whose id begins so.

    Raises:
        RideDurationError: None or several do.
    """
    matches = [run for run in runs if run.info.run_id.startswith(run_id)]
    if len(matches) != 1:
        many = "several training runs have ids that begin" if matches else "no training run has an id that begins"
        raise NotFound(f"{many} with '{run_id}'; `kedro runs compare` lists the newest")
    return matches[0]


def _row(run: Any) -> dict[str, Any]:
    params, metrics, tags = run.data.params, run.data.metrics, run.data.tags
    return {
        "status": run.info.status.lower(),
        "started": f"{pd.Timestamp(run.info.start_time, unit='ms'):%Y-%m-%d %H:%M}",
        "model": params.get("model"),
        "data": f"{params.get('service')}, {params.get('source')}",
        "months": f"{params.get('train_data')} -> {params.get('val_data')}",
        "RMSE after the ride": _interval(metrics, ""),
        "RMSE before the ride": _interval(metrics, "_without_distance"),
        "MAE": _number(metrics.get("val.mae")),
        "MAE before the ride": _number(metrics.get("val.mae_without_distance")),
        "bias": _number(metrics.get("val.bias")),
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


def _parameters(run: Any, artifacts: Path) -> dict[str, str]:
    """The parameters that decided how a run ended, by flat name; of a run whose record is gone, those in MLflow."""
    try:
        recorded = recorded_parameters(run, artifacts)
    except RideDurationError:
        return dict(run.data.params)
    entry = {k: v for k, v in recorded.get("models", {}).get(recorded.get("model"), {}).items() if k != "search_space"}
    decisive = {name: recorded[name] for name in _DECISIVE if name in recorded}
    read = {entry.get("features"), decisive.get("intervals", {}).get("model", {}).get("features")}
    sets = {name: columns for name, columns in recorded.get("feature_sets", {}).items() if name in read}
    return {name: str(value) for name, value in flat(entry | decisive | {"feature_sets": sets}).items()}


def _differences(params: dict[str, dict[str, str]]) -> pd.DataFrame:
    names = sorted({name for values in params.values() for name in values} - set(_HEADLINE))
    differing = [name for name in names if len({values.get(name) for values in params.values()}) > 1]
    rows = {run_id: {name: values.get(name) for name in differing} for run_id, values in params.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=differing)
