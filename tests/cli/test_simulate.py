"""Days that are played to a real service: what the log has then, how a simulation ends early, and how it goes on."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import mlflow
import pytest
from filelock import FileLock
from sqlalchemy import create_engine, text

from ride_duration.clock import SimulatedClock
from ride_duration.store.database import migrate, open_writing_engine
from ride_duration.trips.clock import NEW_YORK, find_midnight
from tests.conftest import Project
from tests.support.playback import Theatre
from tests.support.store.postgres import Postgres
from tests.support.store.samples import until

#: Few rides, which are all that a test needs.
FEW = ("--start", "2021-04-10", "--rides-per-day", "400", "--seed", "7")

Log = tuple[list[Any], list[Any]]


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """One for all tests, which find in it what the one before has left."""
    yield Theatre(tmp_path_factory.mktemp("theatre") / "project")
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def undisturbed(theatre: Theatre) -> Log:
    """The log of two days that nothing has interrupted."""
    said = theatre.simulate("--days", "2", *FEW, "--fresh")
    assert "Playing 2 days from 2021-04-10 to 2021-04-11 (simulated, scenario none)" in said
    assert "The clock shows 2021-04-12 23:59." in said
    return theatre.log


def test_rides_are_asked_about_as_they_begin_and_reported_a_day_after_they_ended(
    theatre: Theatre, undisturbed: Log
) -> None:
    answers, reports = undisturbed
    assert 900 < len(answers) < 1_500
    begun = {ride: pickup_at for ride, _, pickup_at, *_ in answers}
    assert len(begun) == len(answers)
    for _, asked_at, pickup_at, _, variant in answers:
        assert 0 <= asked_at - pickup_at <= 600
        assert variant == "champion"
    for ride, received_at, dropoff_at in reports:
        assert 0 <= received_at - max(dropoff_at, begun[ride]) - 86_400 <= 601  # drop-offs are kept in whole seconds
    old = {ride for ride, pickup_at in begun.items() if pickup_at < find_midnight("2021-04-12")}
    assert 0.9 < len({ride for ride, *_ in reports} & old) / len(old) < 1, "some are never reported"
    days = {f"{datetime.fromtimestamp(asked_at, NEW_YORK):%Y-%m-%d}" for _, asked_at, *_ in answers}
    assert days == {"2021-04-10", "2021-04-11", "2021-04-12"}
    assert not theatre.data("serving").exists(), "the user's own log is not touched"


def test_a_second_call_says_what_is_there_and_goes_on_only_if_told_to(theatre: Theatre, undisturbed: Log) -> None:
    theatre.simulate("--days", "1", *FEW, "--fresh")
    before = theatre.log
    said = theatre.refused("service", "simulate", "--days", "1")
    assert "1 day from 2021-04-10 to 2021-04-10 (simulated, scenario none) is played already" in said
    assert "--continue --days 2 plays on, --fresh begins again" in said
    assert "is played already, up to 2021-04-11 23:59" in theatre.refused("service", "simulate", "--continue")
    said = theatre.refused("service", "simulate", "--continue", "--days", "2", "--seed", "8")
    assert "has --seed 7; leave the option away" in said
    assert "give one of them" in theatre.refused("service", "simulate", "--continue", "--fresh")
    assert theatre.log == before

    theatre.simulate("--days", "2", "--continue", "--seed", "7")
    assert theatre.log[0][: len(before[0])] == before[0]
    for played_on, at_once in zip(theatre.log, undisturbed, strict=True):
        assert [row[0] for row in played_on] == [row[0] for row in at_once]


def test_after_a_kill_or_ctrl_c_it_goes_on_as_if_nothing_had_happened(theatre: Theatre, undisturbed: Log) -> None:
    code, _ = theatre.interrupt(signal.SIGKILL, "--days", "2", *FEW)
    assert code == -signal.SIGKILL
    until(lambda: not theatre.is_serving)
    said = theatre.refused("service", "simulate", "--days", "2")
    assert "was interrupted at 2021-04-1" in said
    assert "--continue goes on" in said

    theatre.simulate("--continue")
    assert theatre.log == undisturbed

    code, said = theatre.interrupt(signal.SIGINT, "--days", "2", *FEW)
    assert code == 1
    assert "`kedro service simulate --continue` goes on" in said
    assert "Traceback" not in said
    assert not theatre.is_serving

    theatre.simulate("--continue")
    assert theatre.log == undisturbed


def test_one_simulation_at_a_time(theatre: Theatre) -> None:
    with FileLock(theatre.data("simulated/.simulate.lock")):
        assert "another simulation is played" in theatre.refused("service", "simulate", "--fresh")


def test_a_stage_of_seven_days_passes_in_seconds(theatre: Theatre) -> None:
    said = theatre.simulate("--days", "1", "--rides-per-day", "150", "--fresh")
    assert "Playing 1 day from 2021-04-01" in said, "the day after the months that the champion knows"
    began = SimulatedClock(theatre.data("simulated/clock")).now()
    theatre.succeed("rollout", "start", "2", "--by", "Ana", "--why", "trained on March", "--env", "simulated")
    said = theatre.simulate("--continue", "--days", "14")
    assert "rollout of version 2: running, shadow" in said
    status = json.loads(theatre.succeed("rollout", "status", "--env", "simulated", "--json"))
    assert (status["version"], status["status"]) == (2, "finished"), status["history"]
    with sqlite3.connect(theatre.data("simulated/predictions.db")) as connection:
        [history] = connection.execute("SELECT history FROM rollouts").fetchone()
    at = [event["at"] for event in json.loads(history)]
    assert at[0] == began
    assert 7 * 86_400 <= at[1] - at[0] <= 8 * 86_400 + 1
    assert 86_400 <= at[2] - at[1] <= 2 * 86_400 + 1
    assert theatre.registry.champion() == 2
    theatre.registry.rollback("Ana", "the other tests begin with version 1")


@pytest.mark.usefixtures("undisturbed")
def test_each_clock_refuses_the_store_of_the_other(theatre: Theatre) -> None:
    simulated = "--params=serving.store=sqlite:///data/simulated/predictions.db"
    says = "has the times of a simulation, and this is the machine's clock; choose the simulation's environment"
    for command in (["status"], ["compare"], ["stop", "--why", "rain"], ["start", "2", "--by", "Ana", "--why", "new"]):
        assert says in theatre.refused("rollout", *command, simulated)
    service = [sys.executable, "-m", "kedro", "service", "start", simulated]
    ended = subprocess.run(service, cwd=theatre.root, capture_output=True, text=True, timeout=300, check=False)
    assert (ended.returncode, says in ended.stderr, "Traceback" in ended.stderr) == (1, True, False), ended.stderr

    own = theatre.data("own.db")
    engine = open_writing_engine(f"sqlite:///{own}")
    migrate(engine)
    engine.dispose()
    before = own.read_bytes()
    real = f"--params=serving.store=sqlite:///{own}"
    says = "has times of the machine's clock, and `serving.clock` names a simulated one"
    assert says in theatre.refused("rollout", "status", real, "--env", "simulated")
    assert says in theatre.refused("service", "simulate", real, "--fresh", "--days", "1")
    assert own.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--scenario", "flood"], "unknown scenario 'flood'; simulation.scenarios has speed_limit"),
        (["--label-delay", "soon"], "'soon' is not a delay of at most 60 days"),
        (["--start", "March"], "--start: 'March' is not a day"),
        (["--start", "2021-02-30"], "'2021-02-30' is not a day"),
        (["--env", "base"], "the environment base has no simulated clock: serving.clock names none"),
        (["--params", "source=tlc"], "source tlc has real rides, and serving.clock is a simulated clock"),
        (
            ["--params", "playback.step_minutes=0"],
            "nothing can be played: Expected float >= 1.0 - at playback.step_minutes",
        ),
        (["--params", "simulation.day_spread=2"], "simulation.day_spread: Input should be less than or equal to 1"),
    ],
)
def test_bad_input_gets_one_message_and_changes_nothing(theatre: Theatre, arguments: list[str], says: str) -> None:
    plan = theatre.data("simulated/simulation.json")
    before = plan.read_bytes() if plan.exists() else None
    assert says in theatre.refused("service", "simulate", "--fresh", *arguments)
    assert (plan.read_bytes() if plan.exists() else None) == before


def test_without_a_champion_nothing_is_made(project: Project) -> None:
    ended = project.kedro("service", "simulate")
    assert ended.code == 1
    assert "there is no registry at sqlite:///data/mlflow/mlflow.db; `kedro run` makes one" in ended.err
    assert [path.name for path in project.data("simulated").iterdir()] == [".simulate.lock"]


@pytest.mark.usefixtures("undisturbed")
def test_a_store_whose_plan_is_gone_is_not_played_on(theatre: Theatre) -> None:
    before = theatre.log
    theatre.data("simulated/simulation.json").unlink()
    said = theatre.refused("service", "simulate", "--days", "1", *FEW)
    assert "has answers of a simulation whose plan" in said
    assert "--fresh removes them" in said
    assert "nothing was played yet" in theatre.refused("service", "simulate", "--continue")
    assert theatre.log == before


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.end()


def test_on_postgresql(theatre: Theatre, postgres: Postgres) -> None:
    url = postgres.database()
    conf = theatre.root / "conf/simulated/parameters_serving.yml"
    before = conf.read_text()
    conf.write_text(before.replace("sqlite:///data/simulated/predictions.db", url))
    engine = create_engine(url)
    try:
        counts = []
        for _ in range(2):  # the second one removes what the first one has left
            theatre.simulate("--days", "1", *FEW, "--fresh")
            with engine.connect() as connection:
                counts.append(connection.scalar(text("SELECT count(*) FROM predictions")))
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT value FROM store_properties WHERE name = 'clock'")) == "simulated"
    finally:
        conf.write_text(before)
        engine.dispose()
    assert counts[0] == counts[1] > 150
