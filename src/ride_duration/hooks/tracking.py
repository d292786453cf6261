"""Every training, release, tuning and backtest is tracked in MLflow: what went in, what came out, and by which code.

MLflow takes seconds to import; runs without a node tagged as one of `KINDS` never do.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kedro
from kedro.framework.hooks import hook_impl

from ride_duration.mlflow_store import EXPERIMENT, KIND, connect, flat, owner_tags
from ride_duration.pipelines import BACKTEST_TAG, RELEASE_TAG, TRAINING_TAG, TUNING_TAG
from ride_duration.pipelines.parameters import RawMonths
from ride_duration.provenance import UNKNOWN, author, code_at_hand, why_unknown
from ride_duration.runs.ownership import close_interrupted_runs

if TYPE_CHECKING:
    import pandas as pd
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

    from ride_duration.datasets.study import StudyStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """A kind of run that is tracked.

    Attributes:
        name: Of the run, from parameters.
        params: Parameters that are recorded, beside those of the model.
        months: The group of parameters that says which raw months are read.
    """

    name: str
    params: tuple[str, ...]
    months: str


_SPLITS = ("train_data", "val_data", "test_data")

#: By the tag of the nodes that make a run one of the kind; the first that fits is meant.
KINDS = {
    TRAINING_TAG: Kind("{model} {train_data} -> {val_data}", _SPLITS, "raw_months"),
    RELEASE_TAG: Kind("release of {model} {train_data} -> {val_data}", _SPLITS, "raw_months"),
    TUNING_TAG: Kind("tuning of {model} {train_data}", _SPLITS, "raw_months"),
    BACKTEST_TAG: Kind(
        "backtest of {model} {backtest_data}", ("backtest_data", "backtest_policies"), "backtest_months"
    ),
}

#: Catalog entries that become artifacts, when the run made them.
_ARTIFACTS = (
    *("metrics", "slice_metrics", "model", "baselines", "quality_report", "raw_fingerprints", "run_summary"),
    *("metrics_summary", "interval_model", "gate_report", "gate_page"),
    *("backtest_metrics", "backtest_summary"),
    *("tuned_model", "tuning_trials", "tuning_summary"),
)
#: Most characters that MLflow's tables keep.
_LONGEST_RUN_NAME = 250

_PLOT_SUFFIX = "_plot"
_FINGERPRINTS = "raw_fingerprints"
_STUDY = "tuning_study"


class TrackingHook:
    """Opens an MLflow run before one of `KINDS`, and closes it with everything that was made, or with the error."""

    def __init__(self) -> None:
        self._context: KedroContext | None = None
        self._run_id: str | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context = context

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        self._run_id = None
        kind = next((tag for tag in KINDS if pipeline.only_nodes_with_tags(tag).nodes), None)
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
        if _FINGERPRINTS not in pipeline.all_outputs() and catalog.exists(_FINGERPRINTS):
            with _failing_openly():
                _log_fingerprints(_of_these_months(catalog.load(_FINGERPRINTS), parameters[KINDS[kind].months]))

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        if self._run_id and dataset_name == _STUDY:
            from ride_duration.hooks.trial_tracking import log_trial

            store: StudyStore = data
            store.listeners.append(partial(log_trial, self._run_id))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if self._run_id and dataset_name == _FINGERPRINTS:
            _log_fingerprints(data)

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
    raw_months = RawMonths.model_validate(read)
    stems = {raw_months.raw_service.file_stem(month) for month in raw_months.months}
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
    project: Path, settings: dict[str, str], run_params: dict[str, Any], parameters: dict[str, Any], kind: str
) -> str:
    experiment_id = connect(project, settings, EXPERIMENT)
    import mlflow

    close_interrupted_runs(project, settings, experiment_id)
    run = mlflow.start_run(
        experiment_id=experiment_id,
        run_name=KINDS[kind].name.format(**parameters)[:_LONGEST_RUN_NAME],
        tags=_origin(project, run_params) | owner_tags(project) | {KIND: kind},
    )
    with _failing_openly():
        chosen = dict(parameters["training"]["models"].get(parameters["model"], {}))
        if kind == TUNING_TAG:
            chosen |= {"tuning": parameters["tuning"]}
        else:
            chosen.pop("search_space", None)
        headline = ("model", *KINDS[kind].params, "service", "source", "seed")
        mlflow.log_params({name: parameters[name] for name in headline} | flat(chosen))
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
    import mlflow

    made = pipeline.all_outputs()
    if "metrics" in made:
        mlflow.log_metrics(flat(catalog.load("metrics"), numbers_only=True))
    if "backtest_metrics" in made:
        _log_months(catalog.load("backtest_metrics"))
    if "tuning_result" in made:
        result = catalog.load("tuning_result")
        mlflow.set_tag("study", result["study"])
        mlflow.log_metrics(flat({name: result[name] for name in ("first", "best")}, numbers_only=True))
    for name in sorted(made):
        if name in _ARTIFACTS or name.endswith(_PLOT_SUFFIX):
            mlflow.log_artifact(_path(catalog, name), "plots" if name.endswith(_PLOT_SUFFIX) else None)
    figures = [catalog.load(name) for name in sorted(made) if name.endswith(_PLOT_SUFFIX)]
    if figures:
        mlflow.log_text(_page(figures), "plots/plots.html")


def _log_months(backtest_metrics: pd.DataFrame) -> None:
    """Each policy's measures as curves, for instance `last_3.rmse`: step 1 is the first month judged."""
    import mlflow

    for step, (_, judged) in enumerate(backtest_metrics.groupby("month"), start=1):
        for policy, measures in judged.set_index("policy").select_dtypes("number").dropna(axis=1).iterrows():
            mlflow.log_metrics({f"{policy}.{name}": value for name, value in measures.items()}, step=step)


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
