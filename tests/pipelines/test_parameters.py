"""What stops a bad value before any node runs."""

from typing import Any

import pytest
from pydantic import ValidationError

from ride_duration.pipelines.backtest.parameters import Backtest
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.data_science.model_choice import (
    EarlyStopping,
    ModelChoice,
    SearchRange,
    check_hyper_parameters,
)
from ride_duration.pipelines.data_science.parameters import Experiment, Training
from ride_duration.pipelines.model_release.parameters import ExampleRide
from ride_duration.pipelines.parameters import Parameters
from ride_duration.pipelines.tuning.parameters import Tuning

EXPERIMENT: dict[str, Any] = {
    "source": "tlc",
    "sources": {"simulated": None, "tlc": "https://tlc/{service}_tripdata_{month}.parquet"},
    "taxi_type": "green",
    "train_data": "2021-01..2021-02",
    "val_data": "2021-03",
    "engine_threads": 2,
}
RIDGE: dict[str, Any] = {"estimator": "sklearn.linear_model.Ridge", "features": "some", "distance": "required"}
DUMMY: dict[str, Any] = {"estimator": "sklearn.dummy.DummyRegressor", "features": "some", "distance": "unused"}
BACKTEST: dict[str, Any] = {
    **{name: EXPERIMENT[name] for name in ("source", "sources", "taxi_type")},
    "backtest_data": "2023-01..2023-02+2021-01",
    "backtest_policies": "never+last_2",
}
SCORING: dict[str, Any] = {
    **{name: EXPERIMENT[name] for name in ("source", "sources", "taxi_type", "engine_threads")},
    "score_data": "2021-03+2021-01",
    "score_intervals": True,
    "score_without_distance": True,
    "score_rows": 100_000,
}
TRAINING: dict[str, Any] = {
    "model": "ridge",
    "seed": 1,
    "baselines": ["mean"],
    "feature_sets": {"some": {"numeric": ["hour"]}},
    "models": {"ridge": RIDGE, "mean": DUMMY},
}


def refusal(group: type[Parameters], **values: Any) -> str:
    """What is said when the values are refused."""
    with pytest.raises(ValidationError) as told:
        group(**values)
    return str(told.value)


def test_an_unknown_service_is_the_only_mistake_that_is_told() -> None:
    told = refusal(Experiment, **EXPERIMENT | {"source": "simulated", "taxi_type": "purple"})
    assert "unknown taxi_type 'purple'" in told
    assert "green months only" not in told


def test_an_experiment_knows_its_months_and_its_service() -> None:
    experiment = Experiment(**EXPERIMENT | {"test_data": "2023-01"})
    assert experiment.splits == {"train": ("2021-01", "2021-02"), "val": ("2021-03",), "test": ("2023-01",)}
    assert experiment.months == ("2021-01", "2021-02", "2021-03", "2023-01")
    assert experiment.layout.name == "green"
    assert not experiment.simulated
    assert Experiment(**EXPERIMENT | {"source": "simulated"}).simulated


@pytest.mark.parametrize(
    ("months", "told"),
    [
        ("0001-01", "0001-01 lies before 2009-01, the first month"),
        ("2021-01+2008-12", "2008-12 lies before 2009-01"),
        ("9999-12", "9999-12 has not begun (today is "),
        ("2021-01..2999-01", "2999-01 has not begun"),
    ],
)
def test_months_without_trips_are_refused_wherever_months_are_named(months: str, told: str) -> None:
    for name in ("train_data", "val_data", "test_data"):
        assert f"{name}: {told}" in refusal(Experiment, **EXPERIMENT | {name: months})
    assert f"score_data: {told}" in refusal(Scoring, **SCORING | {"score_data": months})
    assert f"backtest_data: {told}" in refusal(Backtest, **BACKTEST | {"backtest_data": months})


@pytest.mark.parametrize("model", [None, "", 1, ["ridge"]])
def test_what_is_no_name_of_a_model_is_refused_with_the_names_that_there_are(model: Any) -> None:
    assert "choose one of ridge, mean" in refusal(Training, **TRAINING | {"model": model})


