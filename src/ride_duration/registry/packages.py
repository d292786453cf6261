"""Packages as MLflow keeps them, and what tells one from another that was put in its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.errors import IntegrityError
from ride_duration.model_package import ModelPackage
from ride_duration.registry.reader import package_folder
from ride_duration.storage_errors import is_missing

if TYPE_CHECKING:
    import pandas as pd

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

    asked = Schema(
        [
            ColSpec("long", "PULocationID"),
            ColSpec("long", "DOLocationID"),
            ColSpec("datetime", "pickup_datetime"),
            ColSpec("double", "trip_distance", required=False),
        ]
    )
    answered = Schema([ColSpec("double", name) for name in ("duration", "lower", "upper")])
    logged = mlflow.pyfunc.log_model(
        name="model_package",
        loader_module="ride_duration.model_package.pyfunc",
        data_path=str(folder),
        signature=ModelSignature(inputs=asked, outputs=answered),
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


def seal(package: ModelPackage) -> dict[str, str]:
    """What is noted with a version of its package.

    Returns:
        `identity`, of what it answers with; `manifest_sha256`, by which every file is known, since the manifest has
        the hash of each.
    """
    return {"identity": package.identity, "manifest_sha256": package.fingerprint}


def open_sealed(folder: Path, version: int, noted: Mapping[str, str], threads: int = 1) -> ModelPackage:
    """The package of a version, after each hash was compared, and the whole with what was noted of it.

    Args:
        folder: Where it lies.
        version: Its number.
        noted: The tags of the version; those that were registered long ago have a part of the seal, or none.
        threads: For ONNX Runtime.

    Raises:
        RideDurationError: A file was changed, or another package lies there.
    """
    package = ModelPackage.load(folder, threads, version)
    differing = [name for name, value in seal(package).items() if noted.get(name, value) != value]
    if differing:
        raise IntegrityError(
            f"the model package in {folder} is not the one that was registered as version {version} "
            f"(another {differing[0]}); put its files back, or release the model anew"
        )
    return package


def folder_of_package(client: Any, version: Any, artifacts: Path) -> Path:
    """Where the package of a version lies; one in a store elsewhere is copied from there.

    Args:
        client: MLflow's.
        version: As the client gives it.
        artifacts: The folder of the project's artifacts.

    Raises:
        RideDurationError: The files are gone.
    """
    import mlflow

    def download(address: str) -> Path:
        return Path(mlflow.artifacts.download_artifacts(address))

    try:
        logged = client.get_logged_model(version.source.removeprefix("models:/"))
        experiment = client.get_experiment(logged.experiment_id).artifact_location
        return package_folder(logged.artifact_location, experiment, artifacts, download)
    except (OSError, ValueError, mlflow.MlflowException) as error:
        if isinstance(error, mlflow.MlflowException) and not is_missing(error):
            raise
        raise IntegrityError(f"the files of version {version.version} are gone") from error
