"""Releases end to end: what passes the gate becomes champion, what does not leaves the champion where it is."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from ride_duration.model_package import ModelPackage
from ride_duration.registry import Registry, model_name
from ride_duration.trips.simulation import default_city, simulate_month
from tests.conftest import Project

# One project is released into again and again.
#: Rows of raw months: enough for a model that passes, and far too few.
MONTHS = {"2020-11": 2_000, "2020-12": 30_000, "2021-01": 15_000, "2021-02": 15_000}
TRACKING = {"uri": "sqlite:///data/mlflow/mlflow.db", "artifacts": "data/mlflow/artifacts"}


@cache
def _month(month: str) -> pa.Table:
    whole = simulate_month(month, default_city(), seed=7)
    return whole.take([row * len(whole) // MONTHS[month] for row in range(MONTHS[month])])


@pytest.fixture(scope="module")
def releasing(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with small raw months, and a champion that trained on 2021-01."""
    project = Project(tmp_path_factory.mktemp("releasing") / "project").with_tracking_store()
    folder = project.data("01_raw/simulated")
    folder.mkdir(parents=True)
    for month in MONTHS:
        pq.write_table(_month(month), folder / f"green_tripdata_{month}.parquet")
    assert "Version 1 is champion now." in run(project)
    return project


def run(project: Project, params: str = "") -> str:
    """What a run says that ended well."""
    ended = project.run(params)
    assert ended.code == 0, ended.err
    return ended.out


def registry(project: Project, source: str = "simulated") -> Registry:
    return Registry(project.root, TRACKING, model_name("green", source))


def statuses(project: Project) -> dict[int, str]:
    return {version.number: version.status for version in registry(project).versions()}


def gate_report(project: Project) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(project.data("08_reporting/gate_report.json").read_text())
    return report


def failed_checks(project: Project) -> list[str]:
    return [check["name"] for check in gate_report(project)["checks"] if not check["passed"]]


def test_the_champion_is_the_package_that_the_run_made(finished: Project) -> None:
    made = ModelPackage.load(finished.data("06_models/model_package"))
    champion = registry(finished).package(1)
    assert champion.contents == made.contents
    assert registry(finished).champion() == 1
    assert gate_report(finished)["passed"]
    assert json.loads(finished.data("08_reporting/release.json").read_text())["version"] == 1
    [version] = registry(finished).versions()
    assert version.tags["train_data"] == "2021-01"
    assert version.tags["identity"] == made.identity


def test_the_same_package_is_not_released_twice(releasing: Project) -> None:
    assert "It answers just as version 1 does, which stays champion." in run(releasing)
    assert statuses(releasing) == {1: "champion"}


def test_a_model_of_few_trips_fails_with_reasons_and_leaves_the_champion(releasing: Project) -> None:
    out = run(releasing, "train_data=2020-11")
    assert "Gate: failed: " in out
    assert "not worse than the champion: on 2021-02, " in out
    assert "Not released; version 1 stays champion." in out
    assert "not worse than the champion" in failed_checks(releasing)
    assert registry(releasing).champion() == 1
    assert statuses(releasing) == {1: "champion"}
    page = releasing.data("08_reporting/gate_report.html").read_text()
    assert "<h1>Gate: failed: " in page


def test_without_a_month_later_than_both_the_gate_says_what_to_do(releasing: Project) -> None:
    out = run(releasing, "train_data=2020-11,val_data=2021-01")
    assert "the champion was trained on 2021-01; evaluate on a month (val_data) later than all that either was" in out
    assert "Not released; version 1 stays champion." in out


def test_a_better_model_awaits_approval_where_a_person_decides(releasing: Project) -> None:
    out = run(releasing, "train_data=2020-12..2021-01,release.approval=manual")
    assert "Gate: passed all 13 checks" in out
    assert "Version 2 awaits approval: `kedro models approve 2 --by NAME" in out
    assert "version 1 stays champion" in out
    assert statuses(releasing) == {1: "champion", 2: "awaiting approval"}


