"""Pictures of a model on its validation months."""

import json
from typing import Any

import numpy as np
import pytest

from ride_duration.pipelines.data_science.plots import (
    plot_feature_importance,
    plot_predicted_against_actual,
    plot_residual_by_distance,
    plot_residual_by_hour,
)
from ride_duration.trips.features import FEATURES
from tests.support.evaluation import predictions, splits
from tests.support.models import fitted, simulated_features, training
from tests.support.trips import experiment

SIMULATED = experiment(source="simulated", sources={"simulated": None})


def all_plots(**changed: Any) -> list[Any]:
    """Every picture."""
    asked, val = experiment(**changed), splits()["val_features"]
    return [
        plot_predicted_against_actual(predictions(), asked),
        plot_residual_by_hour(predictions(), val, asked),
        plot_residual_by_distance(predictions(), val, asked),
        plot_feature_importance(fitted("xgboost"), val, asked, training("xgboost")),
    ]


def test_every_picture_says_of_which_trips_it_is() -> None:
    for figure in all_plots():
        assert figure.layout.title.subtitle.text == "green TLC trips, trained on 2021-01, evaluated on 2021-02"
    for figure in all_plots(source="simulated", sources={"simulated": None}):
        assert "simulated trips" in figure.layout.title.subtitle.text


def test_every_picture_is_the_same_each_time() -> None:
    assert [figure.to_json() for figure in all_plots()] == [figure.to_json() for figure in all_plots()]


def test_the_map_of_predictions_counts_the_validation_trips_in_their_cells() -> None:
    heatmap = plot_predicted_against_actual(predictions(), SIMULATED).data[0]
    counts = 10 ** np.array(heatmap.z) - 1
    val = predictions().query("split == 'val' and 0 <= predicted <= 60")
    cells = np.zeros((60, 60))
    np.add.at(cells, (val["predicted"].astype(int), np.minimum(val["duration"].astype(int), 59)), 1)
    assert counts == pytest.approx(cells, abs=1e-6)


def test_residuals_by_hour_are_predicted_minus_actual() -> None:
    high, low, mean = plot_residual_by_hour(predictions(), splits()["val_features"], SIMULATED).data
    val = predictions().query("split == 'val'").assign(hour=np.floor(splits()["val_features"]["hour"].to_numpy()))
    errors = (val["predicted"] - val["duration"]).groupby(val["hour"])
    assert dict(zip(mean.x, mean.y, strict=True)) == pytest.approx(errors.mean().to_dict())
    assert all(np.array(low.y) <= np.array(high.y))


def test_residuals_by_distance_leave_out_trips_without_one() -> None:
    val = splits()["val_features"].copy()
    val.loc[val["trip_distance"] < 5, "trip_distance"] = np.nan
    *_, mean = plot_residual_by_distance(predictions(), val, SIMULATED).data
    assert min(mean.x) == 5
    assert set(mean.x) <= {5, 7.5, 10, 15, 20, 30}


def test_the_features_that_matter_are_ranked_and_named() -> None:
    rows = simulated_features(1_000, "2021-02")
    [bars] = plot_feature_importance(fitted("xgboost"), rows, SIMULATED, training("xgboost")).data
    losses = dict(zip(bars.y, bars.x, strict=True))
    assert set(losses) == set(FEATURES)
    assert list(bars.x) == sorted(bars.x)
    assert losses["trip_distance"] > 0.1 > losses["weekday"]


def test_texts_can_be_shuffled_too() -> None:
    rows = simulated_features(1_000)
    [bars] = plot_feature_importance(fitted("zone_pair_median"), rows, SIMULATED, training("zone_pair_median")).data
    assert list(bars.y) == ["zone_pair"]
    assert bars.x[0] > 0.1


def test_a_feature_that_the_model_ignores_has_no_importance() -> None:
    rows = simulated_features(500, "2021-02")
    [bars] = plot_feature_importance(fitted("mean"), rows, SIMULATED, training("mean")).data
    assert list(bars.x) == [0.0]


def test_pictures_can_be_kept_as_json() -> None:
    assert all(json.loads(figure.to_json())["data"] for figure in all_plots())
