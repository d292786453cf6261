"""Packages as MLflow keeps them, and what tells one from another that was put in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.errors import IntegrityError

if TYPE_CHECKING:
    import pandas as pd

    from ride_duration.model_package import ModelPackage

#: The TLC's own id for a zone that is not known, for examples: MLflow takes no missing integers.
_UNKNOWN_ZONE = 264


def log_package(folder: Path, metadata: dict[str, Any]) -> str:
    """Log a package as an MLflow model (pyfunc) of the active run, with its signature and an input example.

    Returns:
        The address by which MLflow knows it.
    """
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = Schema(
        [
            ColSpec("long", "PULocationID"),
            ColSpec("long", "DOLocationID"),
            ColSpec("datetime", "pickup_datetime"),
            ColSpec("double", "trip_distance", required=False),
        ]
    )
    outputs = Schema([ColSpec("double", name) for name in ("duration", "lower", "upper")])
    logged = mlflow.pyfunc.log_model(
        name="model_package",
        loader_module="ride_duration.model_package.pyfunc",
        data_path=str(folder),
        signature=ModelSignature(inputs=inputs, outputs=outputs),
        input_example=_example(json.loads((folder / "golden_rides.json").read_text())["rides"][:2]),
        pip_requirements=["ride_duration"],
        metadata=metadata,
    )
    return str(logged.model_uri)


def _example(rides: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    zones = ["PULocationID", "DOLocationID"]
    example = pd.DataFrame(rides).assign(pickup_datetime=lambda frame: pd.to_datetime(frame["pickup_datetime"]))
    example[zones] = example[zones].astype("Float64").fillna(_UNKNOWN_ZONE).astype("int64")
    example["trip_distance"] = example["trip_distance"].astype(float)
    return example


def fingerprint(package: ModelPackage) -> dict[str, str]:
    """Return what is noted with a version of its package.

    Returns:
        `identity`, of what it answers with; `manifest_sha256`, by which every file is known, since the manifest has
        the hash of each.
    """
    return {"identity": package.identity, "manifest_sha256": package.fingerprint}


def load_verified(folder: Path, version: int, noted: Mapping[str, str], threads: int = 1) -> ModelPackage:
    """Load the package of a version, after comparing each hash, and the whole with what was noted with the version.

    Args:
        folder: Where it lies.
        version: Its number.
        noted: The tags of the version; those that were registered long ago have a part of the fingerprint, or none.
        threads: For ONNX Runtime.

    Raises:
        IntegrityError: A file was changed, or another package lies there.
    """
    from ride_duration.model_package import ModelPackage

    package = ModelPackage.load(folder, threads, version)
    differing = [name for name, value in fingerprint(package).items() if noted.get(name, value) != value]
    if differing:
        raise IntegrityError(
            f"the model package in {folder} is not the one that was registered as version {version} "
            f"(another {differing[0]}); put its files back, or release the model again"
        )
    return package
