"""Predictions, metrics and slices."""

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from ride_duration.model_package.intervals import bucket_names
from ride_duration.pipelines.data_science.evaluation import compute_metrics, compute_slices, predict_trips
from ride_duration.pipelines.data_science.parameters import Slices
from ride_duration.stats.metrics import MEASURES, score
from tests.support.evaluation import SLICES, measured, predictions, sliced, splits
from tests.support.models import CONFIGURED, fitted, fitted_intervals, training
from tests.support.trips import experiment


def test_every_trip_of_every_split_is_predicted_once() -> None:
    rows = splits()
    assert predictions()["split"].value_counts().to_dict() == {"train": 2_000, "val": 1_000, "test": 500}
    assert predictions()["ride_id"].tolist() == [ride for split in rows.values() for ride in split["ride_id"]]
    assert list(predictions().columns) == [
        "ride_id",
        "split",
        "day",
        "duration",
        "predicted",
        "predicted_without_distance",
        "lower",
        "upper",
        "lower_without_distance",
        "upper_without_distance",
        "mean",
        "zone_pair_median",
    ]
    judged = predictions()["split"] != "train"
    assert not predictions()[judged].isna().any(axis=None)
    bounds = [name for name in predictions() if name.startswith(("lower", "upper"))]
    assert predictions().loc[~judged, bounds].isna().all(axis=None), "training trips say nothing of intervals"
    assert not predictions().drop(columns=bounds).isna().any(axis=None)


def test_predictions_are_the_models_own() -> None:
    val, rows = predictions().query("split == 'val'"), splits()["val_features"]
    assert np.array_equal(val["predicted"], fitted("xgboost").predict(rows))
    assert np.array_equal(val["predicted_without_distance"], fitted("xgboost").predict_without_distance(rows))
    assert np.array_equal(val["zone_pair_median"], fitted("zone_pair_median").predict(rows))


def test_intervals_hold_the_prediction_and_are_those_of_the_interval_model() -> None:
    val, rows = predictions().query("split == 'val'"), splits()["val_features"]
    lower, upper = fitted_intervals().bounds(rows, val["predicted"].to_numpy())
    assert np.array_equal(val["lower"], lower)
    assert np.array_equal(val["upper"], upper)
    judged = predictions().query("split != 'train'")
    for suffix, predicted in (("", "predicted"), ("_without_distance", "predicted_without_distance")):
        assert (judged[f"lower{suffix}"] >= 0).all()
        assert (judged[f"lower{suffix}"] <= judged[predicted]).all()
        assert (judged[predicted] <= judged[f"upper{suffix}"]).all()


def test_a_model_that_needs_the_distance_predicts_nothing_before_the_ride() -> None:
    assert predictions("ridge")["predicted_without_distance"].isna().all()
    assert measured("ridge")["val"]["rmse_without_distance"] is None
    assert measured("ridge")["val"]["rmse"] > 0
    assert predictions("ridge")[["lower_without_distance", "upper_without_distance"]].isna().all(axis=None)
    assert measured("ridge")["val"]["coverage_without_distance"] is None
    assert 0.5 < measured("ridge")["val"]["coverage"] <= 1


def test_without_test_months_their_split_has_no_rows_and_no_metrics() -> None:
    rows = splits()
    rows["test_features"] = rows["test_features"].iloc[:0]
    baselines = {name: fitted(name) for name in CONFIGURED["baselines"]}
    few = predict_trips(fitted("mean"), fitted_intervals("mean"), baselines, **rows)
    assert set(few["split"]) == {"train", "val"}
    assert compute_metrics(few, experiment(), training("mean"))["test"] is None
    cut = compute_slices(few, **rows, interval_model=fitted_intervals("mean"), slices=SLICES)
    assert set(cut["split"]) == {"val"}


def test_metrics_say_what_was_trained_on_what_and_how_good_it_is() -> None:
    metrics = measured(test_data="2021-03")
    val = predictions().query("split == 'val'")
    assert {name: metrics[name] for name in ("model", "train_data", "val_data", "test_data", "service")} == {
        "model": "xgboost",
        "train_data": "2021-01",
        "val_data": "2021-02",
        "test_data": "2021-03",
        "service": "green",
    }
    assert metrics["val"].items() >= score(val["duration"].to_numpy(), val["predicted"].to_numpy()).items()
    assert (metrics["train"]["n"], metrics["val"]["n"], metrics["test"]["n"]) == (2_000, 1_000, 500)
    names = (*MEASURES, "coverage", "width", "rmse_low", "rmse_high")
    assert set(metrics["val"]) == {*names, *(f"{name}_without_distance" for name in names), "n"}
    assert metrics["val"]["rmse_low"] is metrics["val"]["rmse_high"] is None, "no day has 50 trips"
    ten_days = predictions().assign(day=np.arange(3_500) % 10)
    bounded = compute_metrics(ten_days, experiment(), training("xgboost"))["val"]
    for suffix in ("", "_without_distance"):
        assert bounded[f"rmse_low{suffix}"] < bounded[f"rmse{suffix}"] < bounded[f"rmse_high{suffix}"]


