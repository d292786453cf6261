"""Walking forward through months, as they would have unfolded in production."""

import logging
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ride_duration.pipelines.backtest.parameters import Backtest
from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.parameters import Training
from ride_duration.pipelines.data_science.splitting import check_months, rows_of
from ride_duration.pipelines.data_science.training import fit_model
from ride_duration.stats.metrics import score_both

log = logging.getLogger(__name__)

#: The measures that are kept, each with metered distance and at request time.
MEASURES = tuple(f"{name}{suffix}" for suffix in ("", "_without_distance") for name in ("rmse", "mae", "bias"))

Months = tuple[str, ...]


def walk_forward(features: ir.Table, backtest: Backtest, training: Training) -> pd.DataFrame:
    """Evaluate each month but the first with the models that each policy would have had in use when it began.

    A model is trained on months before the one that it is evaluated on, and on nothing else. This takes for granted
    that a month's durations are known when the next month begins, as a taxi company knows its own; the TLC publishes
    them about two months later. Where `backtest_data` leaves months out, "before" means before in `backtest_data`.

    Args:
        features: The feature table; read a few months at a time.
        backtest: Months and policies.
        training: The model, which is trained as in a training run. Policies that train on the same months share it.

    Returns:
        One row an evaluated month and policy, months in the order of time: `month`, `policy`, `learnt_from` (months,
        written as for train_data), `n` trips, and `MEASURES` in minutes (those `_without_distance` are missing if the
        model needs the distance).

    Raises:
        RideDurationError: The features lack a month, or the model cannot be fitted.
    """
    check_months(features, backtest, backtest.months)
    models: dict[Months, DurationModel] = {}
    table = []
    for position, month in enumerate(backtest.months[1:], start=1):
        before = backtest.months[:position]
        wanted = {policy.name: policy.select_months(before) for policy in backtest.policies}
        needed = dict.fromkeys(wanted.values())
        models = {months: models.get(months) or _train(features, months, training) for months in needed}
        log.info("       evaluating %s, month %d of %d", month, position, len(backtest.months) - 1)
        rows = rows_of(features, (month,))
        scores = {months: _evaluate(model, rows) for months, model in models.items()}
        table += [
            {"month": month, "policy": policy, "learnt_from": "+".join(months)} | scores[months]
            for policy, months in wanted.items()
        ]
    return pd.DataFrame(table)


def _train(features: ir.Table, months: Months, training: Training) -> DurationModel:
    log.info("       training on %s", ", ".join(months))
    return fit_model(rows_of(features, months), training)


def _evaluate(model: DurationModel, rows: pd.DataFrame) -> dict[str, Any]:
    without = model.predict_without_distance(rows)
    before = np.full(len(rows), np.nan) if without is None else without
    scores = score_both(rows["duration"].to_numpy(), model.predict(rows), before)
    return {name: scores[name] for name in ("n", *MEASURES)}
