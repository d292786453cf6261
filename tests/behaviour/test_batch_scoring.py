"""`kedro run --pipelines=batch_scoring`: the champion's predictions for every raw trip of a month."""

import json
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ride_duration.model_package import Answers, ModelPackage, Rides
from ride_duration.model_package.expected_error import ExpectedError
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.scoring import partition_of, score_trips
from tests.conftest import Ended, Project
from tests.support.store.samples import until

FEBRUARY, MARCH = (f"07_model_output/scored_trips/taxi_type=green/year=2021/month=0{m}/part-0.parquet" for m in (2, 3))
RAW_FEBRUARY, RAW_MARCH = (f"01_raw/simulated/green_tripdata_2021-0{month}.parquet" for month in (2, 3))
COLUMNS = {
    "ride_id": "string",
    "lpep_pickup_datetime": "timestamp[us]",
    "PULocationID": "int64",
    "DOLocationID": "int64",
    "actual_duration": "double",
    "predicted_duration": "double",
    "diff": "double",
    "lower": "double",
    "upper": "double",
    "model_version": "string",
    **dict.fromkeys(
        (
            "trip_distance",
            "predicted_without_distance",
            "lower_without_distance",
            "upper_without_distance",
            "expected_squared_error",
            "expected_squared_error_without_distance",
        ),
        "double",
    ),
    "model": "string",
}
NOON = datetime(2021, 3, 1, 12)

#: Pick-up, minutes on the meter, zones and miles of trips of which data engineering would keep the first only.
ODD_TRIPS: list[tuple[datetime | None, float | None, int | None, int | None, float | None]] = [
    (NOON, 12.5, 74, 75, 2.0),
    (NOON, 0.0, 74, 75, 2.0),
    (NOON, -30.0, 74, 75, None),
    (NOON, 1_440.0, None, 265, 90_000.0),
    (NOON, None, 74, 999, 0.0),
    (None, None, 74, 75, 2.0),
]


def odd_month(prefix: str = "lpep") -> pa.Table:
    """A raw month of odd trips."""
    pickup, minutes, start, end, miles = zip(*ODD_TRIPS, strict=True)
    dropoff = [
        NOON + timedelta(minutes=spent) if spent is not None else None if begun else NOON
        for begun, spent in zip(pickup, minutes, strict=True)
    ]
    return pa.table(
        {
            f"{prefix}_pickup_datetime": pa.array(pickup, pa.timestamp("us")),
            f"{prefix}_dropoff_datetime": pa.array(dropoff, pa.timestamp("us")),
            "PULocationID": pa.array(start, pa.int64()),
            "DOLocationID": pa.array(end, pa.int64()),
            "trip_distance": pa.array(miles, pa.float64()),
        }
    )


def score(project: Project, params: str) -> Ended:
    """Score months, with success."""
    ended = project.run(params, "--pipelines=batch_scoring")
    assert ended.code == 0, ended.err
    return ended


@pytest.fixture(scope="module")
def scored(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Ended]:
    """A copy of a finished project that has scored a month and a few odd trips of the next."""
    root = tmp_path_factory.mktemp("scored") / "project"
    shutil.copytree(finished.root, root, ignore=shutil.ignore_patterns("build"))
    project = Project.__new__(Project)
    project.root = root
    pq.write_table(odd_month(), project.data(RAW_MARCH))
    return project, score(project, "score_data=2021-02..2021-03,engine_threads=2")


def package_of(project: Project) -> ModelPackage:
    """The package that was released."""
    return ModelPackage.load(project.data("06_models/model_package"))


def rides_of(raw: pa.Table) -> Rides:
    """The rides of a raw month."""
    numbers = (raw[name].cast("float64").to_numpy() for name in ("PULocationID", "DOLocationID"))
    return Rides(
        *numbers, raw[0 if "VendorID" not in raw.column_names else 1].to_numpy(), raw["trip_distance"].to_numpy()
    )


def assert_answered(table: pa.Table, answers: Answers) -> None:
    """The columns of scored trips hold these answers, exactly."""
    for column, minutes in zip(("predicted_duration", "lower", "upper"), answers, strict=True):
        np.testing.assert_array_equal(table[column].to_numpy(), minutes)


def test_each_month_is_a_partition_with_the_columns_of_the_service(scored: tuple[Project, Ended]) -> None:
    project, _ = scored
    files = sorted(path for path in project.data("07_model_output/scored_trips").rglob("*") if path.is_file())
    assert files == [project.data(FEBRUARY), project.data(MARCH)]
    for path in files:
        assert {field.name: str(field.type) for field in pq.read_schema(path)} == COLUMNS
    whole = pq.read_table(project.data("07_model_output/scored_trips"))
    assert set(zip(*(whole[name].to_pylist() for name in ("taxi_type", "year", "month")), strict=True)) == {
        ("green", 2021, 2),
        ("green", 2021, 3),
    }


