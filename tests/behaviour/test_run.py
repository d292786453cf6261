"""What a user does, end to end."""

import json
import os
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import REPOSITORY, Project
from tests.support.small_months import with_small_months

METRICS = "08_reporting/metrics.json"


def _metrics(project: Project) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads(project.data(METRICS).read_text())
    return metrics


def _run(project: Project, params: str = "", *arguments: str, env: str = "test") -> str:
    ended = project.run(params, *arguments, env=env)
    assert ended.code == 0, ended.err
    return ended.out


def _train(project: Project, params: str = "", env: str = "test") -> None:
    ended = project.train(params, env=env)
    assert ended.code == 0, ended.err


def test_the_default_run_beats_both_baselines(finished: Project) -> None:
    metrics = _metrics(finished)
    assert metrics["model"] == "xgboost"
    baselines = metrics["baselines"]
    assert metrics["val"]["rmse"] < baselines["zone_pair_median"]["rmse"] < baselines["mean"]["rmse"]
    assert metrics["val"]["rmse"] < metrics["val"]["rmse_without_distance"] < baselines["zone_pair_median"]["rmse"]


def test_a_run_ends_with_a_summary_and_what_to_type_next(project: Project, finished: Project) -> None:
    out = _run(with_small_months(project, finished).with_tracking_store(), "model=mean")
    for words in (
        "SIMULATED",
        "too_short",
        "zone_pair_median",
        "at request time",
        "JFK Airport to Times Sq",
        "make ui",
    ):
        assert words in out
    assert "(simulated)" in out.split("JFK Airport")[1]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str, str]:
    """A project whose months a process of its own has simulated and prepared, and what it said."""
    project = Project(tmp_path_factory.mktemp("prepared") / "project")
    process = project.start("kedro", "run", "--env=test", "--pipelines=ingestion,data_engineering")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return project, out, err


def test_progress_names_each_step(prepared: tuple[Project, str, str]) -> None:
    _, out, err = prepared
    assert "[ 1/12]" in err
    assert "[12/12]" in err
    assert "simulating green_tripdata_2021-01" in err
    assert "[12/12]" not in out


def test_the_same_command_gives_the_same_bytes_whatever_the_threads(project: Project, finished: Project) -> None:
    written = finished.data(METRICS).read_bytes()  # by as many threads as there are cores
    _train(project.with_tracking_store(), f"engine_threads={2 if os.cpu_count() == 1 else 1}")
    assert project.data(METRICS).read_bytes() == written
    assert b"time" not in written


def test_simulated_months_are_the_same_files_for_the_same_seed(
    prepared: tuple[Project, str, str], finished: Project
) -> None:
    for month in ("2021-01", "2021-02"):
        name = f"01_raw/simulated/green_tripdata_{month}.parquet"
        assert prepared[0].data(name).read_bytes() == finished.data(name).read_bytes()


def test_a_run_touches_no_month_that_is_there(prepared: tuple[Project, str, str]) -> None:
    project, *_ = prepared
    january = project.data("01_raw/simulated/green_tripdata_2021-01.parquet")
    before = january.stat().st_mtime_ns
    _run(project, "val_data=2021-03", "--pipelines=ingestion")
    assert january.stat().st_mtime_ns == before
    manifest = json.loads(project.data("01_raw/simulated/manifest.json").read_text())
    assert sorted(manifest) == [f"green_tripdata_2021-0{month}.parquet" for month in (1, 2, 3)]


def test_months_may_be_ranges_and_sums_with_a_test_split(project: Project) -> None:
    _train(
        project.with_tracking_store(),
        "model=mean,train_data=2020-11+2021-01..2021-02,val_data=2021-03,test_data=2021-04",
    )
    metrics = _metrics(project)
    features = pq.read_table(project.data("04_feature/features.parquet"), columns=["month"])
    assert set(features["month"].to_pylist()) == {"2020-11", *(f"2021-0{month}" for month in range(1, 5))}
    assert metrics["test"]["n"] > 60_000
    assert metrics["train"]["n"] > 2.5 * metrics["val"]["n"]


