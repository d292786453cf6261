"""No notification is lost, and none that was acknowledged is sent again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from ride_duration.alerting.alert import Notification, Severity
from ride_duration.alerting.channels import WebhookChannel, make_channels
from ride_duration.alerting.configuration import WebhookSettings
from ride_duration.alerting.decisions import list_alerts
from ride_duration.alerting.delivery import Deliveries, count_notifications, deliver_due
from ride_duration.alerting.outbox import Outbox
from ride_duration.playback.service_process import find_free_port
from ride_duration.store.alert_tables import alert_deliveries
from ride_duration.store.database import open_writing_engine
from ride_duration.store.monitoring import open_monitoring
from tests.support.alerting.samples import MODEL, make_alert, make_settings
from tests.support.alerting.webhook_receiver import WebhookReceiver

NAMES = ("incident", "retrain", "drift", "watch")
START = 1_700_000_000.0


@pytest.fixture
def outbox(store_url: str) -> Iterator[Outbox]:
    made = Outbox(open_monitoring(store_url), make_settings("webhook"))
    yield made
    made.close()


def webhook(url: str, **changes: float) -> WebhookChannel:
    settings = WebhookSettings(enabled=True, url_variable="URL", secret_variable="", **changes)  # type: ignore[arg-type]
    return WebhookChannel(settings, {"URL": url})


def test_a_webhook_that_is_down_for_an_hour_loses_nothing_and_gets_nothing_twice(
    outbox: Outbox, receiver: WebhookReceiver
) -> None:
    """Refuses connections, answers 500, hangs, and is back; alerts come and go meanwhile. All by the clock."""
    away, here = f"http://127.0.0.1:{find_free_port()}", receiver.url
    wanted: list[tuple[str, str]] = []
    now, url = START, here

    def tick(*alerts: str) -> None:
        outbox.report(MODEL, NAMES, [make_alert(name) for name in alerts], now)
        deliver_due(outbox, {"webhook": webhook(url, timeout_seconds=0.5)}, lambda: now)

    tick("retrain")
    assert [one.json["type"] for one in receiver.acknowledged] == ["alert.raised"]
    for minute in range(0, 60, 2):
        url = away if minute < 30 else here
        receiver.status = 503 if minute < 58 else 200
        now = START + 60 * minute
        tick(*(["retrain", "incident"] if minute < 20 else ["incident"]))
    wanted = [("alert.raised", "retrain"), ("alert.raised", "incident"), ("alert.resolved", "retrain")]
    for _ in range(12):  # the longest pause of the backing off is a quarter of an hour
        now += 300
        tick("incident")
    got = [(one.json["type"], one.json["data"]["name"]) for one in receiver.acknowledged]
    assert sorted(got) == sorted(wanted)
    assert len({one.key for one in receiver.acknowledged}) == len(receiver.acknowledged)
    assert len(receiver.requests) < 60  # it was not hammered
    assert all(not one.pending for one in list_alerts(outbox.engine, now, include_resolved=True))


def test_attempts_have_one_key_and_one_body(outbox: Outbox, receiver: WebhookReceiver) -> None:
    receiver.status = 500
    now = START
    for number in range(4):
        outbox.report(MODEL, NAMES, [make_alert(how_bad=f"level 1.{number}")], now)
        deliver_due(outbox, {"webhook": webhook(receiver.url)}, lambda at=now: at)  # type: ignore[misc]
        now += 1000
    assert len(receiver.requests) == 4
    assert len({(one.key, one.body) for one in receiver.requests}) == 1


def test_two_processes_send_each_notification_once(outbox: Outbox, receiver: WebhookReceiver, store_url: str) -> None:
    for number in range(20):
        outbox.report(f"{MODEL}-{number}", NAMES, [make_alert(subject=f"{MODEL}-{number}")], START)

    def deliver(_: int) -> Deliveries:
        other = Outbox(open_monitoring(store_url), outbox.settings)
        try:
            return deliver_due(other, {"webhook": webhook(receiver.url)}, lambda: START)
        finally:
            other.close()

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(deliver, range(3)))
    assert sum(one.delivered for one in done) == len(receiver.requests) == 20
    assert len({one.key for one in receiver.requests}) == 20


_SENDER = """
import sys, time
from ride_duration.alerting.channels import make_channels
from ride_duration.alerting.delivery import deliver_due
from ride_duration.alerting.outbox import Outbox
from ride_duration.store.monitoring import open_monitoring
from tests.support.alerting.samples import make_settings

