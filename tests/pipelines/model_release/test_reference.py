"""The reference of a package: rides of every day, and counts of all of them."""

import io

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ride_duration.model_package.reference import ANSWERS, COUNTS, ROWS
from ride_duration.pipelines.model_release import reference
from ride_duration.pipelines.model_release.reference import make_reference
from ride_duration.trips.features import FEATURES
from tests.support.evaluation import predictions, splits


def tables() -> dict[str, pd.DataFrame]:
    files = make_reference(splits()["val_features"], predictions("xgboost"))
    return {name: pq.read_table(io.BytesIO(content)).to_pandas() for name, content in files.items()}


def test_every_ride_is_counted_once_for_each_feature() -> None:
    counts, rides = tables()[COUNTS], splits()["val_features"]
    assert counts.groupby("feature")["rows"].sum().to_dict() == dict.fromkeys((*FEATURES, *ANSWERS), len(rides))
    by_day = counts[counts["feature"] == "hour"].groupby("day")["rows"].sum()
    expected = rides["pickup_datetime"].dt.date.value_counts().sort_index()
    assert by_day.tolist() == expected.tolist()
    missing = counts[(counts["feature"] == "trip_distance") & counts["low"].isna()]["rows"].sum()
    assert missing == rides["trip_distance"].isna().sum()


def test_some_rides_of_every_day_are_kept(monkeypatch: object) -> None:
    rides = splits()["val_features"]
    monkeypatch.setattr(reference, "LEAST_ROWS", 100)  # type: ignore[attr-defined]
    kept = tables()[ROWS]
    days = rides["pickup_datetime"].dt.date.nunique()
    assert kept["day"].nunique() == days
    assert 100 <= len(kept) <= 100 + days
    assert set(FEATURES) <= set(kept.columns)


def test_the_same_trips_make_the_same_bytes() -> None:
    shuffled = splits()["val_features"].sample(frac=1.0, random_state=1)
    assert make_reference(shuffled, predictions("xgboost")) == make_reference(
        splits()["val_features"], predictions("xgboost")
    )
    assert np.isfinite(tables()[ROWS]["predicted"]).all()
