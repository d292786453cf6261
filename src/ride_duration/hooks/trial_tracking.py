"""Each trial of tuning as an MLflow run of its own, below the run that tunes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ride_duration.clock import local_time
from ride_duration.datasets.study import finished_trials
from ride_duration.mlflow_store import KIND
from ride_duration.pipelines.tuning.trials import FOLDS, HYPER_PARAMETERS

if TYPE_CHECKING:
    from datetime import datetime

    from optuna import Study
    from optuna.trial import FrozenTrial


def log_trial(parent_id: str, study: Study, trial: FrozenTrial) -> None:
    """Record a trial that has just ended.

    Args:
        parent_id: Id of the MLflow run that tunes.
        study: What the trial belongs to.
        trial: Complete or pruned.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    client = MlflowClient()
    began, ended = _milliseconds(trial.datetime_start), _milliseconds(trial.datetime_complete)
    run = client.create_run(
        client.get_run(parent_id).info.experiment_id,
        began,
        {MLFLOW_PARENT_RUN_ID: parent_id, KIND: "trial", "state": trial.state.name.lower()},
        f"trial {len(finished_trials(study))}",
    )
    scores = {("objective", fold): value for fold, value in trial.intermediate_values.items()} | {
        (name, fold): rmse
        for fold, score in enumerate(trial.user_attrs[FOLDS], start=1)
        for name, rmse in score.items()
        if rmse is not None
    }
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(name, value, ended, fold) for (name, fold), value in scores.items()],
        params=[Param(name, str(value)) for name, value in trial.user_attrs[HYPER_PARAMETERS].items()],
    )
    client.set_terminated(run.info.run_id, "FINISHED", ended)


def _milliseconds(time: datetime | None) -> int:
    return int((time or local_time()).timestamp() * 1000)
