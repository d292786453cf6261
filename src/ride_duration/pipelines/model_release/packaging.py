"""A fitted model and its intervals -> the files of a package, checked against what they were made from."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.errors import RideDurationError
from ride_duration.model_package import ModelPackage, Rides, expected_error
from ride_duration.model_package.expected_error import ExpectedError
from ride_duration.model_package.files import pack
from ride_duration.model_package.golden import as_rides
from ride_duration.model_package.package import OUTPUTS
from ride_duration.pipelines.data_science.duration_model import DurationModel
from ride_duration.pipelines.data_science.interval_model import IntervalModel
from ride_duration.pipelines.data_science.model_choice import FeatureSet
from ride_duration.pipelines.data_science.parameters import Experiment
from ride_duration.pipelines.data_science.splitting import find_left_out
from ride_duration.pipelines.data_science.training_provenance import settings_hash
from ride_duration.pipelines.model_release.consistency_checks import (
    refuse_other_metrics,
    refuse_other_models,
    refuse_other_trips,
)
from ride_duration.pipelines.model_release.graphs import onnx_graph
from ride_duration.pipelines.model_release.model_card import card_files
from ride_duration.pipelines.model_release.parameters import Packaging
from ride_duration.pipelines.model_release.reference import make_reference
from ride_duration.trips.features import FEATURES
from ride_duration.trips.zones import zone_table

#: Rides on which a package is compared with what it was made from, and how far it may be off (minutes).
_COMPARED = 10_000
_TOLERANCE = 0.01

_GOLDEN = 40

UNITS = {
    **dict.fromkeys(("pickup_x", "pickup_y", "dropoff_x", "dropoff_y"), "miles, on the axes of Manhattan's streets"),
    **dict.fromkeys(("manhattan_distance", "straight_distance", "trip_distance", "trip_distance_raw"), "miles"),
    **dict.fromkeys(("hour", "hour_of_week"), "hours, New York wall clock"),
    "weekday": "0 (Monday) to 6",
    "detour": "ratio",
    "zone_pair": "TLC location ids, as PU_DO",
    "borough_pair": "names",
    expected_error.PREDICTED: "minutes, the answer itself",
}


def package_model(
    model: DurationModel,
    interval_model: IntervalModel,
    predictions: pd.DataFrame,
    train_features: pd.DataFrame,
    val_features: pd.DataFrame,
    metrics: dict[str, Any],
    slice_metrics: pd.DataFrame,
    quality_report: dict[str, Any],
    raw_fingerprints: dict[str, Any],
    experiment: Experiment,
    packaging: Packaging,
) -> dict[str, bytes]:
    """Write a model as a package.

    Returns:
        Contents by file name, as `model_package` lists them.

    Raises:
        RideDurationError: The model or the trips are another run's, or the package does not answer as the model does.
    """
    left_out = find_left_out(quality_report, experiment)
    facts = _facts(model, metrics, experiment) | ({"left_out_days": left_out} if left_out else {})
    refuse_other_metrics(metrics, experiment, packaging)
    without_errors = settings_hash(experiment, packaging, packaging.intervals, left_out=left_out)
    settings = settings_hash(experiment, packaging, packaging.intervals, packaging.expected_errors, left_out)
    refuse_other_models([model], {settings, without_errors})  # the latter of programs that left the errors out
    refuse_other_models([interval_model], {without_errors})
    refuse_other_trips(facts, train=train_features, val=val_features)
    parts = {"duration": model, "lower": interval_model.lower or model, "upper": interval_model.upper or model}
    graphs = {OUTPUTS[output]: part for output, part in parts.items()}
    if model.errors:
        parts, graphs = parts | {"error": model.errors}, graphs | {expected_error.FILE: model.errors}
    reads = {output: _reads(part.feature_set) for output, part in parts.items()}
    files = {
        **{file: onnx_graph(part) for file, part in graphs.items()},
        "inputs.json": _json({"outputs": reads, **_usual(train_features)}),
        "intervals.json": _json(interval_model.calibration.as_dict()),
        "zones.csv": zone_table().encode(),
        "metrics.json": _json(metrics),
        "slice_metrics.csv": slice_metrics.to_csv(index=False).encode(),
        "quality_report.json": _json(quality_report),
        "raw_fingerprints.json": _json(raw_fingerprints),
        **make_reference(val_features, predictions),
        **card_files(
            metrics, slice_metrics, predictions, val_features, interval_model.calibration, quality_report, left_out
        ),
    }
    package = ModelPackage(pack({**files, "golden_rides.json": b""}, facts))
    compare_outputs(package, model, interval_model, rides_to_compare(val_features, packaging.seed))
    return pack({**files, "golden_rides.json": _json(_golden(package, val_features))}, facts)


def _facts(model: DurationModel, metrics: dict[str, Any], experiment: Experiment) -> dict[str, Any]:
    return {
        "model": model.name,
        "run_id": model.origin.run_id if model.origin else None,
        "distance": model.choice.distance,
        "service": experiment.taxi_type,
        "source": experiment.source,
        "simulated": experiment.simulated,
        "train_data": list(experiment.splits["train"]),
        "val_data": list(experiment.splits["val"]),
        "test_data": list(experiment.splits["test"]),
        "rmse": metrics["val"]["rmse"],
        "rmse_without_distance": metrics["val"]["rmse_without_distance"],
    }


def _reads(columns: FeatureSet) -> dict[str, Any]:
    numeric, text = list(columns.numeric), list(columns.categorical)
    return {"numeric": numeric, "text": text, "units": {name: UNITS[name] for name in (*numeric, *text)}}


def _usual(rows: pd.DataFrame) -> dict[str, Any]:
    numbers = {name: _median(rows[name]) for name in (*FEATURES, "trip_distance_raw")}
    return {"usual": numbers | {name: str(rows[name].mode()[0]) for name in ("zone_pair", "borough_pair")}}


def _median(values: pd.Series[float]) -> float:
    return float(values.median()) if values.notna().any() else 0.0


def rides_to_compare(val_features: pd.DataFrame, seed: int) -> Rides:
    """Rides (10,000) for comparing: half of them validation trips, half drawn without regard to what is likely.

    Of the latter a quarter have no distance; zones include unknown ids, distances absurd ones.
    """
    rng = np.random.default_rng(seed)
    half = _COMPARED // 2
    chosen = val_features.iloc[np.linspace(0, len(val_features) - 1, half).astype(int)]
    distances = np.exp(rng.uniform(np.log(1e-3), np.log(300_000), half))
    distances[: half // 4] = np.nan
    distances[half // 4 : half // 4 + 10] = (0.0, -1.0, 100.0, 100.01, 0.01, 1e-9, 244_152.0, -20.0, 99.99, 1e6)
    whenever = np.datetime64("2009-01-01") + rng.integers(0, 20 * 365 * 1440, half).astype("timedelta64[m]")
    known = [chosen[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in ("pickup_zone", "dropoff_zone")]
    return Rides(
        np.concatenate([known[0], rng.integers(0, 300, half)]),
        np.concatenate([known[1], rng.integers(0, 300, half)]),
        np.concatenate([chosen["pickup_datetime"].to_numpy(dtype="datetime64[s]"), whenever]),
        np.concatenate([chosen["trip_distance_raw"].to_numpy(dtype=np.float64), distances]),
    )


def compare_outputs(package: ModelPackage, model: DurationModel, interval_model: IntervalModel, rides: Rides) -> None:
    """Compare a package with what it was made from, output by output, before answers are limited.

    Raises:
        RideDurationError: An answer is off by more than 0.01 minutes; names the output and the worst ride.
    """
    columns = package.columns(rides)
    rows = pd.DataFrame(columns)
    duration = model.predict(rows)
    expected = dict(zip(OUTPUTS, (duration, *interval_model.bounds(rows, duration)), strict=True))
    answered = package.estimate_columns(columns)._asdict()
    if model.errors:  # compared as what they are roots of: minutes
        squares = model.errors.predict(rows.assign(**{expected_error.PREDICTED: answered["duration"]}))
        expected["error"] = np.sqrt(np.maximum(squares, expected_error.LEAST))
        answered["error"] = np.sqrt(ExpectedError(package).expect_squares(columns, answered["duration"]))
    for output, minutes in expected.items():
        off = np.abs(answered[output] - minutes)
        worst = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        if not off[worst] <= _TOLERANCE:
            ride = {name: values[worst] for name, values in rides._asdict().items()}
            raise RideDurationError(
                f"the package of '{model.name}' is off by {off[worst]:.3f} minutes in `{output}` "
                f"({answered[output][worst]:.3f}, not {minutes[worst]:.3f}) for the ride {ride}; it is not released"
            )


def _golden(package: ModelPackage, val_features: pd.DataFrame) -> dict[str, Any]:
    chosen = val_features.iloc[np.linspace(0, len(val_features) - 1, _GOLDEN).astype(int)]
    distance = chosen["trip_distance_raw"].where(np.arange(len(chosen)) % 2 == 0)
    rides = [
        {
            "PULocationID": None if pd.isna(pickup) else int(pickup),
            "DOLocationID": None if pd.isna(dropoff) else int(dropoff),
            "pickup_datetime": f"{when:%Y-%m-%dT%H:%M:%S}",
            "trip_distance": None if pd.isna(miles) else float(miles),
        }
        for pickup, dropoff, when, miles in zip(
            chosen["pickup_zone"], chosen["dropoff_zone"], chosen["pickup_datetime"], distance, strict=True
        )
    ]
    answers = package.answer(as_rides(rides))
    return {"rides": rides, "answers": {name: list(minutes) for name, minutes in answers._asdict().items()}}


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()
