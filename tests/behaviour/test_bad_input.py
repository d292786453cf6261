"""Bad input: one clear message, an exit code that scripts can use, and nothing lost or half-written."""

import hashlib
import os
import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ride_duration.trips.simulation import default_city, simulate_month
from tests.conftest import Ended, Project

RAW = "01_raw/simulated"
FEBRUARY = f"{RAW}/green_tripdata_2021-02.parquet"
ROWS = 3_000
NOWHERE = "http://127.0.0.1:1/{service}_{month}.parquet"


@cache
def _small_month(month: str) -> pa.Table:
    whole = simulate_month(month, default_city(), seed=7)
    return whole.take(list(range(0, len(whole), len(whole) // ROWS)))


@pytest.fixture
def small(project: Project) -> Project:
    """A project with two small raw months."""
    return _with_small_months(project)


@pytest.fixture(scope="module")
def once_trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same after a training run; to be copied, not to be changed."""
    project = _with_small_months(Project(tmp_path_factory.mktemp("small") / "project"))
    assert project.train("model=mean").code == 0
    return project


@pytest.fixture
def trained(once_trained: Project, tmp_path: Path) -> Project:
    """A project with two small raw months after a training run."""
    return Project.copy_of(once_trained, tmp_path / "project")


def _with_small_months(project: Project) -> Project:
    project.data(RAW).mkdir(parents=True)
    for month in ("2021-01", "2021-02"):
        pq.write_table(_small_month(month), project.data(RAW) / f"green_tripdata_{month}.parquet")
    return project.with_tracking_store()


def _files(project: Project) -> dict[str, str]:
    """Hash of every file that a user would miss; the lock and the record of runs may change."""
    data = project.root / "data"
    return {
        str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file() and not {".runs", "mlflow"} & {*path.parts} and not path.name.startswith(".run")
    }


def _assert_one_message(ended: Ended, *words: str) -> None:
    assert ended.code != 0
    assert "Traceback" not in ended.err + ended.out
    message = ended.err[ended.err.index("Error: ") :]
    assert len(message.splitlines()) <= 4, message
    for word in words:
        assert word in message, message


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("train_data=2021-13", ["train_data", "'2021-13'", "2021-01..2021-03"]),
        ("val_data=2021-03..2021-01", ["val_data", "ends before it begins", "2021-01..2021-03"]),
        ("train_data=2021-01..2021-03,val_data=2021-02", ["train_data and val_data share 2021-02"]),
        ("train_data=2021-03", ["val_data 2021-02 is not later than 2021-03 in train_data"]),
        ("model=crystal_ball", ["unknown model 'crystal_ball'", "xgboost"]),
        ("trian_data=2021-01", ["Error: unknown parameter 'trian_data'", "'train_data'"]),
        ("models.lasso.hyper_parameter.alpha=1", ["models.lasso.hyper_parameter", "'models.lasso.hyper_parameters'"]),
        ("models.xgboost.hyper_parameters.max_leaves=-3", ["models.xgboost.hyper_parameters.max_leaves", "negative"]),
        ("model=lasso,models.lasso.hyper_parameters.alpha=-1", ["models.lasso.hyper_parameters.alpha", "negative"]),
        ("models.xgboost.hyper_parameters.max_leafs=3", ["max_leafs", "max_leaves"]),
        ("models.xgboost.search_space.gamma.low=60", ["Error: models.xgboost.search_space.gamma: low is 60 and high"]),
        (
            "models.xgboost.hyper_parameters.booster=gblinear",
            ["models.xgboost cannot be released", "gblinear", "--pipelines=ing"],
        ),
        (
            "intervals.model.hyper_parameters.booster=gblinear",
            ["Error: intervals.model cannot be released", "gblinear", "--pipelines=ing"],
        ),
        (
            "models.xgboost.hyper_parameters.objective=reg:gamma",
            ["cannot be released", "reg:squarederror", "--pipelines=ing"],
        ),
        (
            "model=hist_gradient_boosting,models.hist_gradient_boosting.hyper_parameters.loss=poisson",
            ["models.hist_gradient_boosting cannot be released", "loss=poisson", "use squared_error"],
        ),
        ("intervals.model.hyper_parameters.max_leafs=3", ["intervals.model.hyper_parameters", "max_leaves"]),
        ("intervals.coverage=2", ["coverage", "less than 1"]),
        ("gate.champion_worse=-1", ["champion_worse", "greater than or equal to 0"]),
        ("release.approval=later", ["approval", "'auto' or 'manual'"]),
        ("seed=-1", ["seed", "greater than or equal to 0"]),
        ("example_ride.pickup_zone=300", ["pickup_zone", "265"]),
        ("example_ride.pickup_datetime=noon", ["pickup_datetime", "valid datetime"]),
    ],
)
def test_a_bad_parameter_stops_before_any_node(
    small: Project, params: str, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = _files(small)
    _assert_one_message(small.run(params), *words)
    assert not [message for message in caplog.messages if message.startswith("[")]
    assert _files(small) == before


def test_an_unknown_environment_is_named_with_those_that_there_are(small: Project) -> None:
    _assert_one_message(small.run(env="moon"), "unknown environment 'moon'", "tlc")


def test_an_unknown_pipeline_is_named_with_those_that_there_are(small: Project) -> None:
    _assert_one_message(small.run("", "--pipelines=cooking"), "unknown pipeline 'cooking'", "data_engineering")


def test_an_unknown_node_is_named(small: Project) -> None:
    _assert_one_message(small.run("", "--nodes=cook"), "'cook'", "kedro registry")


def test_a_month_that_cannot_be_fetched_is_named(small: Project) -> None:
    before = _files(small)
    ended = small.run(f"source=tlc,sources.tlc={NOWHERE}")
    _assert_one_message(ended, "green_tripdata_2021-01.parquet", "127.0.0.1", "by hand")
    assert _files(small) == before


def test_data_engineering_without_raw_months_says_what_to_run(project: Project) -> None:
    _assert_one_message(project.run("", "--pipelines=data_engineering"), "no raw months", "--pipelines=ingestion")


def test_data_science_without_features_says_what_to_run(project: Project) -> None:
    _assert_one_message(project.run("", "--pipelines=data_science"), "features.parquet", "kedro run")


def test_data_science_on_other_months_than_the_features_says_so(small: Project) -> None:
    assert small.run("", "--pipelines=ingestion,data_engineering").code == 0
    ended = small.run("val_data=2021-03", "--pipelines=data_science")
    _assert_one_message(ended, "no green trips of 2021-03", "data_engineering")


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def _damaged(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[4:60_000] = bytes(59_996)
    path.write_bytes(whole)


def _no_parquet(path: Path) -> None:
    path.write_text("<html>Service unavailable</html>")


def _changed(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    return lambda path: pq.write_table(change(pq.read_table(path)), path)


def _with_column(name: str, make: Callable[[pa.Table], pa.Array]) -> Callable[[Path], None]:
    return _changed(lambda table: table.set_column(table.column_names.index(name), name, make(table)))


BAD_MONTHS = {
    "truncated": (_truncated, ["cannot be read as parquet", "delete"]),
    "damaged": (_damaged, ["cannot be read as parquet", "delete"]),
    "no parquet": (_no_parquet, ["cannot be read as parquet", "delete"]),
    "missing column": (_changed(lambda table: table.drop_columns("trip_distance")), ["no column trip_distance"]),
    "renamed column": (
        _changed(lambda t: t.rename_columns({"lpep_pickup_datetime": "pickup"})),
        ["no column lpep_pickup_datetime", "it has", "pickup"],
    ),
    "text zones": (
        _with_column("PULocationID", lambda t: t["PULocationID"].cast("string")),
        ["PULocationID", "number"],
    ),
    "text times": (
        _with_column("lpep_pickup_datetime", lambda t: pc.strftime(t["lpep_pickup_datetime"])),
        ["lpep_pickup_datetime", "timestamp"],
    ),
    "no rows": (_changed(lambda table: table.slice(0, 0)), ["no trips at all"]),
    "everything rejected": (
        _with_column("lpep_dropoff_datetime", lambda t: t["lpep_pickup_datetime"]),
        ["2021-02", "were rejected", "too_short"],
    ),
}


@pytest.mark.parametrize("fault", BAD_MONTHS)
def test_a_bad_month_is_named_and_harms_nothing(trained: Project, fault: str) -> None:
    spoil, words = BAD_MONTHS[fault]
    spoil(trained.data(FEBRUARY))
    before = _files(trained)
    _assert_one_message(trained.train("model=mean"), "2021-02", *words)
    after = _files(trained)
    assert after.keys() == before.keys(), "a file was left behind or lost"
    changed = {name for name in before if before[name] != after[name]}
    assert all(name.startswith("02_intermediate/") or "fingerprints" in name for name in changed), changed


@pytest.mark.parametrize(
    ("params", "pipelines", "spared"),
    [
        ("train_data=2021-03", "ingestion,data_engineering", "a raw month"),
        ("train_data=2021-01", "data_engineering", "a table"),
        ("train_data=2021-01", "data_science", "the record of runs"),
    ],
)
def test_a_full_disk_leaves_every_file_whole(trained: Project, params: str, pipelines: str, spared: str) -> None:
    before = _files(trained)
    command = ["kedro", "run", "--env=test", f"--params={params}", f"--pipelines={pipelines}"]
    process = trained.start(*command, shell="ulimit -f 100;")
    out, err = process.communicate(timeout=120)
    _assert_one_message(Ended(process.returncode, out, err), "disk is full", "free some space")
    assert _files(trained).keys() == before.keys(), spared
    for name in before:
        if name.endswith(".parquet"):
            pq.read_table(trained.data(name))
    assert trained.train("model=mean").code == 0


def test_a_file_in_the_place_of_a_folder_is_named(small: Project) -> None:
    reporting = small.data("08_reporting")
    assert not reporting.exists()
    reporting.write_text("mine")
    ended = small.kedro("run", "--env=test", "--pipelines=data_engineering")
    _assert_one_message(ended, str(reporting), "is a file, and a folder is needed")
    assert reporting.read_text() == "mine"
    reporting.unlink()


def test_a_second_run_says_who_holds_the_project(small: Project) -> None:
    first = small.start(*["kedro", "run", "--env=test", "--pipelines=ingestion,data_engineering,data_science"])
    try:
        for _ in range(600):
            if any(lock.read_text() for lock in small.data(".runs").glob("*.lock")):
                break
            assert first.poll() is None, first.communicate()
            time.sleep(0.1)
        ended = small.run()
        _assert_one_message(ended, f"process {first.pid}", "kedro run", "wait until it has ended")
    finally:
        out, err = first.communicate(timeout=120)
    assert first.returncode == 0, err
    assert "RMSE in minutes" in out
    assert small.train("model=mean").code == 0


def test_the_switch_for_developers_shows_the_traceback(small: Project) -> None:
    with pytest.raises(Exception, match="crystal_ball"):
        small.run("model=crystal_ball", "--traceback")


def test_help_shows_examples(small: Project) -> None:
    ended = small.kedro("run", "--help")
    assert ended.code == 0
    assert re.search(r"kedro run --params=.*model=linear_regression", ended.out)
    assert "--traceback" in ended.out


def test_an_interrupted_run_lets_the_next_one_in(small: Project) -> None:
    first = small.start("kedro", "run", "--env=test")
    for _ in range(600):
        if list(small.data(".runs").glob("*.lock")):
            break
        time.sleep(0.1)
    first.kill()
    first.communicate()
    assert os.WIFSIGNALED(-first.returncode) or first.returncode < 0
    assert small.train("model=mean").code == 0
