"""`kill -9` of `kedro monitor run`: what one more run leaves is what an undisturbed one leaves, alerts included."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from ride_duration.clock import ClockKind, SimulatedClock, start_clock
from ride_duration.store.log_records import ActualRecord
from tests.conftest import Project
from tests.support.answered_log import make_answered_log
from tests.support.logged_rides import LogWriter

MODEL = "ride-duration-green-simulated"
STORE, CLOCK, REPORTS = "simulated/predictions.db", "simulated/clock", "simulated/reports"
#: The days are the last 28 that are over by the clock, so that the verdict is official. Reports of the last one say too
#: much, which is an incident, and so there is an alert.
LAST, NOW = date(2021, 3, 28), datetime(2021, 3, 29, 17, tzinfo=UTC).timestamp()
COMMAND = ("monitor", "run", "--env=simulated", "--window=last_28d")
#: Of a run, and not of what it found.
OF_A_RUN = {
    "number", "run", "key", "alert", "attempts", "computed_at", "since", "at", "raised_at", "seen_at", "claimed_until",
    "next_attempt_at", "first_attempt_at", "delivered_at",
}  # fmt: skip


@pytest.fixture(scope="module")
def logged(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a champion, and 28 days of a log on a clock that stands still at noon of the next day."""
    project = Project.copy_of(finished, tmp_path_factory.mktemp("logged") / "project")
    writer = LogWriter(f"sqlite:///{project.data(STORE)}", ClockKind.SIMULATED)
    answered, reported = make_answered_log(project, MODEL, LAST, rides=60)
    writer.write(answered)
    writer.write([_break(one) if one.ride_id.startswith(str(LAST)) else one for one in reported])
    writer.close()
    start_clock(project.data(CLOCK), NOW)
    return project


def _break(report: ActualRecord) -> ActualRecord:
    return msgspec.structs.replace(report, duration=1.6 * report.duration)


def run_killed(project: Project, points: list[int]) -> list[str]:
    """Run the monitoring once for each point (see `tests.support.killed_runs`)."""
    command = [sys.executable, "-m", "tests.support.killed_runs", str(project.root), str(project.data(STORE))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [*command, ",".join(map(str, points)), *COMMAND],
        cwd=project.root, env=environment, capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return [line for line in ended.stdout.splitlines() if line.startswith(("killed", "ended"))]


def run_once_more(project: Project) -> None:
    """Run to the end, an hour later, so that what a killed run had claimed to send is sent."""
    clock = SimulatedClock(project.data(CLOCK))
    clock.advance(clock.now() + 3600)
    ended = project.kedro(*COMMAND)
    assert ended.code == 0, ended.err


def read_tables(project: Project) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table of the store but for what is of a run, each row once."""
    with sqlite3.connect(project.data(STORE)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    return {name: sorted({_strip(row) for row in found}, key=repr) for name, found in rows.items()}


def _strip(row: sqlite3.Row) -> tuple[Any, ...]:
    return tuple((name, _round(row[name])) for name in sorted(set(row.keys()) - OF_A_RUN))


def _round(value: Any) -> Any:
    return float(f"{value:.9g}") if isinstance(value, float) else value


def assert_as_undisturbed(killed: Project, undisturbed: Project) -> None:
    found, expected = read_tables(killed), read_tables(undisturbed)
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        assert found[table] == rows, table
    for table in (
        "monitoring_days",
        "monitoring_features",
        "monitoring_scores",
        "incident_days",
        "monitoring_verdicts",
    ):
        assert expected[table], table
    with sqlite3.connect(killed.data(STORE)) as connection:
        (open_alerts,) = connection.execute("SELECT count(*) FROM alerts").fetchone()
        sent = connection.execute("SELECT channel, event, delivered_at IS NOT NULL FROM alert_deliveries").fetchall()
        (expected_squares,) = connection.execute("SELECT min(expected) FROM monitoring_days WHERE labelled").fetchone()
    assert (open_alerts, sent) == (1, [("log", "raised", 1)])
    assert expected_squares > 0
    reports = [sorted(path.name for path in one.data(REPORTS).iterdir()) for one in (killed, undisturbed)]
    assert reports[0] == reports[1]
    verdicts = [json.loads(one.data(f"{REPORTS}/verdict.json").read_text()) for one in (killed, undisturbed)]
    assert verdicts[0] == verdicts[1]
    sums = [pq.read_table(one.data(f"{REPORTS}/daily_sums.parquet")) for one in (killed, undisturbed)]
    assert sums[0].equals(sums[1])


@pytest.fixture(scope="module")
def undisturbed(logged: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, int]:
    """What an undisturbed run leaves, and how many changes and commits it took."""
    project = Project.copy_of(logged, tmp_path_factory.mktemp("undisturbed") / "project")
    ((_, code, changes),) = (line.split() for line in run_killed(project, [0]))
    assert code == "0"
    run_once_more(project)
    return project, int(changes)


@pytest.mark.parametrize("place", ["amid the days of the log", "between the verdict's alert and its notification"])
def test_after_a_kill_one_more_run_leaves_what_an_undisturbed_one_leaves(
    logged: Project, undisturbed: tuple[Project, int], tmp_path: Path, place: str
) -> None:
    clean, changes = undisturbed
    project = Project.copy_of(logged, tmp_path / "project")
    assert run_killed(project, [changes // 3 if place.startswith("amid") else changes - 4]) == ["killed"]
    run_once_more(project)
    assert_as_undisturbed(project, clean)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_point_or_time_nothing_is_lost_or_doubled(
    logged: Project, undisturbed: tuple[Project, int], tmp_path: Path, seed: int
) -> None:
    clean, changes = undisturbed
    project = Project.copy_of(logged, tmp_path / "project")
    randomness = random.Random(seed)
    points = [randomness.randrange(1, changes) for _ in range(3)]
    points += [-randomness.randrange(100, 8000) for _ in range(2)]
    first, *others = points
    found = run_killed(project, [first, *randomness.sample(others, len(others))])
    assert found[0] == "killed", found  # a run after others has less to do, and may end before its point
    run_once_more(project)
    assert_as_undisturbed(project, clean)
