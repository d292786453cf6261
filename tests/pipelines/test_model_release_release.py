"""One ride answered, and the page that says what a run found."""

from typing import Any

import pytest

from ride_duration.pipelines.data_science.summary import answer_ride, write_summary
from ride_duration.pipelines.data_science.training import fit_model
from ride_duration.pipelines.parameters import ExampleRide
from tests.pipelines.test_data_engineering_records import experiment
from tests.pipelines.test_data_science_evaluation import measured
from tests.pipelines.test_data_science_zoo import MODELS, ZOO, fitted, simulated_features, training

SIMULATED: dict[str, Any] = {"source": "simulated", "sources": {"simulated": None}}


def ride(**changed: Any) -> ExampleRide:
    """JFK Airport to Times Square, on a Monday at half past five."""
    asked = {"pickup_zone": 132, "dropoff_zone": 230, "pickup_datetime": "2021-03-01T17:30", "trip_distance": 17.5}
    return ExampleRide(**asked | changed)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers_the_ride_before_it_begins_if_it_can(model: str) -> None:
    answer = answer_ride(fitted(model), ride(), experiment(**SIMULATED))
    assert (
        answer.items()
        >= {
            "pickup": "JFK Airport",
            "dropoff": "Times Sq",
            "when": "Monday 17:30",
            "model": model,
            "simulated": True,
        }.items()
    )
    assert answer["distance_used"] == (17.5 if ZOO["models"][model]["distance"] == "required" else None)
    assert 1 <= answer["minutes"] <= 100


def test_before_the_ride_its_distance_does_not_change_the_answer() -> None:
    answers = [answer_ride(fitted("xgboost"), ride(trip_distance=miles), experiment()) for miles in (1, 50)]
    assert answers[0] == answers[1]
    assert answers[0]["simulated"] is False


def test_a_model_that_needs_the_distance_uses_it() -> None:
    rows = simulated_features(2_000)
    ridge = fit_model(rows[rows["trip_distance_raw"] < 50], training("ridge"))
    short, long = (answer_ride(ridge, ride(trip_distance=miles), experiment()) for miles in (5, 20))
    assert short["minutes"] < long["minutes"]


def test_unknown_zones_are_answered_too() -> None:
    assert answer_ride(fitted("xgboost"), ride(pickup_zone=265, dropoff_zone=264), experiment())["minutes"] > 0


def summary(model: str, **changed: Any) -> str:
    """The page of a run."""
    asked = experiment(**changed)
    answer = answer_ride(fitted(model), ride(), asked)
    return write_summary("what was read", measured(model, **changed), answer, asked)


def test_the_page_puts_the_model_beside_the_baselines() -> None:
    page, metrics = summary("xgboost"), measured("xgboost")
    assert page.startswith("what was read\nLearnt from 2021-01, judged on 2021-02\n")
    lines = {line.split()[0]: line.split()[1:] for line in page.splitlines() if line.split()}
    assert lines["xgboost"] == [f"{metrics['val'][name]:.2f}" for name in ("rmse", "rmse_without_distance")]
    for name in ("mean", "zone_pair_median"):
        assert lines[name] == [f"{metrics['baselines'][name]['rmse']:.2f}"] * 2
    assert "1,000 trips" in page


def test_a_baseline_that_is_the_model_stands_there_once() -> None:
    page = summary("mean")
    assert sum(line.startswith("mean ") for line in page.splitlines()) == 1


def test_the_page_says_what_a_model_cannot_say() -> None:
    [line] = [line for line in summary("ridge").splitlines() if line.startswith("ridge")]
    assert line.endswith("cannot say")
    assert "Monday 17:30, 17.5 miles: about" in summary("ridge")


def test_wherever_simulated_numbers_stand_the_page_says_so() -> None:
    page = summary("xgboost", **SIMULATED)
    for line in page.splitlines():
        if line.startswith(("RMSE", "JFK")):
            assert "(simulated)" in line
    assert "simulated" not in summary("xgboost")
