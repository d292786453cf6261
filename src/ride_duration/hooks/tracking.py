"""Runs are tracked in MLflow: what went in, what came out, and by which code.

Which runs are tracked, the pipelines declare (`pipelines.declarations.Tracked`); what becomes of a dataset, its catalog
entry says, in `metadata`:

    mlflow:
      artifact: true              # its file becomes an artifact; or the name of a folder of artifacts
      page: plots/plots.html      # its figure is shown on this page, with the other figures of the run
      metrics: true               # the numbers of a nested dictionary; or a list of its keys
      tags: [study]               # keys of a dictionary that become tags
      curves: {step: month, series: policy}   # columns of a table whose other numbers become curves
      fingerprints: true          # hash and rows of each raw month, which become tags
      trials: true                # a study, whose trials become runs below this one

MLflow takes seconds to import; runs that are not tracked never do.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kedro
from kedro.framework.hooks import hook_impl

from ride_duration.mlflow_store import EXPERIMENT, KIND, connect, flat, owner_tags
from ride_duration.pipelines.declarations import Tracked, find_tracked
from ride_duration.provenance import UNKNOWN, author, code_at_hand, why_unknown

if TYPE_CHECKING:
    import pandas as pd
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

    from ride_duration.datasets.study import StudyStore

log = logging.getLogger(__name__)


#: Most characters that MLflow's tables keep.
_LONGEST_RUN_NAME = 250


class TrackingHook:
    """Opens an MLflow run before a run that is tracked, and closes it with what was made, or with the error."""

    def __init__(self) -> None:
        self._context: KedroContext | None = None
        self._catalog: DataCatalog | None = None
        self._run_id: str | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context = context

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        self._run_id = None
        kind = _find_kind(pipeline)
        if self._context is None or kind is None:
            return
        if importlib.util.find_spec("mlflow") is None:
            log.warning("not tracked: MLflow is not installed; `pip install 'ride_duration[tracking]'` brings it")
            return
        if run_params.get("only_missing_outputs"):
            log.warning("not tracked: with --only-missing-outputs, results may be those of other parameters")
            return
        close_interrupted()
        settings = self._context.config_loader["globals"]["tracking"]
        parameters = self._context.config_loader["parameters"]
        self._run_id = _start(self._context.project_path, settings, run_params, parameters, kind)
        self._catalog = catalog
        with _failing_openly():
            for name in _fingerprints_of(catalog):
                if kind.months and name not in pipeline.all_outputs() and catalog.exists(name):
                    _log_fingerprints(_of_these_months(catalog.load(name), parameters[kind.months]))

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        if self._run_id and self._metadata_of(dataset_name).get("trials"):
            from ride_duration.hooks.trial_tracking import log_trial

            store: StudyStore = data
            store.listeners.append(partial(log_trial, self._run_id))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if self._run_id and self._metadata_of(dataset_name).get("fingerprints"):
            _log_fingerprints(data)

    def _metadata_of(self, dataset_name: str) -> dict[str, Any]:
        return {} if self._catalog is None else _mlflow_metadata(self._catalog, dataset_name)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        if self._run_id:
            import mlflow

            with _failing_openly():
                _log_outcome(pipeline, catalog)
            mlflow.end_run("FINISHED")
            log.info("tracked as MLflow run %s", self._run_id)

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        if self._run_id:
            _fail(error)


def _find_kind(pipeline: Pipeline) -> Tracked | None:
    """Return what the first node that makes a run a tracked one makes of it."""
    kinds = {kind.tag: kind for kind in find_tracked()}
    return next((kinds[tag] for node in pipeline.nodes for tag in sorted(node.tags) if tag in kinds), None)


def _mlflow_metadata(catalog: DataCatalog, name: str) -> dict[str, Any]:
    """Return what the catalog entry of a dataset says of MLflow."""
    metadata = getattr(catalog.get(name), "metadata", None) or {}
    return dict(metadata.get("mlflow") or {})


def _fingerprints_of(catalog: DataCatalog) -> list[str]:
    """Return the names of the datasets that hold fingerprints of raw months."""
    declared = catalog.config_resolver.config.items()
    entries = {name: (entry.get("metadata") or {}).get("mlflow") for name, entry in declared}
    return [name for name, mlflow in entries.items() if mlflow and mlflow.get("fingerprints")]


@contextmanager
def _failing_openly() -> Iterator[None]:
    """An error while recording ends the run as FAILED; MLflow itself would end it as FINISHED."""
    try:
        yield
    except Exception as error:
        _fail(error)
        raise


def _fail(error: Exception) -> None:
    import mlflow

    if mlflow.active_run():
        mlflow.set_tag("error", f"{type(error).__name__}: {error}"[:5000])
        mlflow.end_run("FAILED")


def _of_these_months(fingerprints: dict[str, Any], read: dict[str, Any]) -> dict[str, Any]:
    """The fingerprints of the months that a run reads: those of an earlier run may be of others."""
    from ride_duration.pipelines.parameters import RawMonths

    raw_months = RawMonths.model_validate(read)
    stems = {raw_months.layout.file_stem(month) for month in raw_months.months}
    return {stem: entry for stem, entry in fingerprints.items() if stem in stems}


def close_interrupted() -> None:
    """End, as KILLED, the run that an interrupt left open: Kedro tells hooks of errors, but not of Ctrl-C."""
    mlflow = sys.modules.get("mlflow")
    if mlflow and mlflow.active_run():
        try:
            mlflow.set_tag("error", "interrupted")
            mlflow.end_run("KILLED")
        except mlflow.MlflowException:  # the store is away; the next run ends it
            log.warning("the interrupted run is still open in MLflow; the next run ends it")


def _start(
    project: Path, settings: dict[str, str], run_params: dict[str, Any], parameters: dict[str, Any], kind: Tracked
) -> str:
    experiment_id = connect(project, settings, EXPERIMENT)
    import mlflow

    from ride_duration.runs.ownership import close_interrupted_runs

    close_interrupted_runs(project, settings, experiment_id)
    run = mlflow.start_run(
        experiment_id=experiment_id,
        run_name=kind.run_name.format(**parameters)[:_LONGEST_RUN_NAME],
        tags=_origin(project, run_params) | owner_tags(project) | {KIND: kind.tag},
    )
    with _failing_openly():
        chosen = dict(parameters["training"]["models"].get(parameters["model"], {}))
        if not kind.search_space:
            chosen.pop("search_space", None)
        chosen |= {name: parameters[name] for name in kind.groups}
        headline = {name: parameters[name] for name in ("model", *kind.params, "source", "seed")}
        mlflow.log_params(headline | {"service": parameters["taxi_type"]} | flat(chosen))
        mlflow.log_dict(parameters, "parameters.json")
    return str(run.info.run_id)


def _origin(project: Path, run_params: dict[str, Any]) -> dict[str, str]:
    """Tags that say which code ran, and for whom."""
    code = code_at_hand(project)
    if UNKNOWN in (code["git_commit"], code["git_dirty"]) and (why := why_unknown(project)):
        log.warning("the run is tracked without its commit: %s", why)
    return code | {
        "kedro_version": kedro.__version__,
        "pipeline": "+".join(run_params.get("pipeline_names") or ["__default__"]),
        "environment": str(run_params.get("env")),
        "author": author(project),
    }


def _log_outcome(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Log what the run has made, as the catalog says."""
    import mlflow

    pages: dict[str, list[Any]] = {}
    for name in sorted(pipeline.all_outputs()):
        says = _mlflow_metadata(catalog, name)
        if keys := says.get("metrics"):
            values = catalog.load(name)
            chosen = values if keys is True else {key: values[key] for key in keys}
            mlflow.log_metrics(flat(chosen, numbers_only=True))
        for key in says.get("tags", ()):
            mlflow.set_tag(key, catalog.load(name)[key])
        if curves := says.get("curves"):
            _log_curves(catalog.load(name), curves["step"], curves["series"])
        if folder := says.get("artifact"):
            mlflow.log_artifact(_path(catalog, name), None if folder is True else folder)
        if page := says.get("page"):
            pages.setdefault(page, []).append(catalog.load(name))
    for page, figures in pages.items():
        mlflow.log_text(_page(figures), page)


def _log_curves(table: pd.DataFrame, step: str, series: str) -> None:
    """Log the numbers of each series as curves, for instance `last_3.rmse`: step 1 is the first value of `step`."""
    import mlflow

    for number, (_, rows) in enumerate(table.groupby(step), start=1):
        for name, measures in rows.set_index(series).select_dtypes("number").dropna(axis=1).iterrows():
            mlflow.log_metrics({f"{name}.{measure}": value for measure, value in measures.items()}, step=number)


def _page(figures: list[Any]) -> str:
    """All plots on one web page that needs no network."""
    parts = [figure.to_html(full_html=False, include_plotlyjs=index == 0) for index, figure in enumerate(figures)]
    return "<!doctype html><meta charset='utf-8'><title>Plots</title>" + "".join(parts)


def _log_fingerprints(fingerprints: dict[str, Any]) -> None:
    """The sha256 and the number of rows of every raw month, as tags."""
    import mlflow

    mlflow.set_tags({f"raw.{stem}": f"{entry['sha256']} {entry['rows']}" for stem, entry in fingerprints.items()})


def _path(catalog: DataCatalog, name: str) -> str:
    return str(catalog[name]._describe()["filepath"])
