"""Simulated months, scored by a package in memory and evaluated by the nodes of the monitoring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.expected_error import ExpectedError
from ride_duration.pipelines.ingestion.parameters import Simulation
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.drift import measure_drift
from ride_duration.pipelines.monitoring.evaluated import find_evaluated
from ride_duration.pipelines.monitoring.window_verdict import evaluate_window
from ride_duration.trips.simulation import DayOfRides, Kind, Scenario, default_city, simulate_days
from tests.support.monitoring import monitored

_ENGINE = ibis.duckdb.connect()


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


class Evaluated(NamedTuple):
    """A window that was evaluated.

    Attributes:
        drift: Of `measure_drift`.
        verdict: Of `evaluate_window`.
    """

    drift: pd.DataFrame
    verdict: dict[str, Any]

    @property
    def found(self) -> tuple[str, str]:
        """Verdict and cause."""
        return self.verdict["verdict"], self.verdict["cause"]


def sum_month(month: str, rides: pd.DataFrame) -> pd.DataFrame:
    """Return the daily sums of a scored month."""
    with _written(month, rides) as scored:
        return sum_days(scored, monitored(window=month, source="simulated"))


def evaluate(
    before: pd.DataFrame, month: str, rides: pd.DataFrame, package: ModelPackage, drift: pd.DataFrame | None = None
) -> tuple[Evaluated, pd.DataFrame]:
    """Evaluate a scored month by the nodes of the monitoring.

    Args:
        before: Daily sums of the month before.
        month: Which one.
        rides: Scored rides of the month.
        package: That scored them.
        drift: Of the same rides, where it is known already.

    Returns:
        What was found, and the month's daily sums.
    """
    asked = monitored(window=month, source="simulated")
    sums = sum_month(month, rides)
    both = pd.concat([before, sums], ignore_index=True)
    evaluated = find_evaluated(both, asked)
    if drift is None:
        with _written(month, rides) as scored:
            drift = measure_drift(scored, {1: lambda: package}, evaluated, asked)
    return Evaluated(drift, evaluate_window(both, drift, evaluated, asked)), sums


@contextmanager
def _written(month: str, rides: pd.DataFrame) -> Iterator[dict[str, Callable[[], ir.Table]]]:
    """Give the month as the catalog hands it to nodes, from a file that lasts as long."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rides.parquet"
        rides.to_parquet(path, index=False)
        yield {f"taxi_type=green/year={month[:4]}/month={month[5:]}": lambda: _ENGINE.read_parquet(path)}


def simulate_scored(
    month: str, package: ModelPackage, simulation: Simulation, seed: int, scenario: Scenario | None = None
) -> pd.DataFrame:
    """Simulate a month and score it."""
    first, end = np.datetime64(month, "D"), (np.datetime64(month, "M") + 1).astype("datetime64[D]")
    number = int((end - first).astype(int))
    city = default_city()
    return score_days(simulate_days(first, number, city, seed, simulation.effects, scenario), package)


def is_right(kind: Kind, evaluated: Evaluated) -> bool:
    """Whether verdict and cause are those of a scenario."""
    verdict, cause = evaluated.found
    match kind:
        case Kind.SPEED_LIMIT:
            return (verdict, cause) == ("retrain", "level")
        case Kind.WINTER:
            return verdict in ("watch", "retrain") and cause in ("level", "season")
        case Kind.DEMAND_SHIFT | Kind.NEW_ZONE:
            return (verdict, cause) == ("watch", "mix")
        case _:
            return (verdict, cause) == ("incident", "data")
