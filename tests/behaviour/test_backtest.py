"""`kedro run --pipelines=backtest`: months in the order of time, policies side by side, tracked as a run of its own."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from ride_duration.trips.simulation import default_city, simulate_month
from tests.conftest import Ended, Project
from tests.hooks.test_tracking import artifacts_of, client, runs

#: One worker makes what these tests share.
MONTHS = ("2021-01", "2021-02", "2021-04")
BACKTEST = "backtest_data=2021-01..2021-02+2021-04"
ROWS = 3_000


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[Ended]]:
    """A project of three small months with two backtests, and then a training run on the last month of the first."""
    project = Project(tmp_path_factory.mktemp("walked") / "project")
    project.with_tracking_store()
    raw = project.data("01_raw/simulated")
    raw.mkdir(parents=True)
    for month in MONTHS:
        whole = simulate_month(month, default_city(), seed=7)
        some = whole.take(list(range(0, len(whole), len(whole) // ROWS)))
        pq.write_table(some, raw / f"green_tripdata_{month}.parquet")
    ended = [
        project.run(BACKTEST, "--pipelines=backtest"),
        project.train("train_data=2021-01..2021-02,val_data=2021-04"),
        project.run(f"{BACKTEST},model=ridge,backtest_policies=never", "--pipelines=backtest", "--namespaces=backtest"),
    ]
    assert [one.code for one in ended] == [0, 0, 0], ended
    return project, ended


def tracked(walked: tuple[Project, list[Ended]], model: str, kind: str) -> Any:
    """The tracked run of a model and a kind."""
    [run] = [run for run in runs(walked[0]) if (run.data.params["model"], run.data.tags["kind"]) == (model, kind)]
    return run


def table_of(walked: tuple[Project, list[Ended]], tmp_path: Path) -> pd.DataFrame:
    """The first backtest's table, as MLflow keeps it."""
    run_id = tracked(walked, "xgboost", "backtest").info.run_id
    return pd.read_csv(client(walked[0]).download_artifacts(run_id, "backtest_metrics.csv", str(tmp_path)))


def test_the_table_has_a_row_for_each_month_judged_and_each_policy(
    walked: tuple[Project, list[Ended]], tmp_path: Path
) -> None:
    table = table_of(walked, tmp_path)
    assert table[["month", "policy", "learnt_from"]].to_numpy().tolist() == [
        ["2021-02", "never", "2021-01"],
        ["2021-02", "last_1", "2021-01"],
        ["2021-02", "last_3", "2021-01"],
        ["2021-04", "never", "2021-01"],
        ["2021-04", "last_1", "2021-02"],
        ["2021-04", "last_3", "2021-01+2021-02"],
    ]
    assert table["n"].between(ROWS / 2, ROWS * 1.1).all()
    assert (table["rmse"] < table["rmse_without_distance"]).all()


def test_a_month_is_judged_as_a_training_run_judges_it(walked: tuple[Project, list[Ended]], tmp_path: Path) -> None:
    table = table_of(walked, tmp_path).set_index(["month", "policy"])
    metrics = json.loads(walked[0].data("08_reporting/metrics.json").read_text())
    for name in ("n", "rmse", "mae", "bias", "rmse_without_distance", "mae_without_distance", "bias_without_distance"):
        assert table.loc[("2021-04", "last_3"), name] == metrics["val"][name]


def test_it_ends_with_the_comparison_and_what_to_type_next(walked: tuple[Project, list[Ended]]) -> None:
    first, _, ridge = walked[1]
    lines = [line.split() for line in first.out.splitlines()]
    assert ["month", "trips", "never", "last_1", "last_3"] in lines
    assert ["retrainings", "0", "1", "1"] in lines
    for words in ("simulated", "xgboost", "retrained monthly on the last 3 months", "make viz", "--pipelines=backtest"):
        assert words in first.out
    assert "make ui" in ridge.out


def test_the_chart_is_kept_for_kedro_viz(walked: tuple[Project, list[Ended]]) -> None:
    plot = json.loads(walked[0].data("08_reporting/backtest_plot.json").read_text())
    assert [line["name"] for line in plot["data"]] == ["never retrained"]
    assert "ridge" in plot["layout"]["title"]["text"]


