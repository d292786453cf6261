"""Simulated months, scored by a package in memory and evaluated by the nodes of the monitoring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.expected_error import ExpectedError
from ride_duration.pipelines.ingestion.parameters import Simulation
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.drift import measure_drift
from ride_duration.pipelines.monitoring.judgement import judge_window
from ride_duration.trips.simulation import DayOfRides, Scenario, default_city, simulate_days
from tests.support.monitoring import monitoring


def score_days(days: Iterable[DayOfRides], package: ModelPackage) -> pd.DataFrame:
    """Score days at request time, as batch scoring does: one row a record."""
    made = list(days)
    pickup, start, end, miles, duration = (
        np.concatenate([getattr(one, name) for one in made])
        for name in ("pickup_datetime", "pickup_zone", "dropoff_zone", "trip_distance", "duration")
    )
    unknown = np.full(len(pickup), np.nan)
    columns = package.columns(Rides(start.astype(float), end.astype(float), pickup, unknown))
    predicted = package.answer_columns(columns, intervals=False).duration
    expected = ExpectedError(package).expect_squares(columns, predicted)
    return pd.DataFrame(
        {
            "ride_id": np.arange(len(pickup)).astype(str), "lpep_pickup_datetime": pickup.astype("datetime64[us]"),
            "PULocationID": start, "DOLocationID": end, "actual_duration": duration, "predicted_duration": unknown,
            "model_version": "1", "trip_distance": miles, "predicted_without_distance": predicted,
            "lower_without_distance": unknown, "upper_without_distance": unknown,
            "expected_squared_error_without_distance": expected,
        }
    )  # fmt: skip


def evaluate(months: dict[str, pd.DataFrame], package: ModelPackage, **changed: Any) -> dict[str, Any]:
    """Evaluate the last of some scored months by the nodes of the monitoring."""
    asked = monitoring(window=max(months), **changed)
    opened = {f"taxi_type=green/year={month[:4]}/month={month[5:]}": _open(table) for month, table in months.items()}
    sums = sum_days(opened, asked)
    return judge_window(sums, measure_drift(opened, {1: lambda: package}, sums, asked), asked)


def _open(table: pd.DataFrame) -> Callable[[], ir.Table]:
    opened = ibis.memtable(table)
    return lambda: opened


def simulate_scored(
    month: str, package: ModelPackage, simulation: Simulation, seed: int, scenario: Scenario | None = None
) -> pd.DataFrame:
    """Simulate a month and score it."""
    first, end = np.datetime64(month, "D"), (np.datetime64(month, "M") + 1).astype("datetime64[D]")
    number = int((end - first).astype(int))
    city = default_city()
    return score_days(simulate_days(first, number, city, seed, simulation.effects, scenario), package)
