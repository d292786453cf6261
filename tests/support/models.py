"""The model configurations, quick variants of them, and simulated trips to train on."""

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import sklearn.ensemble  # noqa: F401 - loads what is limited below
import yaml
from threadpoolctl import threadpool_limits

from ride_duration.pipelines.data_engineering.feature_table import compute_features
from ride_duration.pipelines.data_engineering.rules import check_records, clean_trips
from ride_duration.pipelines.data_engineering.trip_records import ROW_NUMBER
from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.interval_model import IntervalModel, fit_intervals
from ride_duration.pipelines.data_science.parameters import Intervals, Training
from ride_duration.pipelines.data_science.training import fit_model
from ride_duration.trips.simulation import default_city, simulate_month
from tests.support.trips import green_records

# scikit-learn's trees take every core, and are ten times slower where others use them too.
threadpool_limits(1, user_api="openmp")


CONF = Path(__file__).parents[2] / "conf/base"


CONFIGURED: dict[str, Any] = yaml.safe_load((CONF / "parameters_data_science.yml").read_text())


MODELS = tuple(CONFIGURED["models"])


BOOSTED = ("hist_gradient_boosting", "lightgbm", "xgboost")


#: Few rounds and one thread, so that tests are quick on a busy machine.
_QUICK: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 5, "n_jobs": 1},
    "hist_gradient_boosting": {"max_iter": 30, "learning_rate": 0.2},
    "lightgbm": {"n_estimators": 30, "learning_rate": 0.2, "n_jobs": 1},
    "xgboost": {"n_estimators": 30, "learning_rate": 0.2, "n_jobs": 1},
}


def training(model: str, entry: dict[str, Any] | None = None, **hyper_parameters: Any) -> Training:
    """The model configurations with `model` chosen, quick by default; `entry` replaces or adds the model's entry."""
    chosen = dict(entry or CONFIGURED["models"][model])
    quick = {} if entry else _QUICK.get(model, {})
    chosen["hyper_parameters"] = chosen.get("hyper_parameters", {}) | quick | hyper_parameters
    return Training(
        model=model,
        seed=42,
        baselines=CONFIGURED["baselines"],
        feature_sets=CONFIGURED["feature_sets"],
        models=CONFIGURED["models"] | {model: chosen},
    )


def intervals(**changed: Any) -> Intervals:
    """The configured intervals, quick by default."""
    model = CONFIGURED["intervals"]["model"]
    quick = model | {"hyper_parameters": model["hyper_parameters"] | {"n_estimators": 20, "learning_rate": 0.3}}
    return Intervals(**CONFIGURED["intervals"] | {"model": quick} | changed)


@cache
def _month_features(month: str) -> pd.DataFrame:
    raw = simulate_month(month, default_city(), seed=1)
    raw = raw.append_column(ROW_NUMBER, pa.array(range(raw.num_rows)))
    trips = clean_trips(check_records(green_records(raw, month)))
    return compute_features(trips).order_by("ride_id").to_pandas()


def simulated_features(rows: int, month: str = "2021-01") -> pd.DataFrame:
    """Feature rows of so many trips of a simulated month, in the order of `ride_id`."""
    return _month_features(month).sample(rows, random_state=1).sort_values("ride_id", ignore_index=True)


@cache
def fitted(model: str) -> DurationModel:
    """A configured model, fitted quickly."""
    return fit_model(simulated_features(2_000), training(model))


def fitted_intervals(model: str = "xgboost") -> IntervalModel:
    """The intervals about a model's answers, fitted quickly; the trees share theirs."""
    reads_the_same = CONFIGURED["models"][model]["features"] == CONFIGURED["intervals"]["model"]["features"]
    return _fitted_intervals("xgboost" if reads_the_same else model)


@cache
def _fitted_intervals(model: str) -> IntervalModel:
    return fit_intervals(simulated_features(2_000), training(model), intervals())