def test_every_raw_row_is_scored_in_its_order_under_the_ids_of_data_engineering(scored: tuple[Project, Ended]) -> None:
    project, _ = scored
    table = pq.read_table(project.data(FEBRUARY), partitioning=None)
    raw = pq.read_table(project.data(RAW_FEBRUARY))
    assert table["ride_id"].to_pylist() == [f"green-2021-02-{row:09d}" for row in range(raw.num_rows)]
    assert table["PULocationID"].equals(raw["PULocationID"])
    trips = pq.read_table(
        project.data("03_primary/trips.parquet"), columns=["ride_id", "month", "duration"]
    ).to_pandas()
    trips = trips[trips["month"] == "2021-02"].set_index("ride_id")
    frame = table.to_pandas().set_index("ride_id")
    assert 0 < len(trips) < len(frame)
    assert set(frame.index[frame["actual_duration"].between(1, 60)]) == set(trips.index)
    assert frame["actual_duration"].loc[trips.index].equals(trips["duration"].rename("actual_duration"))


def test_predictions_are_those_of_the_package_to_the_last_bit(scored: tuple[Project, Ended]) -> None:
    project, _ = scored
    package = package_of(project)
    for scored_month, raw_month in ((FEBRUARY, RAW_FEBRUARY), (MARCH, RAW_MARCH)):
        table = pq.read_table(project.data(scored_month), partitioning=None)
        assert_answered(table, package.answer(rides_of(pq.read_table(project.data(raw_month)))))
        assert set(table["model_version"].to_pylist()) == {"1"}


def test_every_trip_is_also_answered_as_at_request_time_with_the_error_to_be_expected(
    scored: tuple[Project, Ended],
) -> None:
    project, _ = scored
    package = package_of(project)
    table = pq.read_table(project.data(FEBRUARY), partitioning=None)
    rides = rides_of(pq.read_table(project.data(RAW_FEBRUARY)))
    unknown = rides._replace(trip_distance=np.full(len(rides.trip_distance), np.nan))
    answers = package.answer(unknown)
    for name, minutes in zip(("predicted", "lower", "upper"), answers, strict=True):
        np.testing.assert_array_equal(table[f"{name}_without_distance"].to_numpy(), minutes)
    np.testing.assert_array_equal(table["trip_distance"].to_numpy(), rides.trip_distance)
    errors = ExpectedError(package)
    for name, asked, predicted in (
        ("expected_squared_error", rides, "predicted_duration"),
        ("expected_squared_error_without_distance", unknown, "predicted_without_distance"),
    ):
        expected = errors.expect_squares(package.columns(asked), table[predicted].to_numpy())
        np.testing.assert_allclose(table[name].to_numpy(), expected, rtol=1e-6)
        realised = np.mean((table[predicted].to_numpy() - table["actual_duration"].to_numpy())[known_of(table)] ** 2)
        assert np.mean(table[name].to_numpy()[known_of(table)]) == pytest.approx(realised, rel=0.25)


def known_of(table: pa.Table) -> Any:
    return table["actual_duration"].to_pandas().between(1, 60).to_numpy()


def test_no_trip_is_dropped_by_its_label(scored: tuple[Project, Ended]) -> None:
    project, _ = scored
    table = pq.read_table(project.data(MARCH), partitioning=None)
    assert table["actual_duration"].to_pylist() == [12.5, 0.0, -30.0, 1_440.0, None, None]
    assert table["lpep_pickup_datetime"].to_pylist() == [*[NOON] * 5, None]
    assert table["PULocationID"].to_pylist() == [74, 74, 74, None, 74, 74]
    assert table["predicted_duration"].null_count == table["lower"].null_count == table["upper"].null_count == 0
    differences = np.subtract(table["actual_duration"].to_numpy(), table["predicted_duration"].to_numpy())
    np.testing.assert_array_equal(table["diff"].to_numpy(), differences)


def test_it_ends_with_what_was_scored_and_what_to_type_next(scored: tuple[Project, Ended]) -> None:
    project, ended = scored
    lines = [line.split() for line in ended.out.splitlines()]
    table = pq.read_table(project.data(FEBRUARY), partitioning=None).to_pandas()
    known = table[table["actual_duration"].between(1, 60)]
    rmse = np.sqrt(np.mean(known["diff"] ** 2))
    held = known["actual_duration"].between(known["lower"], known["upper"]).mean()
    assert ["2021-02", f"{len(table):,}", f"{len(known):,}", f"{rmse:.2f}", f"{held:.1%}"] in lines
    assert [line[:3] for line in lines if line[:1] == ["2021-03"]] == [["2021-03", "6", "1"]]
    for words in ("simulated", "model version 1", "data/07_model_output/scored_trips", "--pipelines=batch_scoring"):
        assert words in ended.out


def test_a_second_run_writes_the_same_bytes_whatever_the_threads(scored: tuple[Project, Ended]) -> None:
    project, _ = scored
    before = project.data(FEBRUARY).read_bytes()
    score(project, "score_data=2021-02,engine_threads=1")
    assert project.data(FEBRUARY).read_bytes() == before


