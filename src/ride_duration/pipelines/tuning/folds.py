"""Folds inside the training months: each is evaluated on later trips than those that it is trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from ride_duration.errors import RideDurationError


@dataclass(frozen=True)
class Fold:
    """What a trial is trained on once, and what it is evaluated on.

    Attributes:
        month: The training month that holds the trips to evaluate on.
        train: Feature rows, all picked up before any of `evaluation`.
        evaluation: Feature rows.
    """

    month: str
    train: pd.DataFrame
    evaluation: pd.DataFrame


def make_folds(rows: pd.DataFrame, at_least: int, share: float) -> list[Fold]:
    """Cut training rows into folds, in the order of time.

    Each month gives its last part, or as many of its last parts as it takes to have `at_least` folds. A fold is
    evaluated on one such part, and trained on the trips of this month and those before that were picked up before the
    part begins. See R. Hyndman, G. Athanasopoulos, "Forecasting: Principles and Practice" (2021), section 5.10.

    Args:
        rows: Feature rows of one or more months.
        at_least: How many folds there must be.
        share: The part of a month's trips that a fold is evaluated on.

    Raises:
        RideDurationError: The parts fill the whole month, or a month has too few trips.
    """
    months = sorted(rows["month"].unique())
    parts = math.ceil(at_least / len(months))
    if parts * share >= 1:
        raise RideDurationError(
            f"{parts} parts of {share:g} of a month leave nothing to train on before them; "
            "use a smaller fold_share, fewer folds or more training months"
        )
    return [fold for month in months for fold in _folds_of(month, rows, parts, share)]


def _folds_of(month: str, rows: pd.DataFrame, parts: int, share: float) -> list[Fold]:
    own, picked_up = rows["month"] == month, rows["pickup_datetime"]
    begins = [picked_up[own].quantile(1 - share * part) for part in range(parts, 0, -1)]
    folds = []
    for begin, end in pairwise([*begins, pd.Timestamp.max]):
        train = rows[(rows["month"] <= month) & (picked_up < begin)]
        evaluation = rows[own & (picked_up >= begin) & (picked_up < end)]
        if train.empty or evaluation.empty:
            raise RideDurationError(f"{month} has too few trips ({own.sum()}) to be cut into folds; add months")
        folds.append(Fold(month, train, evaluation))
    return folds
