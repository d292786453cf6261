"""The page that says how good a model is."""

from typing import Any

from ride_duration.pipelines.data_science.metrics_summary import summarise_metrics
from tests.support.evaluation import measured
from tests.support.trips import experiment

SIMULATED: dict[str, Any] = {"source": "simulated", "sources": {"simulated": None}}


def summary(model: str, **changed: Any) -> str:
    """The page of a training run."""
    return summarise_metrics("what was read", measured(model, **changed), experiment(**changed))


def test_the_page_puts_the_model_beside_the_baselines() -> None:
    page, metrics = summary("xgboost"), measured("xgboost")
    assert page.startswith("what was read\nTrained on 2021-01, evaluated on 2021-02\n")
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
    assert line.endswith("n/a (needs the distance)")


def test_the_test_months_have_a_line_of_their_own() -> None:
    metrics = measured("xgboost", test_data="2021-03")["test"]
    page = summary("xgboost", test_data="2021-03")
    assert f"On test months 2021-03, 500 trips: {metrics['rmse']:.2f} with metered distance" in page
    assert f"{metrics['rmse_without_distance']:.2f} at request time" in page
    assert "before it" not in summary("ridge", test_data="2021-03")


def test_wherever_simulated_numbers_stand_the_page_says_so() -> None:
    for line in summary("xgboost", test_data="2021-03", **SIMULATED).splitlines():
        if line.startswith(("RMSE", "On test months")):
            assert "(simulated)" in line
    assert "simulated" not in summary("xgboost")
