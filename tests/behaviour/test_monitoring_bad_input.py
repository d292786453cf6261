"""`kedro monitor run` on what cannot be monitored: one clear message each, and nothing is written."""

from pathlib import Path

import pytest

from ride_duration.clock import ClockKind
from tests.conftest import Project
from tests.support.logged_rides import LogWriter, make_log

MODEL = "ride-duration-green-simulated"
DAYS = "--window=2021-02-01..2021-02-03"


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project without any model; stores with three days of answers of a version 1 that was never registered here."""
    project = Project(tmp_path_factory.mktemp("bad") / "project")
    for name, clock in (("real", ClockKind.REAL), ("simulated", ClockKind.SIMULATED)):
        writer = LogWriter(f"sqlite:///{project.data(name)}.db", clock)
        writer.write([arrival.record for arrival in make_log(MODEL, rides=60)])
        writer.close()
    project.data("a folder").mkdir()
    project.data("text").write_text("no database\n" * 1000)
    return project


def list_files(project: Project) -> dict[Path, bytes]:
    """All but what is noted of every run, failed or not."""
    own = [project.data("mlflow"), project.data(".runs"), project.root / ".viz"]
    files = [path for path in project.root.rglob("*") if path.is_file() and not set(own) & set(path.parents)]
    return {path: path.read_bytes() for path in files if not path.name.endswith(("-shm", "-wal"))}


def refuse(project: Project, *options: str, env: str = "test", written: str = "") -> str:
    """The one message that a run ends with, having written nothing but rows of the log's days into one store."""
    before = list_files(project)
    ended = project.kedro("monitor", "run", f"--env={env}", *options)
    assert ended.code == 1, ended.out
    (message,) = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in ended.err
    assert "Verdict" not in ended.out
    after = list_files(project)
    assert after.keys() == before.keys()
    assert {path.name for path in before if after[path] != before[path]} <= {written}
    return message


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("2021-13", "'2021-13' does not name months; write one as 2021-01"),
        ("2021-03..2021-02", "'2021-03..2021-02' ends before it begins"),
        ("2021-02-30", "'2021-02-30' names a day that is not in the calendar"),
        ("0001-01-01..9999-12-31", "'0001-01-01..9999-12-31' begins before 2009-01, the first month that the TLC has"),
        ("last_0d", "'last_0d' does not name months"),
        ("last_28", "write last_28d, or days as 2021-03-01..2021-03-28"),
        ("last 28d", "'last 28d' does not name months"),
        ("2099-01-01..2099-01-28", "window: 2099-01-01 has not begun (today is"),
        ("", "--window is empty; write last_28d"),
        ("2021-01", "2021-01 of green taxis has not been scored by ride-duration-green-simulated; run `kedro run"),
    ],
)
def test_an_odd_window_is_refused(logged: Project, window: str, message: str) -> None:
    assert message in refuse(logged, f"--window={window}", "--params=serving.store=sqlite:///data/real.db")


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("postgresql+psycopg://ana:secret@127.0.0.1:PORT/none", "cannot be read: connection failed"),
        ("sqlite:///data/gone/predictions.db", "gone/predictions.db yet; `kedro service start` begins it"),
        ("sqlite:///data/a folder", "cannot be read: unable to open database file"),
        ("sqlite:///data/text/predictions.db", "text/predictions.db yet"),
        ("sqlite:///data/text", "file is not a database"),
        ("sqlite:///data/simulated.db", "has the times of a simulation, and this is the machine's clock"),
    ],
)
def test_a_store_that_is_away_or_on_another_clock_is_said(logged: Project, store: str, message: str) -> None:
    said = refuse(logged, DAYS, f"--params=serving.store={store.replace('PORT', '1')}")
    assert message in said
    assert "secret" not in said


def test_days_without_predictions_are_said(logged: Project) -> None:
    store = "--params=serving.store=sqlite:///data/real.db"
    said = refuse(logged, "--window=2021-04-01..2021-04-28", store, written="real.db")
    assert "the service logged no predictions of ride-duration-green-simulated for rides from 2021-04-01" in said
    assert "there are predictions from 2021-02-01 to 2021-02-03" in said