def test_a_seed_that_no_learner_takes_is_refused() -> None:
    assert "seed" in refusal(Training, **TRAINING | {"seed": 2**32})


def test_without_test_months_the_last_split_is_empty() -> None:
    assert Experiment(**EXPERIMENT).splits["test"] == ()


def test_months_are_in_the_order_of_time_whatever_they_are_for() -> None:
    experiment = Experiment(**EXPERIMENT | {"train_data": "2021-02", "val_data": "2021-05", "test_data": "2021-03"})
    assert experiment.months == ("2021-02", "2021-03", "2021-05")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"source": "moon"}, "unknown source 'moon'; choose one of simulated, tlc"),
        ({"taxi_type": "purple"}, "unknown taxi_type 'purple'; choose one of green, yellow, fhv, fhvhv"),
        ({"source": "simulated", "taxi_type": "yellow"}, "makes green months only; use taxi_type=green, or source=tlc"),
        ({"train_data": "2021-13"}, "train_data: '2021-13' does not name months"),
        ({"val_data": "2021"}, "val_data: '2021' does not name months"),
        ({"val_data": 2021}, "val_data: '2021' does not name months"),
        ({"test_data": "soon"}, "test_data: 'soon' does not name months"),
        ({"train_data": "2021-02..2021-01"}, "ends before it begins; write '2021-01..2021-02'"),
        ({"val_data": "2021-02..2021-04"}, "train_data and val_data share 2021-02;"),
        ({"test_data": "2021-03"}, "val_data and test_data share 2021-03;"),
        ({"test_data": "2021-01+2021-02"}, "train_data and test_data share 2021-01, 2021-02;"),
        (
            {"train_data": "2021-05"},
            "val_data 2021-03 is not later than 2021-05 in train_data; a model is evaluated on months after all that",
        ),
        ({"train_data": "2021-01+2021-04", "val_data": "2021-02..2021-03"}, "val_data 2021-02, 2021-03 is not later"),
        ({"test_data": "2020-12"}, "test_data 2020-12 is not later than 2021-02 in train_data"),
        ({"engine_threads": 0}, "greater than 0"),
        ({"engine_threads": "many"}, "valid integer"),
        ({"train_data": None}, "train_data"),
        ({"colour": "green"}, "colour"),
    ],
)
def test_a_bad_experiment_is_refused_in_words(changed: dict[str, Any], words: str) -> None:
    assert words in refusal(Experiment, **EXPERIMENT | changed)


def test_an_empty_text_names_no_training_months() -> None:
    assert "train_data" in refusal(Experiment, **EXPERIMENT | {"train_data": ""})


def test_all_that_is_wrong_with_an_experiment_is_said_at_once() -> None:
    said = refusal(Experiment, **EXPERIMENT | {"source": "moon", "taxi_type": "purple", "val_data": "soon"})
    assert all(words in said for words in ("'moon'", "'purple'", "'soon'"))


def test_parameters_do_not_change_later() -> None:
    experiment = Experiment(**EXPERIMENT)
    with pytest.raises(ValidationError, match="frozen"):
        experiment.val_data = "2021-05"


def test_a_backtest_knows_its_months_in_the_order_of_time_and_its_policies() -> None:
    backtest = Backtest(**BACKTEST)
    assert backtest.months == ("2021-01", "2023-01", "2023-02")
    assert [policy.name for policy in backtest.policies] == ["never", "last_2"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"backtest_data": "2021-01"}, "backtest_data: 2021-01 is one month; name two or more"),
        ({"backtest_data": "2021-01+2021-01"}, "backtest_data: 2021-01 is one month; name two or more"),
        ({"backtest_data": "soon"}, "backtest_data: 'soon' does not name months"),
        ({"backtest_data": None}, "backtest_data: '' does not name months"),
        ({"backtest_policies": "last_0"}, "backtest_policies: 'last_0' does not name retraining policies"),
        ({"backtest_policies": None}, "backtest_policies: '' does not name retraining policies"),
        ({"taxi_type": "purple"}, "unknown taxi_type 'purple'"),
        ({"colour": "green"}, "colour"),
    ],
)
def test_a_bad_backtest_is_refused_in_words(changed: dict[str, Any], words: str) -> None:
    assert words in refusal(Backtest, **BACKTEST | changed)


