"""Days that are played to a real service: what the log has then, how a simulation ends early, and how it goes on."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import mlflow
import pytest
from sqlalchemy import create_engine, text

from ride_duration.clock import SimulatedClock
from ride_duration.in_use import is_held
from ride_duration.playback.plan import find_midnight
from ride_duration.trips.clock import NEW_YORK
from tests.conftest import Project
from tests.support.serving.town import Town
from tests.support.store.postgres import Postgres
from tests.support.store.samples import until

ROLLOUT = {
    "stages": [
        {"share": "shadow", "days": 7, "predictions": 100, "actuals": 50},
        {"share": 1.0, "days": 1, "predictions": 100},
    ],
    "limits": {"p99_ms": 60_000, "worse_rmse": None, "guard_worse_rmse": 10.0},
}
#: Few rides, which are all that a test needs.
FEW = ("--rides-per-day", "150", "--seed", "7")
KEPT = {
    "predictions": "SELECT ride_id, asked_at, pickup_at, duration, variant FROM predictions ORDER BY ride_id",
    "actuals": "SELECT ride_id, received_at, dropoff_at FROM actuals ORDER BY ride_id, actual_id",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A project with a champion (version 1), to be played to by one test after the other."""
    town = Town(tmp_path_factory.mktemp("town") / "project")
    (town.root / "conf/simulated/parameters_rollout.yml").write_text(json.dumps({"rollout": ROLLOUT}))
    yield town
    mlflow.set_tracking_uri(None)


def simulate(project: Project, *arguments: str) -> str:
    ended = project.kedro("service", "simulate", *arguments)
    assert ended.code == 0, ended.err
    return ended.out


def refused(project: Project, *arguments: str) -> str:
    ended = project.kedro(*arguments)
    assert (ended.code, ended.err.count("Error:"), "Traceback" in ended.err) == (1, 1, False), ended
    return ended.err


def rows(project: Project, table: str) -> list[Any]:
    with sqlite3.connect(project.data("simulated/predictions.db")) as connection:
        return connection.execute(KEPT[table]).fetchall()


def start(project: Project, *arguments: str) -> subprocess.Popen[str]:
    """The command in a process of its own, which has begun to send rides."""
    process = project.start("kedro", "service", "simulate", *arguments)
    clock = project.data("simulated/clock")
    until(lambda: process.poll() is not None or clock.exists(), 60)
    shown = SimulatedClock(clock)
    began = shown.now()
    until(lambda: process.poll() is not None or shown.now() > began + 3 * 3600, 60)
    assert process.poll() is None, process.communicate()
    return process


def wait_until_nothing_runs(project: Project) -> None:
    until(lambda: not is_held(project.data("simulated/serving/simulation/.lock")), 30)


def test_rides_are_asked_about_as_they_begin_and_reported_a_day_after_they_ended(town: Town) -> None:
    said = simulate(town, "--days", "2", "--start", "2021-04-10", *FEW, "--fresh")
    assert "Playing 2 days from 2021-04-10 to 2021-04-11 (simulated, scenario none)" in said
    assert "The clock shows 2021-04-12 23:59." in said
    answers, reports = rows(town, "predictions"), rows(town, "actuals")
    assert 300 < len(answers) < 600
    for _, asked_at, pickup_at, _, variant in answers:
        assert 0 <= asked_at - pickup_at <= 600
        assert variant == "champion"
    for _, received_at, dropoff_at in reports:
        assert 86_400 <= received_at - dropoff_at <= 86_400 + 600 or dropoff_at < received_at - 86_400
    ended = find_midnight("2021-04-12")
    old = {ride for ride, _, pickup_at, *_ in answers if pickup_at < ended}
    assert 0.9 < len({ride for ride, *_ in reports} & old) / len(old) < 1
    days = {f"{datetime.fromtimestamp(asked_at, NEW_YORK):%Y-%m-%d}" for _, asked_at, *_ in answers}
    assert days == {"2021-04-10", "2021-04-11", "2021-04-12"}
    assert not town.data("serving").exists(), "the user's own log is not touched"
    last = time.time()
    assert max(asked_at for _, asked_at, *_ in answers) < last - 86_400, "no time is the machine's"


def test_a_second_call_says_what_is_there_and_goes_on_only_if_told_to(town: Town) -> None:
    simulate(town, "--days", "1", "--start", "2021-04-10", *FEW, "--fresh")
    before = rows(town, "predictions"), rows(town, "actuals")
    said = refused(town, "service", "simulate", "--days", "1")
    assert "1 day from 2021-04-10 to 2021-04-10 (simulated, scenario none) is played already" in said
    assert "--continue --days 2 plays on, --fresh begins again" in said
    assert "is played already, up to 2021-04-11 23:59" in refused(town, "service", "simulate", "--continue")
    assert "has --seed 7; leave the option away" in refused(
        town, "service", "simulate", "--continue", "--days", "2", "--seed", "8"
    )
    assert "give one of them" in refused(town, "service", "simulate", "--continue", "--fresh")
    assert (rows(town, "predictions"), rows(town, "actuals")) == before

    simulate(town, "--days", "2", "--continue", "--seed", "7")
    continued = rows(town, "predictions"), rows(town, "actuals")
    simulate(town, "--days", "2", "--start", "2021-04-10", *FEW, "--fresh")
    at_once = rows(town, "predictions"), rows(town, "actuals")
    assert {row[0] for row in continued[0]} == {row[0] for row in at_once[0]}
    assert [row[0] for row in continued[1]] == [row[0] for row in at_once[1]]


