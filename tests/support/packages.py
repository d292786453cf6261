"""Small packages of every model, and changed ones."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.files import pack
from ride_duration.pipelines.data_science.duration_model import DurationModel, Origin
from ride_duration.pipelines.data_science.evaluation import compute_slices
from ride_duration.pipelines.data_science.training_provenance import settings_hash
from ride_duration.pipelines.model_release.packaging import package_model
from ride_duration.pipelines.model_release.parameters import Packaging
from tests.support.evaluation import SLICES, measured, predictions, splits
from tests.support.models import CONFIGURED, fitted, fitted_intervals, training
from tests.support.trips import experiment

SIMULATED: dict[str, Any] = {"source": "simulated", "sources": {"simulated": None}}


QUALITY = {
    month: {
        "rows": 1_000,
        "kept": 960,
        "rejected": {"too_short": 40},
        "repaired": {},
        "flagged": {"outside_month": 5},
        "affected": {"rejected": 40, "repaired": 0, "flagged": 5},
    }
    for month in ("2021-01", "2021-02")
}


FINGERPRINTS = {"green_tripdata_2021-01": {"sha256": "0" * 64, "rows": 1_000, "bytes": 3}}


def packaging(
    model: str,
    entry: dict[str, Any] | None = None,
    intervals_model: dict[str, Any] | None = None,
    **hyper_parameters: Any,
) -> Packaging:
    """The model configurations with `model` chosen, and the configured intervals, as packaging is given them."""
    configured = CONFIGURED["intervals"]
    learnt = configured | {"model": configured["model"] | (intervals_model or {})}
    return Packaging(**training(model, entry, **hyper_parameters).model_dump(), intervals=learnt)


def released_splits() -> dict[str, pd.DataFrame]:
    """Training, validation and test rows of simulated trips."""
    return {name: rows.assign(source="simulated") for name, rows in splits().items()}


def trained(of: Any, settings: str) -> Any:
    """A model, as a run would have trained it."""
    return replace(of, origin=Origin("run", settings))


def packed(model: str = "xgboost", errors: DurationModel | None = None, **changed: Any) -> dict[str, bytes]:
    """The files of a small package, of simulated trips if nothing else is said."""
    changed = SIMULATED | changed
    rows, asked = released_splits(), experiment(**changed)
    learnt = np.resize(asked.splits["train"], len(rows["train_features"]))
    slices = compute_slices(predictions(model), **rows, interval_model=fitted_intervals(model), slices=SLICES)
    settings = settings_hash(asked, packaging(model), packaging(model).intervals)
    return package_model(
        trained(replace(fitted(model), errors=errors), settings),
        trained(fitted_intervals(model), settings),
        predictions(model),
        rows["train_features"].assign(month=learnt),
        rows["val_features"],
        measured(model, **changed),
        slices,
        QUALITY,
        FINGERPRINTS,
        asked,
        packaging(model),
    )


@cache
def package(model: str = "xgboost") -> ModelPackage:
    """A small package, loaded."""
    return ModelPackage(packed(model))


def repacked(of: ModelPackage, facts: dict[str, Any] | None = None, **files: Any) -> ModelPackage:
    """A package with other facts and files: bytes as they are, anything else as JSON; `name__json` is `name.json`."""
    made = {name.replace("__", "."): content for name, content in files.items()}
    contents = {name: c if isinstance(c, bytes) else json.dumps(c).encode() for name, c in made.items()}
    kept = {name: of.contents[name] for name in of.manifest["files"]}
    told = {name: value for name, value in of.manifest.items() if name != "files"}
    return ModelPackage(pack(kept | contents, told | (facts or {})))


def rides_of(rows: pd.DataFrame) -> Rides:
    """Trips as rides that are asked for after they ended."""
    pickup, dropoff, miles = (
        rows[name].to_numpy(dtype=np.float64) for name in ("pickup_zone", "dropoff_zone", "trip_distance_raw")
    )
    return Rides(pickup, dropoff, rows["pickup_datetime"].to_numpy(dtype="datetime64[s]"), miles)