def test_mlflow_has_its_parameters_and_the_curve_of_every_policy(
    walked: tuple[Project, list[Ended]], tmp_path: Path
) -> None:
    run, table = tracked(walked, "xgboost", "backtest"), table_of(walked, tmp_path)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "backtest of xgboost 2021-01..2021-02+2021-04"
    assert run.data.tags["pipeline"] == "backtest"
    params = run.data.params
    assert params["backtest_data"] == "2021-01..2021-02+2021-04"
    assert params["backtest_policies"] == "never+last_1+last_3"
    assert params["hyper_parameters.n_estimators"] == "40"
    assert not {"train_data", "val_data"} & params.keys()
    for policy in ("never", "last_1", "last_3"):
        curve = client(walked[0]).get_metric_history(run.info.run_id, f"{policy}.rmse")
        rows = table[table["policy"] == policy]
        assert {point.step: point.value for point in curve} == dict(enumerate(rows["rmse"], start=1))
    assert {"last_3.mae_without_distance", "last_3.bias", "last_3.n"} <= run.data.metrics.keys()


def test_mlflow_has_its_table_text_and_chart(walked: tuple[Project, list[Ended]]) -> None:
    run_id = tracked(walked, "xgboost", "backtest").info.run_id
    found = artifacts_of(walked[0], run_id)
    assert found >= {"backtest_metrics.csv", "backtest_summary.txt", "parameters.json", "raw_fingerprints.json"}
    assert not {"metrics.json", "model.pickle"} & found
    assert artifacts_of(walked[0], run_id, "plots") == {"backtest_plot.json", "quality_plot.json", "plots.html"}


@pytest.mark.parametrize("model", ["xgboost", "ridge"])
def test_the_raw_months_are_fingerprinted_whether_the_run_read_them_or_their_features(
    walked: tuple[Project, list[Ended]], model: str
) -> None:
    tags = tracked(walked, model, "backtest").data.tags
    assert {name for name in tags if name.startswith("raw.")} == {f"raw.green_tripdata_{month}" for month in MONTHS}


def test_a_model_that_needs_the_distance_has_no_metric_without(walked: tuple[Project, list[Ended]]) -> None:
    assert set(tracked(walked, "ridge", "backtest").data.metrics) == {
        f"never.{name}" for name in ("n", "rmse", "mae", "bias")
    }


def test_training_runs_are_compared_without_backtests(walked: tuple[Project, list[Ended]]) -> None:
    project, _ = walked
    csv = project.root / "runs.csv"
    assert project.kedro("runs", "compare", "--csv", str(csv)).code == 0
    assert list(pd.read_csv(csv)["months"]) == ["2021-01..2021-02 -> 2021-04"]
    backtest_id = tracked(walked, "ridge", "backtest").info.run_id
    ended = project.kedro("runs", "compare", backtest_id)
    assert "no training run has an id that begins with" in ended.err


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("backtest_data=2021-01", ["backtest_data: 2021-01 is one month", "2021-01..2021-03"]),
        ("backtest_policies=sometimes", ["backtest_policies", "'sometimes'", "last_3"]),
        ("backtest_polices=never", ["unknown parameter 'backtest_polices'", "'backtest_policies'"]),
        ("model=crystal_ball", ["unknown model 'crystal_ball'"]),
    ],
)
def test_a_bad_choice_gets_one_message_before_any_node(project: Project, params: str, words: list[str]) -> None:
    ended = project.run(params, "--pipelines=backtest")
    assert ended.code == 1
    message = ended.err[ended.err.index("Error: ") :]
    assert len(message.splitlines()) == 1, message
    assert all(word in message for word in words), message
    assert not [path for path in project.root.glob("data/*/*") if path.is_file()]


def test_pipelines_that_share_steps_are_told_apart(project: Project) -> None:
    ended = project.run("", "--pipelines=ingestion,backtest")
    assert ended.code == 1
    assert "run them one by one (each of them reads its months by itself)" in ended.err


def test_help_shows_an_example(project: Project) -> None:
    assert "kedro run --pipelines=backtest --params=" in project.kedro("run", "--help").out
