"""`kedro monitor alerts | acknowledge | silence` on the alerts of a store."""

import json
import os
from collections.abc import Iterator

import click
import pytest
from sqlalchemy import text

from ride_duration.alerting.alert import Severity
from ride_duration.alerting.outbox import Outbox
from ride_duration.cli.alerts import read_until
from ride_duration.clock import REAL_CLOCK
from ride_duration.store.monitoring import open_monitoring
from tests.conftest import Project
from tests.support.alerting.samples import MODEL, make_alert, make_settings
from tests.support.alerting.webhook_receiver import WebhookReceiver
from tests.support.verdicts import write_verdict

NAMES = ("incident", "retrain")

#: What `kedro monitor status` shows.
SHOWN = {
    "figures": {}, "simulated": True, "verdict": "ok", "cause": "none", "version": 1, "taxi_type": "green",
    "first": "2021-03-01", "last": "2021-03-31", "moment": "at_request_time", "reasons": [], "incidents": [],
    "drifted": [], "separation": None, "missing": [], "report": "report.html", "next": "nothing to do", "labels": None,
}  # fmt: skip


@pytest.fixture
def store(project: Project) -> Iterator[Outbox]:
    """The store of a project whose webhook is switched on."""
    local = project.root / "conf/local"
    local.mkdir(exist_ok=True)
    (local / "parameters_alerting.yml").write_text("alerting: {channels: {webhook: {enabled: true}}}\n")
    engine = open_monitoring(f"sqlite:///{project.data('serving/predictions.db')}")
    yield Outbox(engine, make_settings("log", "webhook"))
    engine.dispose()


def test_alerts_are_listed_delivered_acknowledged_and_silenced(
    project: Project, store: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = project.kedro("monitor", "alerts")
    assert (ended.code, ended.out) == (0, "No alert is open.\nNext: `kedro monitor run` looks again.\n")
    now = REAL_CLOCK.now()
    alerts = [make_alert(), make_alert("incident", Severity.PAGE, cause="data", what="Meters\x1b[2J broke")]
    store.report(MODEL, NAMES, alerts, now)
    ended = project.kedro("monitor", "alerts")
    assert "sent to: log pending, webhook pending" in ended.out
    assert "\x1b" not in ended.out
    assert f"kedro monitor acknowledge {alerts[0].fingerprint}" in ended.out

    receiver = WebhookReceiver()
    monkeypatch.setitem(os.environ, "RIDE_DURATION_WEBHOOK_URL", f"{receiver.url}/secret-token")
    monkeypatch.delitem(os.environ, "RIDE_DURATION_WEBHOOK_SECRET", raising=False)
    ended = project.kedro("monitor", "alerts", "--deliver")
    assert (ended.code, ended.err.splitlines()[-1]) == (3, "Sent 2, could not send 1.")
    assert "webhook pending (the environment variable RIDE_DURATION_WEBHOOK_SECRET is not set)" in ended.out
    monkeypatch.setitem(os.environ, "RIDE_DURATION_WEBHOOK_SECRET", "secret-word")
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alert_deliveries SET next_attempt_at = 0"))
    ended = project.kedro("monitor", "alerts", "--deliver")
    assert (ended.code, ended.err.splitlines()[-1]) == (0, "Sent 2, could not send 0.")
    assert [one.json["data"]["name"] for one in receiver.requests] == ["incident", "retrain"]
    receiver.stop()
    assert "secret" not in ended.out + ended.err

    ended = project.kedro("monitor", "acknowledge", "retrain", "--why", "training", "--by", "Ana")
    assert ended.code == 0, ended.err
    assert ended.out == f"Acknowledged: {alerts[0].fingerprint} retrain of {MODEL}.\nNext: kedro run\n"
    ended = project.kedro("monitor", "silence", "data", "--until", "8h", "--why", "known", "--by", "Ana")
    assert ended.code == 0, ended.err
    listed = {one["name"]: one for one in json.loads(project.kedro("monitor", "alerts", "--json").out)}
    assert listed["retrain"]["acknowledged_by"] == "Ana"
    assert listed["retrain"]["silenced_until"] is None
    assert listed["incident"]["silenced_until"] is not None
    assert (listed["incident"]["delivered"], listed["incident"]["pending"]) == (["log", "webhook"], {})

    store.report(MODEL, ["incident"], [], now)
    with store.engine.begin() as connection:  # the notification that it is over was refused for a day
        values = "first_attempt_at = 0, refused_since = 0, next_attempt_at = 0"
        connection.execute(
            text(f"UPDATE alert_deliveries SET {values} WHERE channel = 'webhook' AND event = 'resolved'")
        )
    receiver = WebhookReceiver()
    receiver.status = 410
    monkeypatch.setitem(os.environ, "RIDE_DURATION_WEBHOOK_URL", receiver.url)
    ended = project.kedro("monitor", "alerts", "--deliver")
    receiver.stop()
    assert (ended.code, ended.err.splitlines()[-1]) == (3, "Sent 1, could not send 0, gave up 1.")
    assert "log delivered, webhook undeliverable (the webhook answered with status 410; refused for 24 h)" in ended.out
    write_verdict(f"sqlite:///{project.data('serving/predictions.db')}", MODEL, details=SHOWN)
    ended = project.kedro("monitor", "status")
    assert ended.code == 0, ended.err
    said = "Undeliverable: 1 of the alerts, to webhook; `kedro monitor alerts` says why."
    assert ended.out.splitlines()[-1] == said
    store.report(MODEL, NAMES, [], now + 60)
    assert "resolved" in project.kedro("monitor", "alerts", "--all").out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["acknowledge", "flood", "--why", "x"], "no open alert has the fingerprint, name or cause 'flood'"),
        (["acknowledge", "none", "--why", "x"], "no open alert has the fingerprint, name or cause 'none'"),
        (["acknowledge", "retrain", "--why", " "], "--why is blank"),
        (["silence", "flood", "--until", "3d", "--why", "x"], "not a name (incident, retrain"),
        (["silence", "retrain", "--until", "soon", "--why", "x"], "'soon' is not a time; write 30m"),
        (["silence", "retrain", "--until", "2001-01-01", "--why", "x"], "would end before it begins"),
    ],
)
def test_a_mistake_gets_one_message(project: Project, store: Outbox, command: list[str], message: str) -> None:
    store.report(MODEL, NAMES, [make_alert(cause="none")], 1_700_000_000.0)
    ended = project.kedro("monitor", *command)
    assert ended.code == 1
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_a_mistake_in_the_configuration_is_named(project: Project) -> None:
    assert "there is no prediction log" in project.kedro("monitor", "alerts").err
    (project.root / "conf/local").mkdir(exist_ok=True)
    (project.root / "conf/local/parameters_alerting.yml").write_text("alerting: {severities: {drift: page}}\n")
    ended = project.kedro("monitor", "alerts")
    assert ended.code == 1
    assert "alerting.severities.drift is page" in ended.err


def test_a_time_is_a_duration_or_a_date() -> None:
    assert read_until("30m", 0.0) == 1800
    assert read_until(" 3d", 100.0) == 100 + 3 * 86_400
    assert read_until("1970-01-02", 0.0) == 86_400
    assert read_until("1970-01-02 01:00+01:00", 0.0) == 86_400
    for wrong in ("", "h", "-3d", "٣d", "1e3h"):
        with pytest.raises(click.ClickException, match="is not a time"):
            read_until(wrong, 0.0)