def test_scoring_knows_its_months_in_the_order_of_time() -> None:
    assert Scoring(**SCORING).months == ("2021-01", "2021-03")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"score_data": "soon"}, "score_data: 'soon' does not name months"),
        ({"score_data": None}, "score_data: '' does not name months"),
        ({"score_data": 2021}, "score_data: '2021' does not name months"),
        ({"score_rows": 10}, "greater than or equal to 1000"),
        ({"score_intervals": "perhaps"}, "valid boolean"),
        ({"engine_threads": 0}, "greater than 0"),
        ({"taxi_type": "purple"}, "unknown taxi_type 'purple'"),
        ({"colour": "green"}, "colour"),
    ],
)
def test_bad_scoring_is_refused_in_words(changed: dict[str, Any], words: str) -> None:
    assert words in refusal(Scoring, **SCORING | changed)


def test_training_knows_its_choice() -> None:
    assert Training(**TRAINING).choice == ModelChoice(**RIDGE)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": "oracle"}, "unknown model 'oracle'; choose one of ridge, mean"),
        ({"baselines": ["mean", "tarot"]}, "unknown model 'tarot'"),
        ({"model": "rigde"}, "unknown model 'rigde'; did you mean 'ridge'? choose one of ridge, mean"),
        ({"model": "ridge_tuned"}, "tuning makes it: `kedro run --pipelines=tuning --params=model=ridge`, with the"),
        ({"feature_sets": {"other": {}}}, "models.ridge.features names 'some', but the feature sets are other"),
        ({"feature_sets": {"some": {"numerical": []}}}, "numerical"),
        ({"seed": "x"}, "valid integer"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"models": {"ridge": RIDGE | {"distance": "perhaps"}, "mean": DUMMY}}, "optional|required|unused"),
        ({"models": {"ridge": RIDGE | {"alpha": 1}, "mean": DUMMY}}, "alpha"),
    ],
)
def test_bad_training_is_refused_in_words(changed: dict[str, Any], words: str) -> None:
    assert words in refusal(Training, **TRAINING | changed)


def test_a_mistake_in_a_model_that_is_not_asked_for_stops_nobody() -> None:
    broken = RIDGE | {"estimator": "no.such.Thing"}
    assert Training(**TRAINING | {"models": TRAINING["models"] | {"broken": broken}}).choice.estimator


@pytest.mark.parametrize(
    ("estimator", "hyper_parameters", "words"),
    [
        ("sklearn.linear_model.Ridge", {"alhpa": 1}, "no such parameter; did you mean alpha?"),
        ("sklearn.linear_model.Ridge", {"zzz": 1}, "models.m.hyper_parameters.zzz: sklearn.linear_model.Ridge has no"),
        ("sklearn.linear_model.Ridge", {"alpha": -1}, "models.m.hyper_parameters.alpha is -1, but cannot be negative"),
        ("xgboost.XGBRegressor", {"reg_lambda": -0.5}, "reg_lambda is -0.5, but cannot be negative"),
        ("sklearn.linear_model.Rigde", {}, "models.m.estimator: cannot make a sklearn.linear_model.Rigde"),
        ("no_such_package.Model", {}, "cannot make a no_such_package.Model"),
        ("sklearn.ensemble.StackingRegressor", {}, "cannot make a sklearn.ensemble.StackingRegressor"),
        ("pandas.DataFrame", {}, "cannot make a pandas.DataFrame"),
    ],
)
def test_what_an_estimator_does_not_know_is_refused(
    estimator: str, hyper_parameters: dict[str, Any], words: str
) -> None:
    choice = ModelChoice(**RIDGE | {"estimator": estimator, "hyper_parameters": hyper_parameters})
    with pytest.raises(ValueError, match=r"models\.m") as told:
        check_hyper_parameters("models.m", choice)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("estimator", "hyper_parameters"),
    [
        ("sklearn.ensemble.ExtraTreesRegressor", {"n_jobs": -1, "max_features": 0.5}),
        ("lightgbm.LGBMRegressor", {"max_depth": -1}),
        ("sklearn.linear_model.Ridge", {"alpha": 0, "solver": "lsqr", "fit_intercept": False}),
        ("xgboost.XGBRegressor", {"n_jobs": -1}),
    ],
)
def test_what_an_estimator_knows_is_taken(estimator: str, hyper_parameters: dict[str, Any]) -> None:
    check_hyper_parameters(
        "models.m", ModelChoice(**RIDGE | {"estimator": estimator, "hyper_parameters": hyper_parameters})
    )


