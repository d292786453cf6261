"""Scored months, made by hand, and the parameters of the monitoring, for its tests."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import yaml

from ride_duration.pipelines.monitoring.evaluated import find_evaluated
from ride_duration.pipelines.monitoring.parameters import Monitored, Monitoring
from ride_duration.pipelines.monitoring.window_verdict import evaluate_window
from ride_duration.store.monitoring import DecisionRow

CONF = Path(__file__).parents[2] / "conf/base"
CONFIGURED: dict[str, Any] = yaml.safe_load((CONF / "parameters_monitoring.yml").read_text())
_FOLDER = TemporaryDirectory()
_ENGINE = ibis.duckdb.connect()
SOURCE = {"source": "tlc", "sources": {"tlc": "somewhere", "simulated": None}, "taxi_type": "green"}


def monitoring(**changed: Any) -> Monitoring:
    """The parameters as they are configured, but for some."""
    return Monitoring(**SOURCE | CONFIGURED | changed)


def monitored(now: float = 1.8e9, **changed: Any) -> Monitored:
    """What a run looks at, with the parameters as they are configured, but for some; long after the window."""
    of_run = {
        name: changed.pop(name) for name in Monitored.model_fields.keys() - Monitoring.model_fields & changed.keys()
    }
    return Monitored(**dict(monitoring(**changed)), now=now, **of_run)


def find_verdict(
    sums: pd.DataFrame,
    drift: pd.DataFrame,
    asked: Monitored,
    label_figures: dict[str, Any] | None = None,
    decisions: Sequence[DecisionRow] = (),
) -> dict[str, Any]:
    """The verdict about a window, by the nodes that find it from sums and drift."""
    return evaluate_window(sums, drift, find_evaluated(sums, asked), asked, label_figures, decisions)


def scored_month(
    month: str, version: int = 1, level: float = 1.0, rides: int = 400, seed: int = 1, **columns: Any
) -> pd.DataFrame:
    """Scored trips of a month, so many a day, whose actual durations are `level` times the answers on the mean."""
    rng = np.random.default_rng([seed, int(month.replace("-", ""))])
    days = pd.date_range(f"{month}-01", periods=pd.Period(month).days_in_month, freq="D")
    number = rides * len(days)
    when = np.repeat(days.to_numpy(), rides) + rng.integers(0, 86_400, number).astype("timedelta64[s]")
    predicted = rng.uniform(5, 30, number)
    mood = np.repeat(np.exp(rng.normal(0, 0.03, len(days))), rides)
    actual = predicted * level * mood * np.exp(rng.normal(0, 0.2, number) - 0.02)
    table = pd.DataFrame(
        {
            "ride_id": [f"{month}-{ride}" for ride in range(number)],
            "lpep_pickup_datetime": when.astype("datetime64[us]"),
            "PULocationID": rng.choice([74, 75, 130, 138], number),
            "DOLocationID": rng.choice([74, 75, 130, 138], number),
            "actual_duration": actual,
            "predicted_duration": predicted,
            "diff": actual - predicted,
            "lower": predicted * 0.7,
            "upper": predicted * 1.4,
            "model_version": str(version),
            "trip_distance": rng.uniform(0.5, 12, number),
            "predicted_without_distance": predicted,
            "lower_without_distance": predicted * 0.7,
            "upper_without_distance": predicted * 1.4,
            "expected_squared_error": (0.21 * predicted) ** 2,
            "expected_squared_error_without_distance": (0.21 * predicted) ** 2,
        }
    )
    return table.assign(**columns)


def partitions(*months: pd.DataFrame) -> dict[str, Any]:
    """Scored months as the catalog hands them to nodes."""
    return {
        f"taxi_type=green/year={month[:4]}/month={month[5:]}": _open(table)
        for table in months
        if (month := str(table["ride_id"].iloc[0])[:7])
    }


def _open(table: pd.DataFrame) -> Any:
    """Write trips to a file, as scored months are, and return a function that opens it."""
    path = Path(_FOLDER.name) / f"{len(list(Path(_FOLDER.name).iterdir()))}.parquet"
    table.to_parquet(path, index=False)

    def opened() -> ir.Table:
        return _ENGINE.read_parquet(path)

    return opened
