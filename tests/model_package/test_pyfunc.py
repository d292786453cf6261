"""The package as an MLflow model: frames in, frames out."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ride_duration.model_package.files import write_folder
from ride_duration.model_package.pyfunc import _load_pyfunc, rides_of_frame
from tests.support.models import simulated_features
from tests.support.packages import package, rides_of


def frame_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Trips in the TLC's names."""
    names = {"pickup_zone": "PULocationID", "dropoff_zone": "DOLocationID", "trip_distance_raw": "trip_distance"}
    return rows[[*names, "pickup_datetime"]].rename(columns=names)


def test_a_folder_is_loaded_and_answers_frames(tmp_path: Path) -> None:
    write_folder(tmp_path / "package", package().contents)
    rows = simulated_features(50, "2021-02")
    answered = _load_pyfunc(str(tmp_path / "package")).predict(frame_of(rows))
    assert list(answered.columns) == ["duration", "lower", "upper"]
    assert np.array_equal(answered.to_numpy().T, package().answer(rides_of(rows)))


def test_without_the_column_the_distance_is_unknown() -> None:
    frame = frame_of(simulated_features(5)).drop(columns="trip_distance")
    assert np.isnan(rides_of_frame(frame).trip_distance).all()


def test_times_may_be_texts_and_zones_may_be_missing() -> None:
    frame = pd.DataFrame(
        {
            "PULocationID": pd.array([132, None], "Int64"),
            "DOLocationID": [230, 230],
            "pickup_datetime": ["2021-03-01T17:30:00", "2021-03-01 17:30"],
            "trip_distance": pd.array([None, 17.5], "Float64"),
        },
        index=[7, 3],
    )
    rides = rides_of_frame(frame)
    assert rides.pickup_zone == pytest.approx([132, np.nan], nan_ok=True)
    assert rides.trip_distance == pytest.approx([np.nan, 17.5], nan_ok=True)
    assert rides.pickup_datetime.tolist() == [datetime(2021, 3, 1, 17, 30)] * 2
    assert np.isfinite(package().answer(rides).duration).all()