@pytest.mark.parametrize("changed", [{"patience": 0}, {"share": 0}, {"share": 1}, {"share": -0.2}, {"rounds": None}])
def test_early_stopping_needs_patience_and_a_part_to_stop_on(changed: dict[str, Any]) -> None:
    assert next(iter(changed)) in refusal(
        EarlyStopping, **{"rounds": "n_estimators", "patience": 10, "share": 0.2} | changed
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"pickup_zone": 0},
        {"dropoff_zone": 266},
        {"trip_distance": 0},
        {"trip_distance": 101},
        {"pickup_zone": "JFK"},
        {"pickup_datetime": "half past five"},
        {"pickup_datetime": "2021-02-30T17:30"},
        {"pickup_datetime": ""},
        {"pickup_datetime": "2021-03-01T17:30Z"},
    ],
)
def test_the_example_ride_goes_from_zone_to_zone_over_a_believable_distance(changed: dict[str, Any]) -> None:
    ride = {"pickup_zone": 132, "dropoff_zone": 230, "pickup_datetime": "2021-03-01T17:30", "trip_distance": 17.5}
    assert ExampleRide(**ride).pickup_zone == 132
    assert next(iter(changed)) in refusal(ExampleRide, **ride | changed)


@pytest.mark.parametrize(
    ("searched", "words"),
    [
        ({}, "name both `low` and `high`, or `choices`"),
        ({"low": 1}, "name both `low` and `high`"),
        ({"low": 1, "high": 2, "choices": [1]}, "either `choices`, or `low` and `high`"),
        ({"choices": [1, 2], "log": True}, "either `choices`, or `low` and `high`"),
        ({"low": 2, "high": 2}, "low is 2 and high is 2; low must be the smaller one"),
        ({"low": 0, "high": 2, "log": True}, "low is 0, which has no logarithm"),
        ({"low": 0, "high": 2, "step": 1}, "step"),
        ({"low": "few", "high": 2}, "valid integer"),
    ],
)
def test_a_bad_search_range_is_refused_in_words(searched: dict[str, Any], words: str) -> None:
    assert words in refusal(SearchRange, **searched)


def test_a_search_range_knows_what_it_holds() -> None:
    whole, real, choice = SearchRange(low=1, high=8), SearchRange(low=1, high=8.5), SearchRange(choices=("a", None))
    assert [whole.holds(value) for value in (1, 8, 0, 9, 2.5, "a")] == [True, True, False, False, False, False]
    assert [real.holds(value) for value in (1, 8.5, 2.5, 0.9, None)] == [True, True, True, False, False]
    assert [choice.holds(value) for value in ("a", None, "b")] == [True, True, False]
    assert (whole.whole, real.whole, choice.whole) == (True, False, False)


@pytest.mark.parametrize(
    ("searched", "words"),
    [
        ({"alhpa": {"low": 1, "high": 2}}, "models.m.search_space.alhpa: sklearn.linear_model.Ridge has no such"),
        ({"alpha": {"low": -1, "high": 2}}, "models.m.search_space.alpha is -1, but cannot be negative"),
    ],
)
def test_a_search_space_that_an_estimator_does_not_know_is_refused(searched: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"models\.m") as told:
        check_hyper_parameters("models.m", ModelChoice(**RIDGE | {"search_space": searched}))
    assert words in str(told.value)


@pytest.mark.parametrize("name", ["trials", "folds", "fold_share", "trials_before_pruning"])
def test_tuning_needs_trials_and_folds(name: str) -> None:
    tuning = {"trials": 5, "folds": 2, "fold_share": 0.2, "trials_before_pruning": 3}
    assert Tuning(**tuning).trials == 5
    assert name in refusal(Tuning, **tuning | {name: 0})
