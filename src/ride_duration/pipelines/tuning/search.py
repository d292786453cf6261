"""Looking for hyper-parameters, trial after trial, in a study that survives a kill."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ride_duration.datasets.study import StudyStore, finished_trials, require_optuna
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.parameters import Experiment, Training
from ride_duration.pipelines.tuning.folds import Fold, make_folds
from ride_duration.pipelines.tuning.parameters import Tuning
from ride_duration.pipelines.tuning.trials import DECIMALS, FOLDS, HYPER_PARAMETERS, score_trial

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)


def check_search(training: Training) -> None:
    """Check, before any data are read, that the chosen model can be tuned.

    Raises:
        RideDurationError: The model has no search space, or one that leaves out its own values; or Optuna is missing.
    """
    require_optuna()
    choice = training.choice
    if not choice.search_space:
        have = ", ".join(name for name, entry in training.models.items() if entry.search_space) or "none"
        raise RideDurationError(f"models.{training.model} has no search_space to tune in; these have one: {have}")
    for name, searched in choice.search_space.items():
        where = f"models.{training.model}.hyper_parameters.{name}"
        if name not in choice.hyper_parameters:
            raise RideDurationError(f"{where} is missing, though tuning begins with it; add it")
        if not searched.holds(value := choice.hyper_parameters[name]):
            raise RideDurationError(f"{where} is {value}, but its search_space is {searched}; widen that")


def tune_model(
    train_features: pd.DataFrame,
    training: Training,
    experiment: Experiment,
    tuning: Tuning,
    tuning_study: StudyStore,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Try hyper-parameters: first those of the model's entry, then what Optuna's TPE sampler suggests.

    See J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011). A study that was stopped goes on where
    it was, and ends as if it had not been: a suggestion depends on the seed and on the trials finished before it only.

    Returns:
        One row a trial: `trial` (from 1; the first one has the entry's own values), `state` (complete or pruned),
        `objective` (minutes; of a pruned trial, over the folds that it has seen), of each fold `rmse_<fold>` and
        `rmse_without_distance_<fold>`, and the hyper-parameters. And what was found: study, months, folds, the
        objective and the mean RMSEs of the first and of the best trial, and the best trial's `hyper_parameters`.

    Raises:
        RideDurationError: The model cannot be tuned, the months cannot be cut into folds, or the estimator refuses a
            trial's values.
    """
    check_search(training)
    folds = make_folds(train_features, tuning.folds, tuning.fold_share)
    for fold in folds:
        log.info(
            "       fold: train on %d trips, evaluate on %d of %s", len(fold.train), len(fold.evaluation), fold.month
        )
    study = tuning_study.open(_study_name(train_features, training, experiment, tuning))
    _begin(study, {name: training.choice.hyper_parameters[name] for name in training.choice.search_space})
    while (done := len(finished_trials(study))) < tuning.trials:
        _prepare(study, training.seed, done, tuning)
        started = time.perf_counter()
        study.optimize(lambda trial: score_trial(trial, folds, training), n_trials=1, callbacks=tuning_study.listeners)
        log.info("       %s", _progress(study, tuning, time.perf_counter() - started))
    trials = _table(study)
    return trials, _found(study, trials, training, experiment, folds)


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
    return f"{training.model} {experiment.train_data} {experiment.taxi_type} {experiment.source} {digest}"


def _begin(study: optuna.Study, own: dict[str, Any]) -> None:
    from optuna.trial import TrialState

    if done := len(finished_trials(study)):
        log.info("       going on after trial %d", done)
    elif not study.get_trials(states=(TrialState.WAITING,)):
        study.enqueue_trial(own)


def _prepare(study: optuna.Study, seed: int, done: int, tuning: Tuning) -> None:
    """What decides the next trial, made for each so that nothing hangs on what this process did before."""
    from optuna.pruners import MedianPruner
    from optuna.samplers import TPESampler

    study.sampler = TPESampler(seed=int(np.random.SeedSequence([seed, done]).generate_state(1)[0]))
    study.pruner = MedianPruner(n_startup_trials=tuning.trials_before_pruning)


def _progress(study: optuna.Study, tuning: Tuning, seconds: float) -> str:
    trials = finished_trials(study)
    last, best = trials[-1], study.best_trial
    pruned = f" after {len(last.user_attrs[FOLDS])} fold(s), stopped there" if last.state.name == "PRUNED" else ""
    number = 1 + [trial.number for trial in trials].index(best.number)
    return (
        f"trial {len(trials)}/{tuning.trials}: {last.value:.3f}{pruned} "
        f"(best {best.value:.3f}, trial {number}; {seconds:.0f} s)"
    )


def _table(study: optuna.Study) -> pd.DataFrame:
    rows = []
    for number, trial in enumerate(finished_trials(study), start=1):
        scores = {
            f"{name}_{fold}": rmse
            for fold, score in enumerate(trial.user_attrs[FOLDS], start=1)
            for name, rmse in score.items()
        }
        outcome = {"trial": number, "state": trial.state.name.lower(), "objective": trial.value}
        rows.append(outcome | scores | trial.user_attrs[HYPER_PARAMETERS])
    return pd.DataFrame(rows)


def _found(
    study: optuna.Study, trials: pd.DataFrame, training: Training, experiment: Experiment, folds: list[Fold]
) -> dict[str, Any]:
    best = int(trials["objective"].where(trials["state"] == "complete").argmin())
    return {
        "study": study.study_name,
        "model": training.model,
        "train_data": experiment.train_data,
        "service": experiment.taxi_type,
        "source": experiment.source,
        "simulated": experiment.simulated,
        "seed": training.seed,
        "folds": [{"month": fold.month, "learnt": len(fold.train), "judged": len(fold.evaluation)} for fold in folds],
        "trials": len(trials),
        "pruned": int((trials["state"] == "pruned").sum()),
        "first": _measures(trials, 0),
        "best": _measures(trials, best),
        "hyper_parameters": finished_trials(study)[best].user_attrs[HYPER_PARAMETERS],
    }


def _measures(trials: pd.DataFrame, row: int) -> dict[str, Any]:
    """Number, objective and RMSEs, as means over folds; None for a model that cannot answer at request time."""
    after = trials.filter(regex=r"^rmse_\d+$").iloc[row].mean()
    before = trials.filter(regex=r"^rmse_without_distance_\d+$").iloc[row].astype(float).mean()
    return {
        "trial": row + 1,
        "objective": float(trials["objective"][row]),
        "rmse": round(float(after), DECIMALS),
        "rmse_without_distance": None if np.isnan(before) else round(float(before), DECIMALS),
    }
