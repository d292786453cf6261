"""`kedro monitor mark`: days that a person leaves out."""

from datetime import date

import click
import pytest

from ride_duration.cli.marks import read_days
from ride_duration.store.monitoring import IncidentDay, load_decisions, load_incident_days, open_monitoring
from ride_duration.store.monitoring import replace_incident_days as replace
from tests.conftest import Project
from tests.support.alerting.samples import MODEL


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ("2021-03-01", date(2021, 3, 1), date(2021, 3, 1)),
        ("2021-02-27..2021-03-02", date(2021, 2, 27), date(2021, 3, 2)),
    ],
)
def test_days_are_read(given: str, first: date, last: date) -> None:
    assert read_days(given, "2021-03-02") == (first, last)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("yesterday", "'yesterday' is not a day; write 2026-11-26"),
        ("2021-02-30", "not in the calendar"),
        ("2021-03-02..2021-03-01", "ends before it begins"),
        ("2021-03-01..2021-03-03", "2021-03-03 has not begun (today is 2021-03-02 in New York)"),
    ],
)
def test_other_texts_are_refused(given: str, message: str) -> None:
    with pytest.raises(click.ClickException) as refused:
        read_days(given, "2021-03-02")
    assert message in refused.value.message


def test_days_are_marked_again_and_cleared(project: Project) -> None:
    nothing = project.kedro("monitor", "mark", "2021-03-05", "--why", "strike", "--by", "Ana")
    assert nothing.code == 1
    assert "there is no store of predictions and verdicts yet" in nothing.err
    assert not project.data("serving/predictions.db").exists()

    engine = open_monitoring(f"sqlite:///{project.data('serving/predictions.db')}")
    found = IncidentDay("2021-03-05", "level", "", 1.0, "monitoring")
    replace(engine, MODEL, "2021-03-01", "2021-03-31", "monitoring", [found])
    ended = project.kedro("monitor", "mark", "2021-03-05..2021-03-07", "--why", "strike", "--by", "Ana")
    assert ended.code == 0, ended.err
    assert "Marked by Ana: 2021-03-05 to 2021-03-07, 3 days." in ended.out
    assert "decides without them" in ended.out
    ended = project.kedro("monitor", "mark", "2021-03-07", "--why", "parade", "--by", "Ben")
    assert ended.code == 0, ended.err
    rows = [(one.day, one.kind, one.by, one.why) for one in load_incident_days(engine, MODEL)]
    assert rows == [
        ("2021-03-05", "level", "monitoring", ""), ("2021-03-05", "marked", "Ana", "strike"),
        ("2021-03-06", "marked", "Ana", "strike"), ("2021-03-07", "marked", "Ben", "parade"),
    ]  # fmt: skip
    ended = project.kedro("monitor", "mark", "2021-03-01..2021-03-06", "--clear", "--why", "no strike", "--by", "Ana")
    assert "2 marked days from 2021-03-01 to 2021-03-06 count again." in ended.out
    assert "decides with them" in ended.out
    assert [(one.day, one.kind) for one in load_incident_days(engine, MODEL)] == [
        ("2021-03-05", "level"),
        ("2021-03-07", "marked"),
    ]
    decisions = load_decisions(engine, MODEL)
    assert [(one.kind, one.by, one.why) for one in decisions] == [
        ("unmark", "Ana", "no strike"), ("mark", "Ben", "parade"), ("mark", "Ana", "strike")
    ]  # fmt: skip
    engine.dispose()
