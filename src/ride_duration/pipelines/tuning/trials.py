"""One trial: values from the search space, evaluated on every fold as a model of production would be."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.model_choice import SearchRange
from ride_duration.pipelines.data_science.parameters import Training
from ride_duration.pipelines.data_science.training import fit
from ride_duration.pipelines.tuning.folds import Fold
from ride_duration.stats.metrics import score_both

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

#: What a study records of each trial: the values used, and by fold the RMSE with metered distance and at request time.
HYPER_PARAMETERS, FOLDS = "hyper_parameters", "folds"

#: Digits of the values that are tried: those that a reader of the result can use.
_DIGITS = 4

#: Decimals of the objective and of what it is made of: a microminute, as in `metrics`.
DECIMALS = 6


def score_trial(trial: optuna.Trial, folds: list[Fold], training: Training) -> float:
    """Return the objective: the mean over folds of the mean of the model's RMSEs at the moments that it can answer.

    Args:
        trial: Suggests values, keeps what they were worth, and says when to stop early.
        folds: In the order of time.
        training: The chosen model, and the model configurations that it is chosen from.

    Returns:
        Minutes.

    Raises:
        RideDurationError: The estimator refuses the values, or gives no numbers with them.
        optuna.TrialPruned: The folds so far are worse than those of other trials.
    """
    import optuna

    values = {name: _value(trial, name, searched) for name, searched in training.choice.search_space.items()}
    trial.set_user_attr(HYPER_PARAMETERS, values)
    scores: list[dict[str, float | None]] = []
    for fold in folds:
        try:
            model = fit(training.model, fold.train, _with(training, values), say=log.debug)
        except RideDurationError as error:
            raise RideDurationError(f"{error}; tuning had tried {values}") from error
        scores.append(_score(model, fold.evaluation))
        objective = round(float(np.mean([_mean(score) for score in scores])), DECIMALS)
        if not np.isfinite(objective):
            raise RideDurationError(
                f"'{training.model}' answers no numbers with {values}; narrow models.{training.model}.search_space"
            )
        trial.set_user_attr(FOLDS, scores)
        trial.report(objective, step=len(scores))
        if fold is not folds[-1] and trial.should_prune():
            raise optuna.TrialPruned
    return objective


def _value(trial: optuna.Trial, name: str, searched: SearchRange) -> Any:
    if searched.low is None or searched.high is None:
        return trial.suggest_categorical(name, searched.choices)
    if searched.whole:
        return trial.suggest_int(name, int(searched.low), int(searched.high), log=searched.log)
    return float(f"{trial.suggest_float(name, searched.low, searched.high, log=searched.log):.{_DIGITS}g}")


def _with(training: Training, values: dict[str, Any]) -> Training:
    choice = training.choice.model_copy(update={"hyper_parameters": training.choice.hyper_parameters | values})
    return training.model_copy(update={"models": training.models | {training.model: choice}})


def _score(model: DurationModel, rows: pd.DataFrame) -> dict[str, float | None]:
    without = model.predict_without_distance(rows)
    before = np.full(len(rows), np.nan) if without is None else without
    measures = score_both(rows["duration"].to_numpy(), model.predict(rows), before)
    return {name: measures[name] for name in ("rmse", "rmse_without_distance")}


def _mean(score: dict[str, float | None]) -> float:
    known = [rmse for rmse in score.values() if rmse is not None]
    return float(np.mean(known)) if known else np.nan
