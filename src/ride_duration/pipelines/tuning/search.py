"""Looking for hyper-parameters: trial after trial, each judged on folds inside the training months."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ride_duration.datasets.study import StudyStore, require_optuna
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.metrics import score_both
from ride_duration.pipelines.data_science.models import DurationModel
from ride_duration.pipelines.data_science.training import fit
from ride_duration.pipelines.parameters import Experiment, SearchRange, Training, Tuning
from ride_duration.pipelines.tuning.folds import Fold, make_folds

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

SearchSpace = dict[str, SearchRange]

#: Digits of the values that are tried: those that a reader of the result can use.
_DIGITS = 4

#: What a study records about each trial: the values used, and by fold the RMSE after and before the ride.
HYPER_PARAMETERS, FOLDS = "hyper_parameters", "folds"


def plan_search(training: Training) -> SearchSpace:
    """What is to be tried, by hyper-parameter.

    Raises:
        RideDurationError: The model has no search space, one that leaves out its own values, or Optuna is missing.
    """
    require_optuna()
    choice = training.choice
    if not choice.search_space:
        have = ", ".join(name for name, entry in training.models.items() if entry.search_space)
        raise RideDurationError(f"models.{training.model} has no search_space to tune in; these have one: {have}")
    for name, searched in choice.search_space.items():
        where = f"models.{training.model}.hyper_parameters.{name}"
        if name not in choice.hyper_parameters:
            raise RideDurationError(f"{where} is missing, but is what tuning would begin with; add it")
        if not searched.holds(choice.hyper_parameters[name]):
            raise RideDurationError(
                f"{where} is {choice.hyper_parameters[name]}, but its search_space is {searched}; widen that"
            )
    return choice.search_space


def tune_model(
    train_features: pd.DataFrame,
    search_space: SearchSpace,
    training: Training,
    experiment: Experiment,
    tuning: Tuning,
    tuning_study: StudyStore,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Try hyper-parameters: first those of the model's entry, then what Optuna's TPE sampler suggests.

    See J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011). A study that was interrupted goes on
    where it was, and ends as if nothing had happened: each suggestion depends on the seed and the finished trials only.

    Returns:
        One row a trial: `trial` (from 1; the first one has the entry's own values), `state` (complete or pruned),
        `objective` (minutes; of a pruned trial, that of the folds it has seen), `rmse` and `rmse_without_distance` of
        each fold, and the hyper-parameters. And what was found: the best trial and the first one.

    Raises:
        RideDurationError: A trial's values are refused by the estimator, or the months cannot be cut into folds.
    """
    import optuna

    folds = make_folds(train_features, tuning.folds, tuning.fold_share)
    study = tuning_study.open(_study_name(train_features, training, experiment, tuning))
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=tuning.trials_before_pruning)
    for fold in folds:
        log.info("       a fold of %s: learns from %d trips, is judged on %d", fold.month, *map(len, _parts(fold)))
    if done := len(_finished(study)):
        log.info("       going on after trial %d", done)
    else:
        shipped = {name: training.choice.hyper_parameters[name] for name in search_space}
        study.enqueue_trial(shipped, skip_if_exists=bool(study.get_trials(states=(optuna.trial.TrialState.WAITING,))))

    def judge(trial: optuna.Trial) -> float:
        return _judge(trial, folds, _with(training, _suggest(trial, search_space)))

    while (done := len(_finished(study))) < tuning.trials:
        study.sampler = optuna.samplers.TPESampler(seed=_seed(training.seed, done))
        started = time.perf_counter()
        study.optimize(judge, n_trials=1, callbacks=tuning_study.listeners)
        log.info("       %s", _progress(study, tuning, time.perf_counter() - started))
    trials = _table(study)
    return trials, _outcome(study, trials, training, experiment, folds)


def _parts(fold: Fold) -> tuple[pd.DataFrame, pd.DataFrame]:
    return fold.learnt, fold.judged


def _study_name(rows: pd.DataFrame, training: Training, experiment: Experiment, tuning: Tuning) -> str:
    """One name for all that decides how a trial ends, so that another command, or other data, begins a new study."""
    choice = training.choice
    decisive = {
        "choice": choice.model_dump(mode="json"),
        "features": training.feature_sets[choice.features].model_dump(mode="json"),
        "seed": training.seed,
        "tuning": tuning.model_dump(exclude={"trials"}),
        "rows": hashlib.sha256(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes()).hexdigest(),
    }
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    return f"{training.model} {experiment.train_data} {experiment.service} {experiment.source} {digest}"


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that count: those that a kill or an error ended are made anew."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _seed(seed: int, done: int) -> int:
    return int(np.random.SeedSequence([seed, done]).generate_state(1)[0])


