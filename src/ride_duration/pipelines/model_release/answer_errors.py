"""The errors of packages on the same trips, and how they differ: squared errors decide, absolute ones stand beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.data_science.duration_model import without_distance
from ride_duration.pipelines.model_release.gate_checks import columns_of
from ride_duration.pipelines.model_release.parameters import Gate
from ride_duration.stats.bootstrap import Difference, compare_rmse
from ride_duration.stats.metrics import MOMENTS, compute_mae

WITH_DISTANCE, AT_REQUEST = MOMENTS

#: Predicted minus actual minutes (n,), by the suffix of the answer; one that needs the distance has no `AT_REQUEST`.
Errors = dict[str, NDArray[np.float64]]


def needs_distance(package: ModelPackage) -> bool:
    """Whether a package cannot answer at request time, when no distance is known."""
    return package.manifest.get("distance") == "required"


def find_errors(package: ModelPackage, rows: pd.DataFrame) -> Errors:
    """Answer feature rows (n) in both ways, if the package can, and return the errors of the answers."""
    moments = (
        {WITH_DISTANCE: rows} if needs_distance(package) else {WITH_DISTANCE: rows, AT_REQUEST: without_distance(rows)}
    )
    actual = rows["duration"].to_numpy(dtype=np.float64)
    return {
        suffix: package.answer_columns(columns_of(part), intervals=False).duration - actual
        for suffix, part in moments.items()
    }


def days_of(rows: pd.DataFrame) -> NDArray[Any]:
    """Return the day of pick-up of each row (n,)."""
    return np.asarray(rows["pickup_datetime"].dt.normalize())


def compare_errors(new: Errors, old: Errors, days: NDArray[Any], gate: Gate) -> dict[str, Difference]:
    """Compare the RMSE of each answer that both give, by its suffix.

    Args:
        new: Errors of the one, on the same trips (n).
        old: Errors of the other.
        days: The day of each trip (n,), on days that count.
        gate: Has the seed of the resampling.
    """
    shared = [suffix for suffix in MOMENTS if suffix in new and suffix in old]
    return {suffix: compare_rmse(new[suffix] ** 2, old[suffix] ** 2, days, gate.seed) for suffix in shared}


def describe_difference(suffix: str, difference: Difference, new: Errors, old: Errors) -> str:
    """Say how the RMSE differs and how much it may differ, with the MAE beside it."""
    mae = compute_mae(new[suffix]) / max(compute_mae(old[suffix]), 1e-12) - 1
    rmse = f"RMSE {difference.middle:+.2%} (95 % bound: at most {difference.high:+.2%})"
    return f"{rmse}, MAE {mae:+.2%} {MOMENTS[suffix]}"