outbox = Outbox(open_monitoring(sys.argv[1]), make_settings("webhook"))
deliver_due(outbox, make_channels(outbox.settings), lambda: float(sys.argv[2]))
"""


def test_a_kill_between_sending_and_marking_sends_again_under_the_same_key(
    outbox: Outbox, receiver: WebhookReceiver, store_url: str
) -> None:
    outbox.report(MODEL, NAMES, [make_alert()], START)
    receiver.pause.clear()  # it has the request, and the sender no answer
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "RIDE_DURATION_WEBHOOK_URL": receiver.url,
        "RIDE_DURATION_WEBHOOK_SECRET": "secret",
    }  # fmt: skip
    sender = subprocess.Popen([sys.executable, "-c", _SENDER, store_url, str(START)], env=environment)
    receiver.wait_for(1)
    sender.kill()
    sender.wait()
    receiver.pause.set()
    channels = {"webhook": webhook(receiver.url)}
    assert deliver_due(outbox, channels, lambda: START + 60) == (0, 0, 0)  # the claim still holds
    assert deliver_due(outbox, channels, lambda: START + 121) == (1, 0, 0)
    first, second = receiver.requests
    assert first.key == second.key
    assert first.json == second.json
    assert deliver_due(outbox, channels, lambda: START + 500) == (0, 0, 0)


def test_what_one_receiver_refuses_keeps_others_not_waiting(outbox: Outbox, receiver: WebhookReceiver) -> None:
    class Picky(WebhookChannel):
        def send(self, notification: Notification) -> None:
            receiver.status = 400 if notification.alert.name == "drift" else 200
            super().send(notification)

    settings = WebhookSettings(enabled=True, url_variable="URL", secret_variable="")
    outbox.report(MODEL, NAMES, [make_alert("drift"), make_alert("retrain")], START)
    done = deliver_due(outbox, {"webhook": Picky(settings, {"URL": receiver.url})}, lambda: START)
    assert done == (1, 1, 0)
    pending = {one.alert.name: one.pending for one in list_alerts(outbox.engine, START)}
    assert pending["drift"] == {"webhook": "the webhook answered with status 400"}
    assert pending["retrain"] == {}


def test_what_is_refused_for_ever_is_given_up_and_seen(
    outbox: Outbox, receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The webhook refuses for a day; mails go out meanwhile; the next notification of the same alert is sent."""
    both = make_settings("webhook", "email")
    outbox = Outbox(outbox.engine, both)
    mails: list[Notification] = []

    class Mail:
        def send(self, notification: Notification) -> None:
            mails.append(notification)

    def deliver(now: float) -> Deliveries:
        return deliver_due(outbox, {"webhook": webhook(receiver.url), "email": Mail()}, lambda: now)

    receiver.status = 410
    outbox.report(MODEL, NAMES, [make_alert()], START)
    assert deliver(START) == (1, 1, 0)
    hour = 3600.0
    assert deliver(START + 23.9 * hour) == (0, 1, 0)
    receiver.status = 503  # away is another matter: the time of refusals begins again
    assert deliver(START + 24.5 * hour) == (0, 1, 0)
    receiver.status = 410
    assert deliver(START + 25 * hour) == (0, 1, 0)
    outbox.report(MODEL, NAMES, [], START + 48 * hour)
    assert deliver(START + 48 * hour) == (1, 1, 0)  # the mail that it is over
    counts = count_notifications(outbox.engine, ["webhook", "log"])
    assert (counts["webhook"], counts["log"]) == ((2, 0, None), (0, 0, None))
    assert deliver(START + 50 * hour) == (0, 1, 1)  # now the next one is tried
    assert count_notifications(outbox.engine, [])["webhook"] == (1, 1, START + 50 * hour)
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "not delivered to webhook, and is given up (refused for 24 h)" in record.getMessage()
    receiver.status = 200
    assert deliver(START + 51 * hour) == (1, 0, 0)
    assert [one.json["type"] for one in receiver.acknowledged] == ["alert.resolved"]
    assert [one.event for one in mails] == ["raised", "resolved"]
    (listed,) = list_alerts(outbox.engine, START + 51 * hour, include_resolved=True)
    assert (listed.delivered, listed.pending, listed.undeliverable) == (("email", "webhook"), {}, {})