def test_conf_local_changes_what_every_part_of_a_run_reads(project: Project) -> None:
    (project.root / "conf/local/parameters.yml").write_text(
        yaml.safe_dump(
            {
                "train_data": "2020-12",
                "model": "ridge",
                "models": {"ridge": {"hyper_parameters": {"alpha": 7}}},
                "intervals": {"model": {"hyper_parameters": {"n_estimators": 20}}},
            }
        )
    )
    _train(project.with_tracking_store(), env="local")
    metrics = _metrics(project)
    assert (metrics["train_data"], metrics["val_data"], metrics["model"]) == ("2020-12", "2021-02", "ridge")


def _other_service_month(service: str, month: str, rows: int = 400) -> pa.Table:
    """A small month with the columns of its service, as the TLC names and types them."""
    start = datetime.fromisoformat(f"{month}-01T06:00")
    pickup = [start + timedelta(minutes=11 * row) for row in range(rows)]
    dropoff = [time + timedelta(minutes=5 + row % 30) for row, time in enumerate(pickup)]
    zones, times = [1 + row % 263 for row in range(rows)], pa.timestamp("us")
    columns: dict[str, dict[str, Any]] = {
        "yellow": {
            "VendorID": pa.array([1] * rows),
            "tpep_pickup_datetime": pa.array(pickup, times),
            "tpep_dropoff_datetime": pa.array(dropoff, times),
            "trip_distance": pa.array([1.0 + row % 30 for row in range(rows)]),
            "PULocationID": pa.array(zones),
            "DOLocationID": pa.array(zones[::-1]),
        },
        "fhv": {
            "dispatching_base_num": pa.array(["B00001"] * rows),
            "pickup_datetime": pa.array(pickup, times),
            "dropOff_datetime": pa.array(dropoff, times),
            "PUlocationID": pa.array(
                [None if row % 7 else float(zone) for row, zone in enumerate(zones)], pa.float64()
            ),
            "DOlocationID": pa.array([float(zone) for zone in zones]),
            "SR_Flag": pa.nulls(rows),
        },
        "fhvhv": {
            "hvfhs_license_num": pa.array(["HV0003"] * rows),
            "pickup_datetime": pa.array(pickup, times),
            "dropoff_datetime": pa.array(dropoff, times),
            "PULocationID": pa.array(zones),
            "DOLocationID": pa.array(zones[::-1]),
            "trip_miles": pa.array([1.0 + row % 30 for row in range(rows)]),
        },
    }
    return pa.table(columns[service])


@pytest.mark.parametrize("service", ["yellow", "fhv", "fhvhv"])
def test_every_service_can_be_learnt(project: Project, service: str) -> None:
    folder = project.data("01_raw/tlc")
    folder.mkdir(parents=True)
    for month in ("2021-01", "2021-02"):
        pq.write_table(_other_service_month(service, month), folder / f"{service}_tripdata_{month}.parquet")
    out = _run(project.with_tracking_store(), f"service={service},source=tlc")
    assert f"{service.capitalize()} taxi, TLC trips" in out
    metrics = _metrics(project)
    assert metrics["val"]["n"] == 400
    assert metrics["val"]["rmse"] > 0
    assert not metrics["simulated"]


def test_every_dataset_of_every_pipeline_is_declared_with_its_layer(project: Project) -> None:
    ended = project.kedro("catalog", "describe-datasets")
    assert ended.code == 0, ended.err
    described = yaml.safe_load(ended.out)
    files = sorted((project.root / "conf/base").glob("catalog*.yml"))
    catalog = {name: entry for file in files for name, entry in yaml.safe_load(file.read_text()).items()}
    for pipeline, groups in described.items():
        assert not groups["defaults"], f"{pipeline} has datasets that the catalog does not declare"
    names = {name for group in described["__default__"]["datasets"].values() for name in group}
    assert {"raw_trips@files", "raw_trips@table", "trips", "features", "model", "metrics"} <= names
    for name, entry in catalog.items():
        if not name.startswith("_"):
            assert entry["metadata"]["kedro-viz"]["layer"], name