def test_the_baselines_are_judged_on_the_validation_trips_and_before_the_ride_as_after_it() -> None:
    metrics = measured()
    val = predictions().query("split == 'val'")
    assert list(metrics["baselines"]) == ["mean", "zone_pair_median"]
    for name, measures in metrics["baselines"].items():
        assert measures["rmse"] == score(val["duration"].to_numpy(), val[name].to_numpy())["rmse"]
        assert measures["rmse_without_distance"] == measures["rmse"]


def test_simulated_metrics_say_so() -> None:
    assert measured(source="simulated", sources={"simulated": None})["simulated"] is True
    assert measured()["simulated"] is False


def test_metrics_are_json_that_every_reader_understands() -> None:
    for model in ("xgboost", "ridge", "mean"):
        text = json.dumps(measured(model), allow_nan=False)
        assert json.loads(text) == measured(model)


@pytest.mark.parametrize("name", ["borough_pair", "hour", "distance", "straight_distance", "zone_pair"])
def test_the_slices_of_each_kind_cover_every_judged_trip_once(name: str) -> None:
    of_name = sliced()[sliced()["slice"] == name]
    assert of_name.groupby("split")["n"].sum().to_dict() == {"val": 1_000, "test": 500}
    assert not of_name.duplicated(["split", "value"]).any()


@pytest.mark.parametrize("name", ["borough_pair", "hour", "distance", "straight_distance", "zone_pair"])
def test_the_slices_of_each_kind_add_up_to_the_whole(name: str) -> None:
    of_name = sliced()[(sliced()["slice"] == name) & (sliced()["split"] == "val")]
    whole = measured()["val"]
    assert (of_name["mae"] * of_name["n"]).sum() / 1_000 == pytest.approx(whole["mae"], abs=1e-5)
    assert (of_name["coverage"] * of_name["n"]).sum() / 1_000 == pytest.approx(whole["coverage"], abs=1e-5)
    assert math.sqrt((of_name["rmse"] ** 2 * of_name["n"]).sum() / 1_000) == pytest.approx(whole["rmse"], abs=1e-5)


def test_slices_are_named_as_one_reads_them() -> None:
    values = sliced().groupby("slice")["value"].agg(set)
    assert values["zone_pair"] == {"seen", "unseen"}
    assert values["hour"] <= {f"{hour:02d}" for hour in range(24)}
    assert "(2.0, 5.0] miles" in values["distance"]
    assert "Manhattan - Manhattan" in values["borough_pair"]
    assert values["straight_distance"] <= {*bucket_names(fitted_intervals().calibration.edges)}
    assert "below 1 miles" in values["straight_distance"]


def test_answers_before_the_ride_are_sliced_by_what_is_known_then() -> None:
    before = [name for name in sliced() if name.endswith("_without_distance")]
    metered = sliced()["slice"] == "distance"
    assert len(before) == len(MEASURES) + 2, "each column stays"
    assert sliced().loc[metered, before].isna().all(axis=None)
    assert sliced().loc[metered, "rmse"].notna().all()
    assert sliced().loc[~metered, ["rmse_without_distance", "coverage_without_distance"]].notna().all(axis=None)


def test_trips_without_a_distance_are_a_slice_of_their_own() -> None:
    test = sliced()[(sliced()["slice"] == "distance") & (sliced()["split"] == "test")]
    assert test["value"].tolist() == ["unknown miles"]
    assert test["n"].tolist() == [500]


def test_a_pair_that_was_not_trained_on_is_unseen() -> None:
    rows = splits()
    unseen = sliced().query("slice == 'zone_pair' and split == 'val' and value == 'unseen'")["n"].item()
    assert unseen == (~rows["val_features"]["zone_pair"].isin(rows["train_features"]["zone_pair"])).sum()


@pytest.mark.parametrize("edges", [(), (1,), (2, 1), (1, 1, 2)])
def test_distance_edges_ascend(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="ascending"):
        Slices(distance_edges=edges)
