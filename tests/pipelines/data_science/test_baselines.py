"""The usual duration between two zones."""

import numpy as np
import pandas as pd
from sklearn.base import clone

from ride_duration.pipelines.data_science.baselines import ZonePairMedian


def pairs(*names: str) -> pd.DataFrame:
    """Inputs of these zone pairs."""
    return pd.DataFrame({"zone_pair": names})


def test_the_answer_is_the_median_of_the_zone_pair() -> None:
    durations = np.array([5.0, 7.0, 60.0, 20.0, 30.0])
    model = ZonePairMedian().fit(pairs("74_75", "74_75", "74_75", "1_2", "1_2"), durations)
    assert model.predict(pairs("1_2", "74_75", "74_75")).tolist() == [25.0, 7.0, 7.0]


def test_a_pair_never_seen_gets_the_median_of_all_trips() -> None:
    model = ZonePairMedian().fit(pairs("74_75", "74_75", "1_2"), np.array([5.0, 7.0, 30.0]))
    assert model.predict(pairs("75_74", "_")).tolist() == [7.0, 7.0]


def test_the_row_labels_of_the_training_trips_do_not_matter() -> None:
    rows = pairs("74_75", "1_2", "74_75").set_index(np.array([7, 7, 3]))
    assert ZonePairMedian().fit(rows, np.array([5.0, 30.0, 9.0])).predict(rows).tolist() == [7.0, 30.0, 7.0]


def test_it_is_a_scikit_learn_regressor() -> None:
    model = ZonePairMedian().fit(pairs("74_75"), np.array([5.0]))
    assert not hasattr(clone(model), "medians_")
    assert model.score(pairs("74_75", "74_75"), np.array([5.0, 6.0])) <= 1
