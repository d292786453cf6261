"""Days played to the champion of a real run, and what the monitoring says about them, in a place of their own."""

import json
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.conftest import Project

#: Days until records begin to come twice.
ONSET = 8


@pytest.fixture(scope="module")
def played(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.copy_of(finished, tmp_path_factory.mktemp("played") / "project")
    choice = ("--scenario", "doubled_records", f"--params=simulation.scenarios.doubled_records.start={ONSET}")
    ended = project.kedro("service", "simulate", "--days", "3", "--rides-per-day", "300", *choice)
    assert ended.code == 0, ended.err
    assert "Played 3 days from" in ended.out
    assert "Verdict: insufficient" in ended.out
    assert "data/simulated/reports/monitoring_report.html" in ended.out
    assert "`kedro monitor status --env simulated` shows this again" in ended.out
    return project


def test_the_verdict_about_played_days_takes_the_place_of_no_other(played: Project) -> None:
    verdict = json.loads(played.data("simulated/reports/verdict.json").read_text())
    plan = json.loads(played.data("simulated/simulation.json").read_text())
    assert (verdict["verdict"], verdict["evidence"], verdict["first"]) == ("insufficient", "log", plan["start"])
    assert verdict["figures"]["labelled"][0] > 0.9
    assert 0.8 < verdict["figures"]["level"][0] < 1.25
    left = {path.name for path in played.data("08_reporting").iterdir()}
    assert not left & {"verdict.json", "monitoring_report.html", "daily_sums.parquet", "monitored_days_plot.json"}
    assert played.kedro("monitor", "status", "--env", "simulated", "--exit-code").code == 5
    of_the_project = played.kedro("monitor", "status")
    assert of_the_project.code == 1
    assert "there is no verdict about green taxis (simulated) here" in of_the_project.err


def test_played_rides_are_answered_again_with_the_metered_distance(played: Project) -> None:
    asked = "SELECT moment, SUM(labelled) FROM monitoring_days WHERE slice = 'all' GROUP BY moment"
    with closing(sqlite3.connect(played.data("simulated/predictions.db"))) as store:
        labelled = dict(store.execute(asked).fetchall())
    assert 0.9 * labelled["at_request_time"] < labelled["with_distance"] <= labelled["at_request_time"]


def test_the_monitoring_refuses_the_store_of_the_other_clock(played: Project) -> None:
    store = f"serving.store=sqlite:///{played.data('simulated/predictions.db')}"
    before = Path(played.data("simulated/predictions.db")).read_bytes()
    ended = played.kedro("monitor", "run", "--window", "last_28d", "--params", store)
    assert ended.code == 1
    assert "has the times of a simulation, and this is the machine's clock" in ended.err
    assert "Traceback" not in ended.err
    assert played.data("simulated/predictions.db").read_bytes() == before


def test_a_fault_that_begins_while_days_are_played_is_the_incident_that_it_is(played: Project, tmp_path: Path) -> None:
    project = Project.copy_of(played, tmp_path / "project")
    gone_on = project.kedro("service", "simulate", "--no-monitor", "--continue", "--days", str(ONSET + 2))
    assert gone_on.code == 0, gone_on.err
    monitored = project.kedro("monitor", "run", "--env", "simulated", "--window", "last_28d")
    assert monitored.code == 0, monitored.err
    verdict = json.loads(project.data("simulated/reports/verdict.json").read_text())
    start = date.fromisoformat(verdict["first"])
    assert verdict["official"]
    assert (verdict["verdict"], verdict["cause"]) == ("incident", "data")
    assert verdict["incidents"] == [str(start + timedelta(days=day)) for day in (ONSET, ONSET + 1)]
    assert "of the records repeat another one" in verdict["broken"][0]