def test_kedro_viz_exports_collapsed_layers_and_previews(finished: Project) -> None:
    process = finished.start("kedro", "viz", "build", "--include-previews")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    main = json.loads((finished.root / "build/api/main").read_text())
    assert main["layers"] == [
        "raw",
        "intermediate",
        "primary",
        "feature",
        "model_input",
        "models",
        "model_output",
        "reporting",
        "release",
    ]
    for pipeline in (finished.root / "build/api/pipelines").iterdir():
        assert json.loads(pipeline.read_text())["layers"], f"the layers of {pipeline.name} go round in a circle"
    groups = {node["name"] for node in main["nodes"] if node["type"] == "modularPipeline"}
    rooms = {
        "ingestion",
        "data_engineering",
        "splitting",
        "baselines",
        "training",
        "evaluation",
        "reporting",
        "release",
    }
    assert rooms <= groups
    plot = next(node for node in main["nodes"] if node["name"] == "residual_by_hour_plot")
    preview = json.loads((finished.root / "build/api/nodes" / plot["id"]).read_text())
    assert preview["preview"]["data"], preview.keys()
    backtest = json.loads((finished.root / "build/api/pipelines/backtest").read_text())
    assert {"walk_forward", "backtest_metrics", "backtest_plot"} <= {node["name"] for node in backtest["nodes"]}


def test_the_module_runs_as_the_command_does(finished: Project) -> None:
    out, err = finished.start("python", "-m", "ride_duration", "--help").communicate(timeout=60)
    assert "--params" in out, err
    outside = finished.start("python", "-m", "ride_duration", shell="cd /;")
    _, err = outside.communicate(timeout=60)
    assert outside.returncode == 1
    assert "not inside the project" in err


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("model", "train", "val"),
    [
        ("linear_regression", 5.699564, 7.758715),
        pytest.param("lasso", 10.550479, 11.167276, marks=pytest.mark.soak),
        pytest.param("ridge", None, 7.704, marks=pytest.mark.soak),
    ],
)
def test_the_reference_models_give_the_published_figures(
    project: Project, model: str, train: float | None, val: float
) -> None:
    project.with_real_months("2021-01", "2021-02")
    _train(project, f"train_data=2021-01,val_data=2021-02,model={model}", env="tlc")
    metrics = _metrics(project)
    assert metrics["val"]["rmse"] == pytest.approx(val, abs=1e-3)
    assert train is None or metrics["train"]["rmse"] == pytest.approx(train, abs=1e-3)
    assert (metrics["train"]["n"], metrics["val"]["n"]) == (73_908, 61_921)
    assert metrics["val"]["rmse_without_distance"] is None
    assert metrics["baselines"]["mean"]["rmse"] == pytest.approx(12.213, abs=1e-3)
    assert metrics["baselines"]["zone_pair_median"]["rmse"] == pytest.approx(9.071, abs=1e-3)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("train", "val", "rmse", "without"),
    [
        pytest.param("2021-01", "2021-02", 5.20, 6.10, marks=pytest.mark.soak),
        pytest.param("2021-01..2021-02", "2021-03", 4.78, 5.72, marks=pytest.mark.soak),
        ("2023-01", "2023-02", 4.05, 5.06),
    ],
)
def test_the_default_model_and_its_intervals_are_as_good_as_promised(
    project: Project, train: str, val: str, rmse: float, without: float
) -> None:
    project.with_real_months("2021-01", "2021-02", "2021-03", "2023-01", "2023-02")
    _train(project, f"train_data={train},val_data={val}", env="tlc")
    metrics = _metrics(project)
    assert metrics["val"]["rmse"] <= rmse
    assert metrics["val"]["rmse_without_distance"] <= without
    slices = pd.read_csv(project.data("08_reporting/slice_metrics.csv"))
    buckets = slices[(slices["split"] == "val") & (slices["slice"] == "straight_distance") & (slices["n"] >= 500)]
    assert len(buckets) >= 6
    for suffix in ("", "_without_distance"):
        assert 0.86 <= metrics["val"][f"coverage{suffix}"] <= 0.94
        assert buckets[f"coverage{suffix}"].min() >= 0.78


def test_the_readme_tells_the_truth_about_commands_and_files() -> None:
    readme = "".join(
        (REPOSITORY / page).read_text() for page in ("README.md", "docs/commands.md", "docs/development.md")
    )
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in ("run", "test", "ui", "viz", "notebook", "lock", "help"):
        assert f"make {target}" in readme
        assert f"\n{target}:" in makefile