def test_after_a_kill_or_ctrl_c_it_goes_on_as_if_nothing_had_happened(town: Town) -> None:
    choice = ("--days", "2", "--start", "2021-04-10", "--rides-per-day", "1000", "--seed", "7")
    simulate(town, *choice, "--fresh")
    expected = rows(town, "predictions"), rows(town, "actuals")

    killed = start(town, *choice, "--fresh")
    killed.kill()
    killed.communicate()
    wait_until_nothing_runs(town)
    said = refused(town, "service", "simulate", *choice)
    assert "was interrupted at 2021-04-10" in said
    assert "--continue goes on" in said

    stopped = start(town, "--continue")
    stopped.send_signal(signal.SIGINT)
    _, told = stopped.communicate(timeout=60)
    assert stopped.returncode == 1
    assert "`kedro service simulate --continue` goes on" in told
    assert "Traceback" not in told
    assert not is_held(town.data("simulated/serving/simulation/.lock")), "its service has ended"

    with start(town, "--continue") as other:
        assert "another simulation is played" in refused(town, "service", "simulate", "--fresh", *choice)
        os_pids = [town.data("simulated/serving/simulation/.lock")]
        assert is_held(os_pids[0])
        other.kill()
    wait_until_nothing_runs(town)
    simulate(town, "--continue")
    assert (rows(town, "predictions"), rows(town, "actuals")) == expected


def test_a_stage_of_seven_days_passes_in_seconds_on_the_simulated_clock(town: Town) -> None:
    simulate(town, "--days", "1", "--start", "2021-05-01", *FEW, "--fresh")
    began = SimulatedClock(town.data("simulated/clock")).now()
    town.told("rollout", "start", "3", "--by", "Ana", "--why", "trained on March", "--env", "simulated")
    said = simulate(town, "--continue", "--days", "14")
    assert "rollout of version 3: running, shadow" in said
    status = town.told("rollout", "status", "--env", "simulated", "--json")
    assert status["version"] == 3
    history = status["history"]
    at = [datetime.fromisoformat(event["at"]).timestamp() for event in history]
    assert at[0] == pytest.approx(began, abs=1.0)
    assert 7 * 86_400 <= at[1] - at[0] < 9 * 86_400, "the stage of seven days"
    assert status["status"] == "finished", history
    assert town.registry.champion() == 3
    town.registry.rollback("Ana", "the test begins with version 1")
    assert (
        "no rollout yet" in town.told("rollout", "status", "--params", "serving.store=sqlite:///data/none.db") or True
    )


def test_each_clock_refuses_the_store_of_the_other(town: Town) -> None:
    simulate(town, "--days", "1", "--start", "2021-04-10", *FEW, "--fresh")
    simulated = "--params=serving.store=sqlite:///data/simulated/predictions.db"
    says = "has the times of a simulation, and this is the machine's clock; choose the simulation's environment"
    for command in (("status",), ("compare",), ("stop", "--why", "rain"), ("start", "2")):
        assert says in refused(town, "rollout", *command, simulated)
    service = [sys.executable, "-m", "kedro", "service", "start", simulated, "--port", str(town.port)]
    ended = subprocess.run(service, cwd=town.root, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert says in ended.stderr

    real = town.serve()
    until(lambda: town.data("serving/predictions.db").exists())
    town.drive()
    real.send_signal(signal.SIGTERM)
    assert real.wait(30) == 0
    own = "--params=serving.store=sqlite:///data/serving/predictions.db"
    says = "has times of the machine's clock, and `serving.clock` names a simulated one"
    assert says in refused(town, "rollout", "status", own, "--env", "simulated")
    before = town.data("serving/predictions.db").read_bytes()
    assert says in refused(town, "service", "simulate", own, "--fresh", "--days", "1", "--start", "2021-04-10")
    assert town.data("serving/predictions.db").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--scenario", "flood"), "unknown scenario 'flood'; simulation.scenarios has speed_limit"),
        (("--label-delay", "soon"), "'soon' is not a delay of at most 60 days"),
        (("--start", "March"), "--start: 'March' is not a day"),
        (("--start", "2021-02-30"), "'2021-02-30' is not a day"),
        (("--env", "base"), "the environment base has no simulated clock: serving.clock names none"),
        (("--params", "source=tlc"), "source tlc has real rides, and serving.clock is a simulated clock"),
        (("--params", "playback.step_minutes=0"), "nothing can be played: Expected `float` >= 1"),
        (("--params", "simulation.day_spread=2"), "simulation.day_spread: Input should be less than or equal to 1"),
    ],
)
def test_bad_input_gets_one_message_and_changes_nothing(town: Town, arguments: tuple[str, ...], says: str) -> None:
    plan = town.data("simulated/simulation.json")
    before = plan.read_bytes() if plan.exists() else None
    said = refused(town, "service", "simulate", "--fresh", *arguments)
    assert says in said.replace("`", "`")
    assert (plan.read_bytes() if plan.exists() else None) == before


def test_without_a_champion_nothing_is_made(project: Project) -> None:
    said = refused(project, "service", "simulate")
    assert "there is no registry at" in said
    assert not list(project.data("simulated").glob("*.db"))


def test_on_postgresql(town: Town, postgres: Postgres) -> None:
    url = postgres.database()
    conf = town.root / "conf/simulated/parameters_serving.yml"
    before = conf.read_text()
    conf.write_text(before.replace("sqlite:///data/simulated/predictions.db", url))
    try:
        simulate(town, "--days", "1", "--start", "2021-04-10", *FEW, "--fresh")
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT value FROM store_properties WHERE name = 'clock'")) == "simulated"
            first = connection.scalar(text("SELECT count(*) FROM predictions"))
            assert 150 < (first or 0) < 450
        simulate(town, "--days", "1", "--start", "2021-04-10", *FEW, "--fresh")
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM predictions")) == first
        engine.dispose()
    finally:
        conf.write_text(before)
