"""Walking forward through months, as they would have unfolded in production."""

import logging
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.level import LevelRules, StepSums, add_sums
from ride_duration.pipelines.backtest.parameters import Backtest
from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.parameters import Training
from ride_duration.pipelines.data_science.splitting import check_months, rows_of
from ride_duration.pipelines.data_science.training import fit_model
from ride_duration.pipelines.live_level import find_factors_of, replay_until_end, sum_known_rides
from ride_duration.stats.metrics import score_both
from ride_duration.trips.records import DURATION

log = logging.getLogger(__name__)

#: The measures that are kept, each with metered distance and at request time.
MEASURES = tuple(f"{name}{suffix}" for suffix in ("", "_without_distance") for name in ("rmse", "mae", "bias"))

#: What is added to the names of measures of corrected answers.
CORRECTED = "_corrected"

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
        model needs the distance). Where the level is on, the same of answers that it has corrected, as it was known at
        each pick-up (`_corrected`): each model begins with a level of 1 on the first month that it is evaluated on.

    Raises:
        RideDurationError: The features lack a month, or the model cannot be fitted.
    """
    check_months(features, backtest, backtest.months)
    models: dict[Months, DurationModel] = {}
    known: dict[Months, StepSums] = {}
    rules = backtest.level_rules
    table = []
    for position, month in enumerate(backtest.months[1:], start=1):
        before = backtest.months[:position]
        wanted = {policy.name: policy.select_months(before) for policy in backtest.policies}
        needed = dict.fromkeys(wanted.values())
        models = {months: models.get(months) or _train(features, months, training) for months in needed}
        log.info("       evaluating %s, month %d of %d", month, position, len(backtest.months) - 1)
        rows = rows_of(features, (month,))
        scores = {}
        for months, model in models.items():
            answers = _answer(model, rows)
            scores[months] = _evaluate(*answers, rows)
            if rules:
                before_it = known.get(months, {})
                corrected, known[months] = _correct(*answers, rows, month, before_it, rules, backtest.label_delay_hours)
                scores[months] |= {f"{name}{CORRECTED}": corrected[name] for name in MEASURES}
        table += [
            {"month": month, "policy": policy, "learnt_from": "+".join(months)} | scores[months]
            for policy, months in wanted.items()
        ]
    return pd.DataFrame(table)


def _train(features: ir.Table, months: Months, training: Training) -> DurationModel:
    log.info("       training on %s", ", ".join(months))
    return fit_model(rows_of(features, months), training)


def _answer(model: DurationModel, rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the answers (n) with metered distance, and at request time: NaN if the model needs the distance."""
    without = model.predict_without_distance(rows)
    return model.predict(rows), np.full(len(rows), np.nan) if without is None else without


def _evaluate(answers: NDArray[np.float64], without: NDArray[np.float64], rows: pd.DataFrame) -> dict[str, Any]:
    scores = score_both(rows["duration"].to_numpy(), answers, without)
    return {name: scores[name] for name in ("n", *MEASURES)}


def _correct(
    answers: NDArray[np.float64],
    without: NDArray[np.float64],
    rows: pd.DataFrame,
    month: str,
    known: StepSums,
    rules: LevelRules,
    delay_hours: float,
) -> tuple[dict[str, Any], StepSums]:
    """Evaluate answers (n) of a month corrected by the level, as a package answers: within the range of all answers.

    Returns:
        The measures, and the sums of the rides that the model has answered so far, this month's included.
    """
    wall_clock, asked = rows["pickup_datetime"].to_numpy(), answers if np.isnan(without).any() else without
    durations = rows["duration"].to_numpy(dtype=np.float64)
    known = add_sums(known, sum_known_rides(wall_clock, durations, asked, month, delay_hours))
    factors = find_factors_of(replay_until_end(known, month, rules), wall_clock, month)
    shown, shown_before = (np.clip(np.clip(minutes, *DURATION) * factors, *DURATION) for minutes in (answers, without))
    return _evaluate(shown, shown_before, rows), known
