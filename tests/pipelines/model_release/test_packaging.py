"""A model -> the files of a package, which answers as the model does."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from ride_duration.errors import RideDurationError
from ride_duration.model_package import ModelPackage
from ride_duration.model_package.expected_error import PREDICTED, ExpectedError, has_error_model
from ride_duration.model_package.files import MANIFEST
from ride_duration.model_package.golden import as_rides
from ride_duration.model_package.package import OUTPUTS
from ride_duration.pipelines.data_science.error_model import fit_errors
from ride_duration.pipelines.data_science.parameters import ExpectedErrors
from ride_duration.pipelines.model_release import packaging as packaging_module
from ride_duration.pipelines.model_release.graphs import onnx_graph
from ride_duration.pipelines.model_release.packaging import UNITS, compare_outputs, rides_to_compare
from ride_duration.trips.features import FEATURES
from ride_duration.trips.records import DURATION
from ride_duration.trips.zones import zone_table
from tests.support.evaluation import measured, splits
from tests.support.models import CONFIGURED, MODELS, fitted, fitted_intervals, simulated_features, training
from tests.support.packages import (
    FINGERPRINTS,
    SIMULATED,
    package,
    packaging,
    packed,
    released_splits,
    repacked,
    rides_of,
)


@pytest.mark.parametrize("model", MODELS)
def test_the_package_of_every_model_answers_as_the_model_does(model: str) -> None:
    rows = simulated_features(2_500, "2021-02")
    estimates = package(model).estimate_columns(package(model).columns(rides_of(rows)))
    expected = fitted(model).predict(rows)
    lower, upper = fitted_intervals(model).bounds(rows, expected)
    for estimated, answered, minutes in zip(
        estimates, package(model).answer(rides_of(rows)), (expected, lower, upper), strict=True
    ):
        assert estimated == pytest.approx(minutes, abs=1e-3)
        assert answered == pytest.approx(np.clip(minutes, *DURATION), abs=1e-3)


def test_a_package_holds_all_that_is_promised() -> None:
    files = {*package().contents}
    assert {
        *OUTPUTS.values(),
        *("inputs.json", "intervals.json", "zones.csv", "golden_rides.json", "metrics.json", "slice_metrics.csv"),
        *("quality_report.json", "raw_fingerprints.json", "model_card.md", MANIFEST, "manifest.json.sha256"),
    } <= files
    assert {name for name in files if name.endswith(".pickle")} == set()
    assert package().contents["zones.csv"].decode() == zone_table()
    assert package().read_json("raw_fingerprints.json") == FINGERPRINTS


def test_the_manifest_says_what_the_model_is() -> None:
    manifest, metrics = package().manifest, measured(**SIMULATED)
    assert {name: value for name, value in manifest.items() if name != "files"} == {
        "package_format": 1,
        "model": "xgboost",
        "run_id": "run",
        "distance": "optional",
        "service": "green",
        "source": "simulated",
        "simulated": True,
        "train_data": ["2021-01"],
        "val_data": ["2021-02"],
        "test_data": [],
        "rmse": metrics["val"]["rmse"],
        "rmse_without_distance": metrics["val"]["rmse_without_distance"],
    }


def test_months_of_a_range_are_named_one_by_one() -> None:
    asked = {"train_data": "2020-11..2021-01"}
    assert ModelPackage(packed(**asked)).manifest["train_data"] == ["2020-11", "2020-12", "2021-01"]


def test_each_output_says_what_it_reads_with_units() -> None:
    outputs = package("ridge").read_json("inputs.json")["outputs"]
    assert outputs["duration"]["text"] == ["zone_pair"]
    assert outputs["duration"]["numeric"] == ["trip_distance_raw"]
    assert outputs["lower"] == outputs["upper"] == outputs["duration"], "its intervals lie about its own answer"
    assert package().read_json("inputs.json")["outputs"]["lower"]["numeric"] == list(FEATURES)
    assert outputs["duration"]["units"] == {name: UNITS[name] for name in ("trip_distance_raw", "zone_pair")}


def test_every_column_that_a_model_may_read_has_a_unit() -> None:
    assert set(UNITS) == {*FEATURES, "trip_distance_raw", "zone_pair", "borough_pair", PREDICTED}


@pytest.mark.parametrize("model", ["xgboost", "ridge"])
def test_golden_rides_are_asked_before_and_after_and_answered_as_kept(model: str) -> None:
    golden = package(model).read_json("golden_rides.json")
    answers = package(model).answer(as_rides(golden["rides"]))._asdict()
    known = [ride["trip_distance"] is not None for ride in golden["rides"]]
    assert 0 < sum(known) <= len(known) / 2
    for name, minutes in golden["answers"].items():
        assert answers[name] == pytest.approx(minutes, abs=1e-6)


def test_the_same_model_makes_the_same_package() -> None:
    again = packed()
    assert {name for name, content in package().contents.items() if again[name] != content} == set()


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_package_that_answers_otherwise_is_refused_with_the_output_and_the_ride(output: str) -> None:
    wrong = repacked(package(), **{OUTPUTS[output]: onnx_graph(fitted("lightgbm"))})
    rides = rides_to_compare(splits()["val_features"], 1)
    with pytest.raises(RideDurationError) as told:
        compare_outputs(wrong, fitted("xgboost"), fitted_intervals(), rides)
    assert "off by" in str(told.value)
    assert f"in `{output}`" in str(told.value)
    assert "pickup_zone" in str(told.value)
    assert "it is not released" in str(told.value)


def test_other_margins_than_those_learnt_are_refused() -> None:
    calibration = fitted_intervals().calibration
    tails = calibration.margins["without_distance"]
    wider = tails | {"upper": tuple(minutes + 1 for minutes in tails["upper"])}
    other = replace(calibration, margins=calibration.margins | {"without_distance": wider})
    wrong = repacked(package(), intervals__json=other.as_dict())
    with pytest.raises(RideDurationError, match="in `upper`"):
        compare_outputs(wrong, fitted("xgboost"), fitted_intervals(), rides_to_compare(splits()["val_features"], 1))


def test_an_answer_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = replace(fitted("xgboost"))
    predicted = np.full(10_000, np.nan)
    monkeypatch.setattr(type(model), "predict", lambda self, rows: predicted[: len(rows)])
    with pytest.raises(RideDurationError, match="off by nan"):
        compare_outputs(package(), model, fitted_intervals(), rides_to_compare(splits()["val_features"], 1))


def test_a_linear_model_may_estimate_millions_of_minutes_for_an_absurd_distance() -> None:
    rows = simulated_features(2_000)
    believed = packaging_module.DurationModel.unfitted("ridge", training("ridge"))
    believed.estimator.fit(believed.inputs(near := rows[rows["trip_distance_raw"] < 50]), near["duration"])
    right = repacked(package("ridge"), **dict.fromkeys(OUTPUTS.values(), onnx_graph(believed)))
    rides = rides_to_compare(splits()["val_features"], 1)
    assert right.estimate_columns(right.columns(rides)).duration.max() > 1e5
    assert right.answer(rides).duration.max() == 60
    compare_outputs(right, believed, fitted_intervals("ridge"), rides)


def test_rides_to_compare_are_likely_and_unlikely_ones() -> None:
    val = splits()["val_features"]
    rides = rides_to_compare(val, seed=3)
    assert {len(values) for values in rides} == {10_000}
    drawn = [values[5_000:] for values in rides]
    assert 0.2 < np.isnan(drawn[3]).mean() < 0.3
    assert {0.0, -20.0, 244_152.0} <= {*drawn[3]}
    assert (drawn[0] > 265).any()
    assert (drawn[0] == 0).any()
    assert {*rides.pickup_zone[:5_000]} <= {*val["pickup_zone"]}
    assert np.array_equal(rides.trip_distance, rides_to_compare(val, seed=3).trip_distance, equal_nan=True)


@pytest.mark.parametrize(
    ("model", "estimator", "hyper_parameters", "words"),
    [
        ("xgboost", None, {"booster": "gblinear"}, "with booster=gblinear it cannot be packaged; use gbtree"),
        ("xgboost", None, {"objective": "reg:gamma"}, "with objective=reg:gamma it cannot be packaged"),
        ("lightgbm", None, {"boosting_type": "rf"}, "boosting_type=rf"),
        ("lightgbm", None, {"objective": "poisson"}, "objective=poisson"),
        ("lightgbm", None, {"linear_tree": True}, "linear_tree=True it cannot be packaged; use False"),
        ("hist_gradient_boosting", None, {"loss": "poisson"}, "loss=poisson"),
        (
            "neighbours",
            "sklearn.neighbors.KNeighborsRegressor",
            {},
            "a KNeighborsRegressor cannot be written as an ONNX",
        ),
        ("mixed", "sklearn.ensemble.RandomForestRegressor", {}, "graph of numbers alone"),
    ],
)
def test_what_cannot_be_packaged_is_refused_with_the_reason_and_a_way_to_try_it(
    model: str, estimator: str | None, hyper_parameters: dict[str, Any], words: str
) -> None:
    entry = estimator and {"estimator": estimator, "features": "reference", "distance": "required"}
    training(model, entry, **hyper_parameters)  # may be trained
    with pytest.raises(ValidationError) as told:
        packaging(model, entry, **hyper_parameters)
    assert f"models.{model} cannot be released: " in str(told.value)
    assert words in str(told.value)
    assert "add --pipelines=ingestion,data_engineering,data_science" in str(told.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"estimator": "sklearn.linear_model.QuantileRegressor", "hyper_parameters": {}},
            "intervals.model cannot be released: a QuantileRegressor cannot be written as an ONNX graph",
        ),
        ({"hyper_parameters": {"booster": "dart"}}, "intervals.model cannot be released: with booster=dart"),
        ({"features": "reference"}, "intervals.model cannot be released: a XGBRegressor becomes a graph of numbers"),
        ({"features": "nice"}, "intervals.model.features names 'nice', but the feature sets are none, zone_pair"),
    ],
)
def test_intervals_that_cannot_be_packaged_are_refused_before_anything_runs(
    changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError) as told:
        packaging("xgboost", intervals_model=changed)
    assert words in str(told.value)


def test_golden_rides_of_trips_without_zones_or_distances_are_answered_too() -> None:
    val = splits()["val_features"].assign(pickup_zone=np.nan, trip_distance_raw=np.nan)
    golden = packaging_module._golden(package(), val)
    assert {ride["PULocationID"] for ride in golden["rides"]} == {None}
    assert np.isfinite(package().answer(as_rides(golden["rides"])).duration).all()


def test_what_is_usual_was_learnt() -> None:
    usual, learnt = package().inputs["usual"], splits()["train_features"]
    for name in ("straight_distance", "hour"):
        assert usual[name] == learnt[name].median() != splits()["val_features"][name].median()


def test_what_is_usual_is_there_where_no_trip_has_it() -> None:
    val = splits()["val_features"].assign(trip_distance=np.nan)
    assert packaging_module._usual(val)["usual"]["trip_distance"] == 0.0
    assert packaging_module._usual(splits()["val_features"])["usual"]["trip_distance"] > 0.5


def test_the_error_model_answers_as_a_graph_and_absurd_rides_have_an_error_too() -> None:
    rows = simulated_features(2_000)
    errors = fit_errors(fitted("xgboost"), rows, training("xgboost"), ExpectedErrors(**CONFIGURED["expected_errors"]))
    package = ModelPackage(packed(errors=errors))
    columns = package.columns(rides_to_compare(released_splits()["val_features"], 42))
    duration = package.estimate_columns(columns, intervals=False).duration
    expected = ExpectedError(package).expect_squares(columns, duration)
    fitted_squares = errors.predict(pd.DataFrame(columns).assign(predicted=duration))
    assert expected == pytest.approx(np.maximum(fitted_squares, 1.0), rel=1e-4)
    assert package.inputs["outputs"]["error"]["units"]["predicted"] == "minutes, the answer itself"
    assert has_error_model(package)
    assert not has_error_model(ModelPackage(packed()))


def test_an_error_model_that_answers_otherwise_is_not_released(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = simulated_features(2_000)
    errors = fit_errors(fitted("xgboost"), rows, training("xgboost"), ExpectedErrors(**CONFIGURED["expected_errors"]))
    monkeypatch.setattr(errors, "predict", lambda rows: np.full(len(rows), 1e4))
    with pytest.raises(RideDurationError, match="minutes in `error`"):
        packed(errors=errors)
