"""Intervals as configured, on a whole month of the simulated city that nobody has been trained on."""

import pickle

import numpy as np
import pandas as pd

from ride_duration.model_package.intervals import buckets
from ride_duration.pipelines.data_science.duration_model import without_distance
from ride_duration.pipelines.data_science.interval_model import fit_intervals
from ride_duration.pipelines.data_science.parameters import Intervals
from tests.conftest import Project
from tests.support.models import CONFIGURED, training

CONFIGURED = Intervals(**CONFIGURED["intervals"])


def test_intervals_of_a_month_hold_nine_in_ten_rides_of_the_next(finished: Project) -> None:
    train, val = (
        pd.read_parquet(finished.data(f"05_model_input/{split}_features.parquet")) for split in ("train", "val")
    )
    with finished.data("06_models/model.pickle").open("rb") as file:
        model = pickle.load(file)
    learnt = fit_intervals(train, training("xgboost"), CONFIGURED)
    bucket = buckets(val["straight_distance"].to_numpy(), CONFIGURED.bucket_edges)
    for rows in (val, without_distance(val)):
        lower, upper = learnt.bounds(rows, model.predict(rows))
        held = (lower <= val["duration"]) & (val["duration"] <= upper)
        assert 0.86 <= held.mean() <= 0.94
        for number in np.unique(bucket):
            if (bucket == number).sum() >= 500:
                assert held[bucket == number].mean() >= 0.78