def test_a_release_alone_takes_the_model_that_lies_there_and_refuses_that_of_another_run(releasing: Project) -> None:
    ended = releasing.run("val_data=2021-04", "--pipelines=model_release")
    assert ended.code == 1
    assert "the model in data/ was made with " in ended.err
    assert "give the same --params and --env, or run all of `kedro run`" in ended.err


def test_a_release_alone_registers_the_run_that_trained_and_refuses_other_parameters(project: Project) -> None:
    folder = project.data("01_raw/simulated")
    folder.mkdir(parents=True)
    for month in ("2021-01", "2021-02"):
        pq.write_table(_month(month), folder / f"green_tripdata_{month}.parquet")
    assert project.with_tracking_store().train().code == 0
    ended = project.run("seed=43", "--pipelines=model_release")
    assert ended.code == 1
    assert "the model that lies in data/ was trained with other parameters" in ended.err
    released = project.run("", "--pipelines=model_release")
    assert released.code == 0, released.err
    [version] = registry(project).versions()
    assert version.status == "champion"
    trained = mlflow.get_run(version.run_id).data
    assert trained.tags["kind"] == "training"
    assert trained.metrics["val.rmse"] == pytest.approx(float(version.tags["rmse"]))


def test_a_package_with_a_changed_byte_is_refused(releasing: Project) -> None:
    folder = releasing.data("06_models/model_package")
    zones = folder / "zones.csv"
    whole = zones.read_bytes()
    zones.write_bytes(whole.replace(b"JFK", b"JFX", 1))
    try:
        ended = releasing.run("", "--nodes=release.answer_ride")
    finally:
        zones.write_bytes(whole)
    assert ended.code == 1
    assert "zones.csv is not what was packaged; release the model again" in ended.err


def test_a_model_that_cannot_be_released_can_still_be_tried(project: Project) -> None:
    newcomer = {
        "estimator": "sklearn.neighbors.KNeighborsRegressor",
        "features": "reference",
        "distance": "required",
        "hyper_parameters": {"n_neighbors": 3},
    }
    _add_model(project, newcomer)
    ended = project.run("model=newcomer")
    assert ended.code == 1
    assert "models.newcomer cannot be released: a KNeighborsRegressor cannot be written as an ONNX graph" in ended.err
    assert "--pipelines=ingestion,data_engineering,data_science" in ended.err
    assert not list(project.data("").glob("0*")), "no node has run"
    folder = project.data("01_raw/simulated")
    folder.mkdir(parents=True)
    rows = _month("2020-11")
    for month, first in (("2021-01", 0), ("2021-02", 1_000)):
        pq.write_table(rows.slice(first, 1_000), folder / f"green_tripdata_{month}.parquet")
    tried = project.with_tracking_store().train("model=newcomer,val_data=2021-02")
    assert tried.code == 0, tried.err
    assert "newcomer" in tried.out
    assert "--pipelines=model_release" in tried.out


def _add_model(project: Project, entry: dict[str, Any]) -> None:
    path: Path = project.root / "conf/test/parameters.yml"
    known = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(known | {"models": known["models"] | {"newcomer": entry}}))


@pytest.mark.real_data
def test_a_model_of_two_months_replaces_that_of_one(project: Project) -> None:
    project.with_real_months("2021-01", "2021-02", "2021-03")
    assert "Version 1 is champion now." in run(project, "source=tlc")
    out = run(project, "source=tlc,train_data=2021-01..2021-02,val_data=2021-03")
    assert "Version 2 is champion now, after version 1." in out
    compared = next(check for check in gate_report(project)["checks"] if check["name"] == "not worse than the champion")
    assert "on 2021-03, " in compared["evidence"]
    assert ": RMSE -" in compared["evidence"]
    assert registry(project, "tlc").champion() == 2