def test_intervals_are_left_out_where_they_are_not_wanted(scored: tuple[Project, Ended]) -> None:
    project, _ = scored
    before = pq.read_table(project.data(MARCH), partitioning=None)
    ended = score(project, "score_data=2021-03,score_intervals=false,score_rows=1000")
    after = pq.read_table(project.data(MARCH), partitioning=None)
    bounds = ["lower", "upper", "lower_without_distance", "upper_without_distance"]
    assert after.schema == before.schema
    assert [after[name].null_count for name in bounds] == [len(ODD_TRIPS)] * 4
    assert after.drop_columns(bounds).equals(before.drop_columns(bounds))
    assert "%" not in ended.out


def test_a_kill_leaves_the_old_partition_and_no_part_of_a_new_one(scored: tuple[Project, Ended]) -> None:
    project, _ = scored
    folder = project.data(FEBRUARY).parent
    before = project.data(FEBRUARY).read_bytes()
    command = ("--env=test", "--pipelines=batch_scoring", "--params=score_data=2021-02,score_rows=1000")
    process = project.start("kedro", "run", *command)
    while not list(folder.glob(".*.partial")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode < 0
    assert list(folder.glob(".*.partial"))
    assert project.data(FEBRUARY).read_bytes() == before
    assert pq.read_table(project.data("07_model_output/scored_trips")).num_rows > 60_000
    score(project, "score_data=2021-02")
    assert project.data(FEBRUARY).read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["part-0.parquet"]


@pytest.mark.parametrize("fault", ["damaged", "no rows"])
def test_a_bad_month_is_named_and_its_old_partition_stays(scored: tuple[Project, Ended], fault: str) -> None:
    project, _ = scored
    raw, before = project.data(RAW_FEBRUARY), project.data(FEBRUARY).read_bytes()
    whole = raw.read_bytes()
    if fault == "damaged":
        raw.write_bytes(whole[: len(whole) // 2] + bytes(60_000) + whole[len(whole) // 2 + 60_000 :])
    else:
        pq.write_table(pq.read_table(raw).slice(0, 0), raw)
    try:
        ended = project.run("score_data=2021-02", "--pipelines=batch_scoring")
    finally:
        raw.write_bytes(whole)
    assert ended.code == 1
    message = ended.err[ended.err.index("Error: ") :]
    assert len(message.splitlines()) == 1, message
    assert "green_tripdata_2021-02.parquet" in message
    assert {"damaged": "cannot be read as parquet", "no rows": "no trips at all"}[fault] in message
    assert project.data(FEBRUARY).read_bytes() == before


def test_months_are_scored_by_the_champion_while_a_whole_training_runs(
    scored: tuple[Project, Ended], finished: Project, tmp_path: Path
) -> None:
    project = Project.copy_of(finished, tmp_path / "project")
    training = project.start("kedro", "run", "--env=test", "--params=model=mean")
    try:
        locks = project.data(".runs")
        until(lambda: training.poll() is not None or any(path.read_text() for path in locks.glob("*.lock")), 240)
        assert training.poll() is None, training.communicate()
        score(project, "score_data=2021-02,engine_threads=2")
    finally:
        out, err = training.communicate(timeout=480)
    assert training.returncode == 0, err
    assert "version 1 stays champion" in out
    assert json.loads(project.data("08_reporting/metrics.json").read_text())["model"] == "mean"
    assert pq.read_table(project.data(FEBRUARY)).equals(pq.read_table(scored[0].data(FEBRUARY))), "as if it ran alone"
    assert not project.data(MARCH).exists()


def test_without_a_champion_it_says_what_makes_one(project: Project) -> None:
    ended = project.run("", "--pipelines=batch_scoring")
    assert ended.code == 1
    message = ended.err[ended.err.index("Error: ") :]
    assert len(message.splitlines()) == 1, message
    assert "no model has been released for green taxis" in message
    assert "`kedro run`" in message
    assert project.data(RAW_MARCH).exists(), "a month that was not there is made"
    assert not project.data("07_model_output").exists()


def test_yellow_trips_have_the_columns_of_their_service(scored: tuple[Project, Ended], tmp_path: Path) -> None:
    pq.write_table(odd_month("tpep"), tmp_path / "month.parquet")
    raw = ibis.duckdb.connect().read_parquet(tmp_path / "month.parquet", file_row_number=True)
    scoring: dict[str, Any] = {
        "source": "tlc",
        "sources": {"tlc": "https://tlc/{service}_tripdata_{month}.parquet"},
        "taxi_type": "yellow",
        "score_data": "2021-03",
        "score_intervals": True,
        "score_without_distance": True,
        "score_rows": 1_000,
        "engine_threads": 1,
    }
    streams = score_trips({"yellow_tripdata_2021-03": lambda: raw}, package_of(scored[0]), Scoring(**scoring))
    assert list(streams) == [partition_of("yellow", "2021-03")] == ["taxi_type=yellow/year=2021/month=03"]
    table = streams[partition_of("yellow", "2021-03")]().read_all()
    assert table.column_names[:2] == ["ride_id", "tpep_pickup_datetime"]
    assert table["ride_id"][0].as_py() == "yellow-2021-03-000000000"
    assert_answered(table, package_of(scored[0]).answer(rides_of(odd_month("tpep"))))
