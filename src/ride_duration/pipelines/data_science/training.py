"""Fitting: with and without distance in one model, early stopping in the order of time, then a refit on all rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.duration_model import DurationModel, without_distance
from ride_duration.pipelines.data_science.model_choice import EarlyStopping
from ride_duration.pipelines.data_science.parameters import Training

log = logging.getLogger(__name__)

Rows = tuple[Any, NDArray[np.float64]]


def fit_baselines(train_features: pd.DataFrame, training: Training) -> dict[str, DurationModel]:
    """Fit the baselines.

    Returns:
        Fitted models by name.
    """
    return {name: fit(name, train_features, training) for name in training.baselines}


def fit_model(train_features: pd.DataFrame, training: Training) -> DurationModel:
    """Fit the chosen model.

    Raises:
        RideDurationError: The estimator refuses its hyper-parameters or the data.
    """
    return fit(training.model, train_features, training)


def fit(name: str, rows: pd.DataFrame, training: Training, say: Callable[..., None] = log.info) -> DurationModel:
    """Fit the model `name`, looking for the number of rounds first where its entry asks for that.

    Args:
        name: An entry of `models`.
        rows: Training rows, in the order of `ride_id`.
        training: The model configurations.
        say: Is called with the progress, as a logger's method is.

    Raises:
        RideDurationError: The estimator refuses its hyper-parameters or the data.
    """
    return fit_twice(name, rows, training, say)[0]


def fit_twice(
    name: str, rows: pd.DataFrame, training: Training, say: Callable[..., None] = log.info
) -> tuple[DurationModel, DurationModel | None]:
    """Fit a model as `fit` does, and hand on the one that early stopping fits on the earlier trips anyway.

    Returns:
        The model, and the one that has not seen the last `early_stopping.share` of the trips; None without early
        stopping.
    """
    try:
        model, earlier = DurationModel.unfitted(name, training), None
        stopping = model.choice.early_stopping
        if stopping:
            say("       looking for the number of rounds on the last %.0f %% of the trips", 100 * stopping.share)
            with threadpool_limits(1):
                rounds = _rounds(model, rows, stopping)
            say("       found %d rounds; training on all %d trips", rounds, len(rows))
            model, earlier = DurationModel.unfitted(name, training), model
            model.estimator.set_params(**{stopping.rounds: rounds})
        fit_estimator(model, rows)
    except ValueError as error:  # scikit-learn's, XGBoost's and LightGBM's errors are all ValueErrors
        reason = str(error).strip().splitlines()[0]
        raise RideDurationError(
            f"the model '{name}' cannot be fitted: {reason}; see models.{name} in parameters_data_science.yml"
        ) from error
    return model, earlier


def fit_estimator(model: DurationModel, rows: pd.DataFrame) -> None:
    """Fit a model's estimator on feature rows (n) as it stands."""
    with threadpool_limits(1):
        model.estimator.fit(*_training_rows(model, rows))


def last_part(rows: pd.DataFrame, share: float) -> Any:
    """Which of the rows (n) are the last part of them in time; booleans (n,).

    Raises:
        RideDurationError: They are too few to hold out a part of them.
    """
    held_out = rows["pickup_datetime"].rank(method="first", pct=True) > 1 - share
    if held_out.all() or not held_out.any():
        raise RideDurationError(f"{len(rows)} training trips are too few to hold out a part of them; add months")
    return held_out


def _training_rows(model: DurationModel, rows: pd.DataFrame) -> Rows:
    """Inputs and durations; a model that may answer at request time sees each trip twice."""
    durations = rows["duration"].to_numpy(dtype=np.float64)
    if model.choice.distance != "optional":
        return model.inputs(rows), durations
    both = pd.concat([rows[model.columns], without_distance(rows)[model.columns]])
    return model.inputs(both), np.concatenate([durations, durations])


def _rounds(model: DurationModel, rows: pd.DataFrame, stopping: EarlyStopping) -> int:
    """Boosting rounds after which the last part of the training trips, in time, is predicted best."""
    held_out = last_part(rows, stopping.share)
    earlier, later = _training_rows(model, rows[~held_out]), _training_rows(model, rows[held_out])
    library = type(model.estimator).__module__.partition(".")[0]
    if library not in _ROUNDS:
        raise RideDurationError(
            f"models.{model.name}.early_stopping: {model.choice.estimator} cannot stop early here; set it to null"
        )
    return _ROUNDS[library](model.estimator, stopping.patience, earlier, later)


def _rounds_of_xgboost(estimator: Any, patience: int, earlier: Rows, later: Rows) -> int:
    estimator.set_params(early_stopping_rounds=patience)
    estimator.fit(*earlier, eval_set=[later], verbose=False)
    return int(estimator.best_iteration) + 1


def _rounds_of_lightgbm(estimator: Any, patience: int, earlier: Rows, later: Rows) -> int:
    import lightgbm

    estimator.fit(
        *earlier, eval_X=later[0], eval_y=later[1], callbacks=[lightgbm.early_stopping(patience, verbose=False)]
    )
    return int(estimator.best_iteration_)


def _rounds_of_sklearn(estimator: Any, patience: int, earlier: Rows, later: Rows) -> int:
    estimator.set_params(early_stopping=True, n_iter_no_change=patience)
    estimator.fit(*earlier, X_val=later[0], y_val=later[1])
    return max(1, int(np.argmax(estimator.validation_score_)))


_ROUNDS: dict[str, Callable[[Any, int, Rows, Rows], int]] = {
    "xgboost": _rounds_of_xgboost,
    "lightgbm": _rounds_of_lightgbm,
    "sklearn": _rounds_of_sklearn,
}
