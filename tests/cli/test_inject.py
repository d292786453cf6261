"""`kedro monitor inject`: which days of the log are rehearsed, and what comes along."""

from datetime import datetime

from ride_duration.clock import ClockKind, start_clock
from ride_duration.store.monitoring import MARKED, IncidentDay, load_marks, mark_days, open_monitoring
from ride_duration.trips.clock import NEW_YORK
from tests.conftest import Project
from tests.support.alerting.samples import MODEL
from tests.support.logged_rides import LogWriter, make_log

INJECT = ("monitor", "inject", "--env=simulated", "--fault=speed_limit")


def stand_at(project: Project, day: int) -> None:
    start_clock(project.data("simulated/clock"), datetime(2021, 2, day, 12, tzinfo=NEW_YORK).timestamp())


def test_days_that_are_over_are_rehearsed_and_marks_come_along(project: Project) -> None:
    project.data("simulated").mkdir(parents=True)
    stand_at(project, 5)
    url = f"sqlite:///{project.data('simulated/predictions.db')}"
    writer = LogWriter(url, ClockKind.SIMULATED)
    writer.write([arrival.record for arrival in make_log(MODEL, days=5, rides=4)])
    writer.close()
    engine = open_monitoring(url, ClockKind.SIMULATED)
    mark = IncidentDay("2021-02-02", MARKED, "", 1.0, "Ana", "parade")
    mark_days(engine, MODEL, "2021-02-02", "2021-02-02", [mark])
    engine.dispose()

    project.data("today.db.partial").write_bytes(b"what a run that was killed has left")
    ended = project.kedro(*INJECT, "--to=data/today.db")
    assert ended.code == 0, ended.err
    assert not list(project.data("").glob("*.partial*"))
    assert "speed_limit (strength 0.12) from 2021-02-01 on is in the copy data/today.db: 5 days" in ended.out
    assert "Next: `kedro monitor run --env simulated --window last_28d --params=" in ended.out
    copy = open_monitoring(f"sqlite:///{project.data('today.db')}", ClockKind.SIMULATED)
    assert load_marks(copy, MODEL) == [mark]
    copy.dispose()

    stand_at(project, 9)
    ended = project.kedro(*INJECT, "--to=data/later.db")
    assert ended.code == 0, ended.err
    assert "--window 2021-01-09..2021-02-05 --params=" in ended.out

    stand_at(project, 1)
    refused = project.kedro(*INJECT, "--to=data/early.db")
    assert refused.code == 1
    assert "logged no predictions of ride-duration-green-simulated on a day that is over" in refused.err
    assert not project.data("early.db").exists()
