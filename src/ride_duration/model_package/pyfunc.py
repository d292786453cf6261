"""The package as an MLflow model: `mlflow models serve` and `mlflow.pyfunc.load_model` answer with it.

MLflow finds `_load_pyfunc` by this module's name, so that nothing is pickled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ride_duration.model_package.package import ModelPackage, Rides


class _PackageModel:
    def __init__(self, package: ModelPackage) -> None:
        self._package = package

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Answer rides.

        Args:
            model_input: One row a ride: `PULocationID`, `DOLocationID`, `pickup_datetime` (New York wall clock)
                and, if known, `trip_distance` (miles).
            params: There are none.

        Returns:
            `duration`, `lower` and `upper` in minutes, one row a ride.
        """
        del params  # MLflow hands it to every model
        answers = self._package.answer(rides_of_frame(model_input))
        return pd.DataFrame(answers._asdict())


def rides_of_frame(frame: pd.DataFrame) -> Rides:
    """The rides of a frame in the form that `_PackageModel.predict` is given."""
    distance = frame["trip_distance"] if "trip_distance" in frame else pd.Series(np.nan, frame.index, dtype=float)
    return Rides(
        frame["PULocationID"].to_numpy(dtype=np.float64, na_value=np.nan),
        frame["DOLocationID"].to_numpy(dtype=np.float64, na_value=np.nan),
        pd.to_datetime(frame["pickup_datetime"], format="ISO8601").to_numpy(dtype="datetime64[s]"),
        np.asarray(distance.to_numpy(dtype=np.float64, na_value=np.nan)),
    )


def _load_pyfunc(path: str) -> _PackageModel:
    return _PackageModel(ModelPackage.load(path))