def _suggest(trial: optuna.Trial, search_space: SearchSpace) -> dict[str, Any]:
    suggested = {name: _value(trial, name, searched) for name, searched in search_space.items()}
    trial.set_user_attr(HYPER_PARAMETERS, suggested)
    return suggested


def _value(trial: optuna.Trial, name: str, searched: SearchRange) -> Any:
    if searched.low is None or searched.high is None:
        return trial.suggest_categorical(name, searched.choices)
    if searched.whole:
        return trial.suggest_int(name, int(searched.low), int(searched.high), log=searched.log)
    return float(f"{trial.suggest_float(name, searched.low, searched.high, log=searched.log):.{_DIGITS}g}")


def _with(training: Training, hyper_parameters: dict[str, Any]) -> Training:
    choice = training.choice.model_copy(
        update={"hyper_parameters": training.choice.hyper_parameters | hyper_parameters}
    )
    return training.model_copy(update={"models": training.models | {training.model: choice}})


def _judge(trial: optuna.Trial, folds: list[Fold], training: Training) -> float:
    """The objective: the mean over folds of the mean of the RMSEs (minutes) that the model has, after and before."""
    import optuna

    scores: list[dict[str, float | None]] = []
    for step, fold in enumerate(folds):
        scores.append(_score(fit(training.model, fold.learnt, training, say=log.debug), fold.judged))
        trial.set_user_attr(FOLDS, scores)
        objective = round(float(np.mean([_mean(score) for score in scores])), 6)
        trial.report(objective, step)
        if step < len(folds) - 1 and trial.should_prune():
            raise optuna.TrialPruned
    return objective


def _mean(score: dict[str, float | None]) -> float:
    return float(np.mean([rmse for rmse in score.values() if rmse is not None]))


def _score(model: DurationModel, rows: pd.DataFrame) -> dict[str, float | None]:
    without = model.predict_without_distance(rows)
    unknown = np.full(len(rows), np.nan)
    measures = score_both(rows["duration"].to_numpy(), model.predict(rows), unknown if without is None else without)
    return {name: measures[name] for name in ("rmse", "rmse_without_distance")}


def _progress(study: optuna.Study, tuning: Tuning, seconds: float) -> str:
    finished = _finished(study)
    last, best = finished[-1], study.best_trial
    folds = len(last.user_attrs[FOLDS])
    ended = f"{last.value:.3f}" if last.state.name == "COMPLETE" else f"{last.value:.3f}, stopped after {folds} fold(s)"
    number = 1 + next(index for index, trial in enumerate(finished) if trial.number == best.number)
    return f"trial {len(finished)}/{tuning.trials}: {ended}, {seconds:.0f} s (best {best.value:.3f}, trial {number})"


def _table(study: optuna.Study) -> pd.DataFrame:
    rows = []
    for number, trial in enumerate(_finished(study), start=1):
        folds = {
            f"{name}_{index}": value
            for index, score in enumerate(trial.user_attrs[FOLDS], start=1)
            for name, value in score.items()
        }
        rows.append(
            {"trial": number, "state": trial.state.name.lower(), "objective": trial.value}
            | folds
            | trial.user_attrs[HYPER_PARAMETERS]
        )
    return pd.DataFrame(rows)


def _outcome(
    study: optuna.Study, trials: pd.DataFrame, training: Training, experiment: Experiment, folds: list[Fold]
) -> dict[str, Any]:
    best = int(trials["objective"].where(trials["state"] == "complete").argmin())
    return {
        "model": training.model,
        "train_data": experiment.train_data,
        "service": experiment.service,
        "source": experiment.source,
        "simulated": experiment.simulated,
        "seed": training.seed,
        "study": study.study_name,
        "trials": len(trials),
        "pruned": int((trials["state"] == "pruned").sum()),
        "folds": [{"month": fold.month, "learnt": len(fold.learnt), "judged": len(fold.judged)} for fold in folds],
        "first": {"trial": 1, "objective": float(trials["objective"][0])},
        "best": {"trial": best + 1, "objective": float(trials["objective"][best])},
        "hyper_parameters": _finished(study)[best].user_attrs[HYPER_PARAMETERS],
    }
