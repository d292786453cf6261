"""`kedro runs compare`: tracked runs side by side."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Project
from tests.support.small_months import with_small_months

#: One worker makes what these tests share.


@pytest.fixture(scope="module")
def two_runs(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a finished run of `mean` and one of `ridge`, which differ in more than the model."""
    project = with_small_months(Project(tmp_path_factory.mktemp("two_runs") / "project"), finished)
    project.with_tracking_store()
    others = "intervals.share=0.3,gate.megabytes=40"
    for params in ("model=mean", f"model=ridge,models.ridge.hyper_parameters.alpha=3,{others}"):
        ended = project.train(params)
        assert ended.code == 0, ended.err
    return project


def test_the_newest_runs_stand_side_by_side(two_runs: Project) -> None:
    table = two_runs.root / "runs.csv"
    ended = two_runs.kedro("runs", "compare", "--csv", str(table), "--html", str(two_runs.root / "runs.html"))
    assert ended.code == 0, ended.err
    assert "make ui" in ended.out
    runs = pd.read_csv(table, index_col=0)
    assert list(runs["model"]) == ["ridge", "mean"]
    assert runs["status"].eq("finished").all()
    assert runs["months"].eq("2021-01 -> 2021-02").all()
    assert runs["raw data"].nunique() == 1
    assert list(runs["hyper_parameters.alpha"]) == [3.0, pytest.approx(float("nan"), nan_ok=True)]
    assert runs["RMSE with metered distance"].str.fullmatch(r"\d+\.\d{3} \(\d+\.\d\d-\d+\.\d\d\)").all()
    assert pd.isna(runs["RMSE at request time"].iloc[0])
    assert "ridge" in (two_runs.root / "runs.html").read_text()


def test_each_parameter_in_which_runs_differ_is_shown_and_no_other(two_runs: Project) -> None:
    table = two_runs.root / "differing.csv"
    ended = two_runs.kedro("runs", "compare", "--csv", str(table))
    assert ended.code == 0, ended.err
    runs = pd.read_csv(table, index_col=0)
    assert list(runs["intervals.share"]) == [0.3, 0.2]
    assert list(runs["gate.megabytes"]) == [40, 50]
    assert list(runs["feature_sets.none.numeric"].isna()) == [True, False]
    differing = set(runs.columns[list(runs.columns).index("raw data") + 1 :])
    assert {name.partition(".")[0] for name in differing} == {
        *("estimator", "features", "distance", "hyper_parameters", "intervals", "gate", "feature_sets")
    }
    [before] = [line for line in ended.out.splitlines() if line.startswith("RMSE at request time")]
    assert before.split("│")[1].strip() == "-"
    assert "nan" not in ended.out
    assert "None" not in ended.out


def test_a_run_whose_record_is_gone_is_compared_by_what_mlflow_has(two_runs: Project, tmp_path: Path) -> None:
    records = two_runs.data("mlflow/artifacts").rglob("parameters.json")
    [record] = [path for path in records if json.loads(path.read_text())["model"] == "ridge"]
    record.rename(tmp_path / "gone")
    try:
        ended = two_runs.kedro("runs", "compare", "--csv", str(tmp_path / "runs.csv"))
    finally:
        (tmp_path / "gone").rename(record)
    assert ended.code == 0, ended.err
    assert pd.read_csv(tmp_path / "runs.csv", index_col=0)["hyper_parameters.alpha"].iloc[0] == 3


def test_runs_are_chosen_by_the_beginning_of_their_ids(two_runs: Project) -> None:
    table = two_runs.root / "all.csv"
    assert two_runs.kedro("runs", "compare", "--csv", str(table)).code == 0
    oldest = pd.read_csv(table, index_col=0, dtype=str).index[-1]
    chosen = two_runs.root / "chosen.csv"
    assert two_runs.kedro("runs", "compare", oldest, "--csv", str(chosen)).code == 0
    assert list(pd.read_csv(chosen, index_col=0)["model"]) == ["mean"]
    assert two_runs.kedro("runs", "compare", "--last", "1", "--csv", str(chosen)).code == 0
    assert list(pd.read_csv(chosen, index_col=0)["model"]) == ["ridge"]


def test_an_unknown_run_is_named(two_runs: Project) -> None:
    ended = two_runs.kedro("runs", "compare", "nosuchrun")
    assert ended.code == 1
    assert "no training run has an id that begins with 'nosuchrun'" in ended.err


def test_before_the_first_run_it_says_what_to_type(project: Project) -> None:
    ended = project.kedro("runs", "compare")
    assert ended.code == 1
    assert "`kedro run` makes the first" in ended.err


def test_help_shows_examples(project: Project) -> None:
    ended = project.kedro("runs", "compare", "--help")
    assert ended.code == 0
    assert "kedro runs compare --last 3" in ended.out