def test_what_cannot_be_sent_for_a_fortnight_is_given_up_and_said_again_while_it_lasts(outbox: Outbox) -> None:
    day, away = 86_400.0, f"http://127.0.0.1:{find_free_port()}"
    outbox.report(MODEL, NAMES, [make_alert()], START)

    def deliver(now: float) -> Deliveries:
        return deliver_due(outbox, {"webhook": webhook(away)}, lambda: now)

    start = START + 20 * day  # the time begins with the first attempt: until then it may have been silenced
    assert deliver(start) == (0, 1, 0)
    assert deliver(start + 13.9 * day) == (0, 1, 0)
    assert deliver(start + 14 * day) == (0, 0, 1)
    (listed,) = list_alerts(outbox.engine, start + 14 * day)
    assert listed.pending == {}
    assert list(listed.undeliverable) == ["webhook"]
    assert listed.undeliverable["webhook"].endswith("not sent for 14 days")
    assert deliver(start + 15 * day) == (0, 0, 0)
    outbox.report(MODEL, NAMES, [make_alert()], start + 21 * day)
    (listed,) = list_alerts(outbox.engine, start + 21 * day)
    assert listed.pending == {"webhook": ""}  # the reminder


def test_a_channel_that_is_away_is_tried_once_a_round(outbox: Outbox, receiver: WebhookReceiver) -> None:
    receiver.status = 503
    outbox.report(MODEL, NAMES, [make_alert("drift"), make_alert("retrain"), make_alert("incident")], START)
    assert deliver_due(outbox, {"webhook": webhook(receiver.url)}, lambda: START) == (0, 1, 0)


def test_a_channel_that_is_gone_keeps_nothing_pending(outbox: Outbox) -> None:
    outbox.report(MODEL, NAMES, [make_alert()], START)
    assert deliver_due(outbox, {}, lambda: START) == (0, 0, 0)
    (listed,) = list_alerts(outbox.engine, START)
    assert listed.pending == {}


def test_a_notification_that_is_pruned_meanwhile_is_passed_over(outbox: Outbox) -> None:
    outbox.report(MODEL, NAMES, [make_alert("drift"), make_alert("retrain")], START)
    sent = []

    class Pruning:
        """A receiver at whom notifications arrive while all are removed."""

        def send(self, notification: Notification) -> None:
            sent.append(notification.key)
            with outbox.engine.begin() as connection:
                connection.execute(alert_deliveries.delete())

    assert deliver_due(outbox, {"webhook": Pruning()}, lambda: START) == (1, 0, 0)
    assert len(sent) == 1


def test_an_unforeseen_error_of_a_channel_is_a_failed_attempt(outbox: Outbox) -> None:
    class Broken:
        def send(self, notification: Notification) -> None:
            raise KeyError("secret")

    outbox.report(MODEL, NAMES, [make_alert()], START)
    assert deliver_due(outbox, {"webhook": Broken()}, lambda: START) == (0, 1, 0)
    (listed,) = list_alerts(outbox.engine, START)
    assert listed.pending == {"webhook": "KeyError"}


def test_the_log_is_a_channel(store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(open_monitoring(store_url), make_settings("log"))
    outbox.report(MODEL, NAMES, [make_alert("incident", Severity.PAGE)], START)
    caplog.set_level("INFO", "ride_duration")
    assert deliver_due(outbox, make_channels(outbox.settings), lambda: START) == (1, 0, 0)
    outbox.close()
    (record,) = [one for one in caplog.records if one.name == "ride_duration.alerting.channels"]
    assert record.levelname == "ERROR"
    assert "[page] The model is off" in record.getMessage()
    assert "Next: kedro run" in record.getMessage()


def test_no_claim_is_shorter_than_an_attempt() -> None:
    from ride_duration.alerting import configuration, delivery

    longest = max(constraint.le for constraint in configuration._Seconds.__metadata__)
    assert longest < delivery._CLAIM_SECONDS


def test_a_store_without_alerts_has_none(store_url: str, tmp_path: Path) -> None:
    engine = open_writing_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    assert list_alerts(engine, START) == []
    engine.dispose()
