"""What happens around every run: names are checked, the folder is checked, progress is shown."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.pipeline import Pipeline, node

from ride_duration.config_loader import _check_names
from ride_duration.errors import RideDurationError
from ride_duration.hooks.run import ProgressHook, ProjectFolderHook

DECLARED: dict[str, Any] = {
    "train_data": "2021-01",
    "val_data": "2021-02",
    "test_data": None,
    "model": "xgboost",
    "example_ride": {"pickup_zone": 132, "dropoff_zone": 230},
    "models": {
        "xgboost": {"distance": "optional", "hyper_parameters": {"n_estimators": 1500}},
        "linear_regression": {"distance": "required"},
    },
}


def names() -> st.SearchStrategy[dict[str, Any]]:
    """Some of the declared names, with other values."""
    keys = st.lists(st.sampled_from([name for name, value in DECLARED.items() if not isinstance(value, dict)]))
    return keys.map(lambda chosen: dict.fromkeys(chosen, "anything"))


@settings(max_examples=30, derandomize=True, deadline=None)
@given(names())
def test_declared_parameters_may_be_given(given_names: dict[str, Any]) -> None:
    _check_names(given_names, DECLARED)


@pytest.mark.parametrize(
    "given_names",
    [
        {"example_ride": {"pickup_zone": 1}},
        {"models": {"xgboost": {"distance": "unused"}}},
        {"models": {"xgboost": {"hyper_parameters": {"n_estimators": 1, "whatever_the_estimator_knows": 2}}}},
        {"models": {"xgboost": {"hyper_parameters": {"nested": {"freely": 1}}}}},
    ],
)
def test_nested_parameters_may_be_given_and_any_hyper_parameter(given_names: dict[str, Any]) -> None:
    _check_names(given_names, DECLARED)


@pytest.mark.parametrize(
    ("given_names", "words"),
    [
        ({"train_date": "2021-01"}, "unknown parameter 'train_date'; did you mean 'train_data'?"),
        (
            {"xyz": 1},
            "unknown parameter 'xyz'; there are: example_ride, model, models, test_data, train_data, val_data",
        ),
        (
            {"example_ride": {"pick_up_zone": 1}},
            "'example_ride.pick_up_zone'; did you mean 'example_ride.pickup_zone'?",
        ),
        ({"models": {"xgbost": {}}}, "unknown parameter 'models.xgbost'; did you mean 'models.xgboost'?"),
        ({"models": {"xgboost": {"hyper_parameter": {}}}}, "did you mean 'models.xgboost.hyper_parameters'?"),
        ({"model": {"name": "xgboost"}}, "parameter 'model' is a single value, it has no 'name'"),
        ({"models": {"xgboost": {"distance": {"miles": 1}}}}, "'models.xgboost.distance' is a single value"),
        ({"train_data": "2021-01", "vaal_data": 1}, "'vaal_data'"),
    ],
)
def test_a_name_that_is_not_declared_is_refused_with_a_hint(given_names: dict[str, Any], words: str) -> None:
    with pytest.raises(RideDurationError) as raised:
        _check_names(given_names, DECLARED)
    assert words in str(raised.value)


def test_hyper_parameters_may_be_given_to_a_model_that_has_none_in_the_configuration() -> None:
    _check_names({"models": {"linear_regression": {"hyper_parameters": {"fit_intercept": False}}}}, DECLARED)


@pytest.mark.parametrize("character", ["%", "?", "*", "[", "]", "{", "}", ":", "\\", '"', "\n", "\udc80"])
def test_a_folder_that_libraries_misread_is_refused(character: str) -> None:
    for name in (f"a{character}b", f"{character}/project"):
        context: Any = SimpleNamespace(project_path=Path("/home/ana") / name)
        with pytest.raises(RideDurationError, match=r"the project lies in .* rename that folder") as raised:
            ProjectFolderHook().after_context_created(context)
        assert str(raised.value).isprintable()


def test_any_other_folder_is_taken() -> None:
    context: Any = SimpleNamespace(project_path=Path("/projects/-é ü's #1 & $HOME (a+b)=~@!;,<c>|d^`"))
    ProjectFolderHook().after_context_created(context)


def test_progress_counts_the_steps(caplog: pytest.LogCaptureFixture) -> None:
    steps = [node(len, "text", "length", name="measure_text"), node(abs, "length", "size", name="take_size")]
    hook = ProgressHook()
    hook.before_pipeline_run(pipeline=Pipeline(steps))
    with caplog.at_level(logging.DEBUG, logger="ride_duration"):
        for step in steps:
            hook.before_node_run(node=step)
        hook.after_node_run()
        hook._started -= 65
        hook.after_node_run()
    assert caplog.messages == ["[ 1/2] measure_text", "[ 2/2] take_size", "       took 65 s"]


def test_progress_starts_anew_with_every_run(caplog: pytest.LogCaptureFixture) -> None:
    step = node(len, "text", "length", name="measure_text")
    hook = ProgressHook()
    with caplog.at_level(logging.INFO, logger="ride_duration"):
        for _ in range(2):
            hook.before_pipeline_run(pipeline=Pipeline([step]))
            hook.before_node_run(node=step)
    assert caplog.messages == ["[ 1/1] measure_text"] * 2
