"""Which columns a model reads, and how it answers without the metered distance."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ride_duration.pipelines.data_science.duration_model import DurationModel, without_distance
from ride_duration.trips.features import FEATURES, METERED
from tests.support.models import BOOSTED, CONFIGURED, fitted, simulated_features, training


def unfitted(name: str, **hyper_parameters: Any) -> DurationModel:
    """A configured model before it has learnt anything."""
    return DurationModel.unfitted(name, training(name, **hyper_parameters))


def test_before_the_ride_exactly_the_metered_features_are_missing() -> None:
    rows = simulated_features(100)
    before = without_distance(rows)
    metered = [*METERED, "trip_distance_raw"]
    assert before[metered].isna().all(axis=None)
    assert before.drop(columns=metered).equals(rows.drop(columns=metered))
    assert rows["trip_distance"].notna().any()


def test_a_model_of_numbers_reads_an_array_and_a_model_of_texts_a_frame() -> None:
    rows = simulated_features(10)
    array, frame = unfitted("xgboost").inputs(rows), unfitted("ridge").inputs(rows)
    assert isinstance(array, np.ndarray)
    assert array.shape == (10, len(FEATURES))
    assert array.dtype == np.float32, "as the released graph reads them"
    assert list(frame.columns) == ["zone_pair", "trip_distance_raw"]


def test_features_are_read_in_the_order_of_the_definition() -> None:
    rows = simulated_features(10)
    shuffled = rows[sorted(rows.columns, reverse=True)]
    assert np.array_equal(unfitted("xgboost").inputs(rows), unfitted("xgboost").inputs(shuffled), equal_nan=True)


@pytest.mark.parametrize("name", BOOSTED)
def test_only_the_metered_features_are_held_to_increase(name: str) -> None:
    model = unfitted(name)
    constraints = model.estimator.get_params()[model.choice.monotone]
    assert dict(zip(model.columns, constraints, strict=True)) == {name: int(name in METERED) for name in FEATURES}


def test_the_seed_of_the_run_is_handed_to_learners_that_draw_by_chance() -> None:
    assert unfitted("random_forest").estimator.random_state == 42
    assert unfitted("random_forest", random_state=7).estimator.random_state == 7


def test_hyper_parameters_reach_an_estimator_behind_its_encoding() -> None:
    assert unfitted("lasso", alpha=0.25).estimator[-1].alpha == 0.25


def test_a_linear_model_reads_pairs_never_seen_and_missing_distances() -> None:
    rows = simulated_features(3).assign(zone_pair="999_999", trip_distance_raw=[np.nan, 0.0, 1.0])
    unknown, none, mile = fitted("linear_regression").predict(rows)
    assert unknown == pytest.approx(none)
    assert mile > none


def test_a_linear_model_can_learn_where_no_trip_has_a_distance() -> None:
    rows = simulated_features(200).assign(trip_distance_raw=np.nan)
    model = unfitted("linear_regression")
    model.estimator.fit(model.inputs(rows), rows["duration"])
    assert np.isfinite(model.predict(rows)).all()


def test_a_model_knows_its_name_its_choice_and_its_columns() -> None:
    model = unfitted("zone_pair_median")
    assert model.name == "zone_pair_median"
    assert model.choice.estimator == CONFIGURED["models"]["zone_pair_median"]["estimator"]
    assert model.columns == ["zone_pair"]


def test_predictions_do_not_depend_on_the_labels_of_the_rows() -> None:
    rows = simulated_features(50)
    relabelled = rows.set_index(pd.Index(range(1000, 1050)))
    for name in ("xgboost", "zone_pair_median", "ridge"):
        assert np.array_equal(fitted(name).predict(rows), fitted(name).predict(relabelled))
