"""`kedro monitor`: scored months are judged, as text, data, report and exit code."""

import json
import shutil
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ride_duration.store.log_records import ActualRecord, PredictionRecord
from tests.conftest import Project
from tests.support.logged_rides import LogWriter

SCORED = "07_model_output/scored_trips/taxi_type=green/year=2021/month=02/part-0.parquet"


@pytest.fixture(scope="module")
def scored(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of a finished project that has scored a simulated month."""
    project = Project.copy_of(finished, tmp_path_factory.mktemp("monitored") / "project")
    ended = project.run("score_data=2021-02", "--pipelines=batch_scoring")
    assert ended.code == 0, ended.err
    return project


def slow_down(project: Project, factor: float) -> None:
    """Let all rides of the scored month have taken longer."""
    path = project.data(SCORED)
    table = pq.read_table(path, partitioning=None)
    longer = pc.multiply(table["actual_duration"], pa.scalar(factor))
    pq.write_table(table.set_column(table.column_names.index("actual_duration"), "actual_duration", longer), path)


def list_alerts(project: Project, *options: str) -> list[dict[str, Any]]:
    """The alerts that are open."""
    ended = project.kedro("monitor", "alerts", "--json", "--env=test", *options)
    assert ended.code == 0, ended.err
    listed: list[dict[str, Any]] = json.loads(ended.out)
    return listed


def test_a_quiet_month_is_ok_and_slower_streets_are_not(scored: Project) -> None:
    assert (
        "there is no verdict about green taxis (simulated) here" in scored.kedro("monitor", "status", "--env=test").err
    )
    ended = scored.kedro("monitor", "run", "--window=2021-02", "--env=test", "--exit-code")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Verdict: ok\nVersion 1 on green taxis, 2021-02-01 to 2021-02-28")
    assert "simulated" in ended.out
    verdict = json.loads(scored.data("08_reporting/verdict.json").read_text())
    assert (verdict["verdict"], verdict["drifted"], verdict["missing"]) == ("ok", [], [])
    assert list_alerts(scored) == []
    assert verdict["figures"]["error_ratio"][0] == pytest.approx(1.0, abs=0.08)
    page = scored.data("08_reporting/monitoring_report.html").read_text()
    assert "<h1 class=ok>ok" in page

    slow_down(scored, 1.12)
    ended = scored.kedro("monitor", "run", "--window=2021-02", "--env=test", "--exit-code")
    assert ended.code == 3, ended.err
    assert ended.out.startswith("Verdict: retrain (cause: level)")
    assert "Next: train on newer months" in ended.out
    (alert,) = list_alerts(scored)
    assert (alert["name"], alert["severity"], alert["cause"]) == ("retrain", "ticket", "level")
    assert (alert["delivered"], alert["pending"], alert["resolved_at"]) == (["log"], {}, None)
    assert alert["what"] == "The model needs retraining: version 1 on green taxis (cause: level)"
    again = scored.kedro("monitor", "status", "--env=test", "--exit-code")
    assert again.code == 3
    assert again.out.strip() in ended.out

    slow_down(scored, 1 / 1.12)
    ended = scored.kedro("monitor", "run", "--window=2021-02", "--env=test")
    assert ended.code == 0, ended.err
    assert list_alerts(scored) == []
    assert [alert["resolved_at"] is None for alert in list_alerts(scored, "--all")] == [False]


def test_a_change_that_is_accepted_is_what_days_are_compared_with(scored: Project, tmp_path: Path) -> None:
    project = Project.copy_of(scored, tmp_path / "rebased")
    shutil.rmtree(project.data("serving"), ignore_errors=True)
    rebase = ("monitor", "rebase", "--env=test", "--by=Ana", "--why=the limit stays")
    early = project.kedro(*rebase)
    assert early.code == 1
    assert "there is no verdict yet whose change could be accepted" in early.err
    assert not project.data("serving/predictions.db").exists()
    assert project.kedro(*rebase[:-1]).code == 2
    slow_down(project, 1.12)
    run = ("monitor", "run", "--window=2021-02", "--env=test", "--exit-code")
    assert project.kedro(*run).code == 3
    ended = project.kedro(*rebase)
    assert ended.code == 0, ended.err
    assert "Version 1 is compared from 2021-02-01 on, with the level 1." in ended.out
    assert "Next: `kedro monitor run --window 2021-02 --env test`" in ended.out
    status = project.kedro("monitor", "status", "--env=test").out
    assert "The next official verdict compares from 2021-02-01 on" in status
    twice = project.kedro(*rebase)
    assert twice.code == 1
    assert "Ana has already accepted" in twice.err
    assert "Traceback" not in twice.err
    ended = project.kedro(*run)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Verdict: ok")
    assert "by Ana because: the limit stays" in ended.out
    status = project.kedro("monitor", "status", "--env=test").out
    assert "by Ana because: the limit stays" in status
    assert "The next official verdict" not in status
    assert list_alerts(project) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--window=2021-03"],
            "has not been scored by ride-duration-green-simulated; run `kedro run",
        ),
        (["--window=2021-13"], "window"),
        (["--window="], "--window is empty; write last_28d"),
        (["--params=monitored_moment=later"], "at_request_time"),
        (["--window=2021-02", "--params=window=2021-02"], "gives 'window' twice"),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_message(scored: Project, options: list[str], message: str) -> None:
    before = scored.data("08_reporting/verdict.json").read_bytes()
    ended = scored.kedro("monitor", "run", "--env=test", *options)
    assert ended.code == 1
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert scored.data("08_reporting/verdict.json").read_bytes() == before


def test_calibration_prints_each_step_and_ends_by_what_it_found(finished: Project, project: Project) -> None:
    ended = finished.kedro("monitor", "calibrate", "--env=test", "--references=40", "--windows=40", "--check")
    assert ended.code == 0, ended.out + ended.err
    assert "and in enough windows" in ended.out
    assert "All within bounds" in ended.out
    assert "other rides: 40 of 40" in ended.err
    strict = finished.kedro(
        "monitor", "calibrate", "--env=test", "--references=20", "--windows=40", "--check",
        "--params=verdict_thresholds.log_level=0.001,verdict_thresholds.min_gain=0.0",
    )  # fmt: skip
    assert strict.code == 1
    assert "Out of bounds: retrain or incident is said of" in strict.out
    empty = project.kedro("monitor", "calibrate", "--env=test")
    assert empty.code == 1
    assert "there is no champion whose reference could be drawn from; `kedro run --env test` releases" in empty.err


LOG = ["--window=2021-02-01..2021-02-28", "--params=verdict_thresholds.min_rides=1000"]


def write_log(project: Project) -> int:
    """Log some of the scored trips as the service would have answered them, with reports an hour after the drop-off."""
    trips = pq.read_table(project.data(SCORED), partitioning=None).to_pandas()
    in_month = trips["lpep_pickup_datetime"].dt.strftime("%Y-%m") == "2021-02"
    trips = trips[trips["actual_duration"].between(1, 60) & in_month].iloc[::20]
    model = str(trips["model"].iloc[0])
    records: list[PredictionRecord | ActualRecord] = []
    for trip in trips.to_dict("records"):
        ride, when = trip["ride_id"], trip["lpep_pickup_datetime"].to_pydatetime()
        at = when.replace(tzinfo=UTC).timestamp() + 5 * 3600
        answer = [float(trip[f"{name}_without_distance"]) for name in ("predicted", "lower", "upper")]
        ends = (int(trip["PULocationID"]), int(trip["DOLocationID"]))
        records.append(
            PredictionRecord(f"p-{ride}", ride, at, when, *ends, None, *answer, 1, "champion", 0.5, model, at)
        )
        minutes, miles = float(trip["actual_duration"]), float(trip["trip_distance"])
        records.append(ActualRecord(f"a-{ride}", ride, at + 60 * minutes + 3600, minutes, None, None, miles))
    writer = LogWriter(f"sqlite:///{project.data('serving/predictions.db')}")
    writer.write(records)
    writer.close()
    return len(trips)


def test_what_the_service_logged_is_judged_as_scored_months_are(scored: Project) -> None:
    before = scored.data("08_reporting/verdict.json").read_bytes()
    LogWriter(f"sqlite:///{scored.data('serving/predictions.db')}").close()  # a service that has answered nothing yet
    nothing = scored.kedro("monitor", "run", "--env=test", *LOG)
    assert nothing.code == 1
    assert "the service logged no predictions of ride-duration-green-simulated for rides from 2021-02-01" in nothing.err
    assert "Traceback" not in nothing.err
    assert scored.data("08_reporting/verdict.json").read_bytes() == before

    rides = write_log(scored)
    ended = scored.kedro("monitor", "run", "--env=test", *LOG)
    assert ended.code == 0, ended.err
    assert "Version 1 on green taxis, 2021-02-01 to 2021-02-28, answers at request time, simulated" in ended.out
    assert f"Labels: 100.0% of {rides:,} rides" in ended.out
    assert "Label delay after the drop-off: p50 <= 1.07 h" in ended.out
    assert "28 days final" in ended.out
    verdict = json.loads(scored.data("08_reporting/verdict.json").read_text())
    assert verdict["figures"]["expected_rmse"][0] > 3
    assert verdict["missing"] == ["drift of answers with the metered distance: too few of the logged rides have it"]
    assert "Labels: reports of actual durations" in scored.data("08_reporting/monitoring_report.html").read_text()
    sums = pq.read_table(scored.data("08_reporting/daily_sums.parquet")).to_pandas()
    every = sums[sums["slice"] == "all"].groupby("moment")["labelled"].sum()
    assert dict(every) == {"at_request_time": rides, "with_distance": rides}  # the metered distance came with reports

    assert scored.kedro("monitor", "status", "--env=test").out.strip() in ended.out
    history = json.loads(scored.kedro("monitor", "history", "--env=test", "--json").out)
    assert (history[0]["evidence"], {entry["evidence"] for entry in history[1:]}) == ("log", {"scored"})
    assert (history[0]["window"], history[0]["verdict"]) == ("2021-02-01..2021-02-28", verdict["verdict"])
    assert history[-1]["verdict"] == "ok"
    assert "retrain" in scored.kedro("monitor", "history", "--env=test").out


def test_a_fault_in_a_copy_of_the_log_is_found_and_the_log_stays(scored: Project, tmp_path: Path) -> None:
    project = Project.copy_of(scored, tmp_path / "rehearsed")
    shutil.rmtree(project.data("serving"), ignore_errors=True)
    write_log(project)
    log = project.data("serving/predictions.db")
    before = log.read_bytes()
    inject = ("monitor", "inject", "--env=test", "--fault=speed_limit", "--start=2021-02-01", "--to=data/rehearsal.db")
    ended = project.kedro(*inject)
    assert ended.code == 0, ended.err
    assert "speed_limit (strength 0.12) from 2021-02-01 on is in the copy data/rehearsal.db: 28 days" in ended.out
    assert log.read_bytes() == before
    again = project.kedro(*inject)
    assert again.code == 1
    assert "is there already; name a store that is not" in again.err
    for option, message in (("--start=2022-01-01", "no rides are logged on these days"), ("--start=x", "is not a day")):
        refused = project.kedro(*inject[:4], option, "--to=data/other.db")
        assert refused.code == 1
        assert message in refused.err
        assert not project.data("other.db").exists()
    real = f"--params=serving.store=sqlite:///{project.data('rehearsal.db')}"
    refused = project.kedro("monitor", "run", "--env=test", "--window=2021-02-01..2021-02-28", real)
    assert refused.code == 1
    assert "has the times of a simulation, and this is the machine's clock" in refused.err
    *command, given = ended.out.split("Next: `kedro ")[1].split("`")[0].split()
    ended = project.kedro(*command, f"{given},verdict_thresholds.min_rides=1000")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Verdict: retrain (cause: level)")
    assert "answers of version 1 agree with its package" in ended.out


def test_the_live_level_is_computed_by_a_command(scored: Project) -> None:
    """Rides of past years say nothing of today's traffic: the level is 1."""
    write_log(scored)
    ended = scored.kedro("monitor", "level", "--once", "--env=test")
    assert ended.code == 0, ended.err
    assert "version 1: level 1.0000, 0 rides became known" in ended.out
    again = scored.kedro("monitor", "level", "--once", "--env=test")
    assert again.code == 0, again.err
    # another quarter of an hour may have begun meanwhile
    assert "are published already; nothing was done" in again.out or "version 1: level 1.0000, 0 rides" in again.out
    assert "Next: `kedro monitor level --env test` goes on with it." in again.err
    refused = scored.kedro("monitor", "level", "--once", "--env=test", "--params=level.pseudo_rides=0")
    assert refused.code == 1
    assert "the live level cannot be computed: the half-life and the pseudo-rides of the level" in refused.err
    assert "Traceback" not in refused.err
