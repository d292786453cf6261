"""What a user does, end to end."""

import json

import pytest

from tests.conftest import Project


def test_the_default_run_ends_with_a_summary(finished: Project) -> None:
    metrics = json.loads(finished.data("08_reporting/metrics.json").read_text())
    assert metrics["model"] == "xgboost"
    assert (
        metrics["val"]["rmse"] < metrics["baselines"]["zone_pair_median"]["rmse"] < metrics["baselines"]["mean"]["rmse"]
    )


@pytest.mark.real_data
def test_the_notes_own_example_gives_the_published_figures(project: Project) -> None:
    project.with_real_months("2021-01", "2021-02")
    ended = project.run("train_data=2021-01,val_data=2021-02,model=linear_regression", env="tlc")
    assert ended.code == 0, ended.err
    metrics = json.loads(project.data("08_reporting/metrics.json").read_text())
    assert metrics["val"]["rmse"] == pytest.approx(7.758715, abs=1e-3)
    assert metrics["train"]["rmse"] == pytest.approx(5.699564, abs=1e-3)
    assert metrics["val"]["n"] == 61_921
    assert metrics["val"]["rmse_without_distance"] is None
