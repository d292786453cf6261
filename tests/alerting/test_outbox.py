"""Alerts in the store, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import msgspec
import pytest
from sqlalchemy import text

from ride_duration.alerting.abandoned import resolve_abandoned
from ride_duration.alerting.alert import Alert, Event, Notification, Severity
from ride_duration.alerting.decisions import acknowledge, list_alerts, silence
from ride_duration.alerting.delivery import deliver_due
from ride_duration.alerting.outbox import Outbox
from ride_duration.errors import RideDurationError
from ride_duration.store.database import open_writing_engine
from ride_duration.store.monitoring import open_monitoring
from tests.support.alerting.samples import MODEL, make_alert, make_settings

HOUR, DAY = 3600.0, 86_400.0
NAMES = ("incident", "retrain", "drift")


class Memory:
    """A channel that keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[Notification] = []
        self.fails: Exception | None = None

    def send(self, notification: Notification) -> None:
        if self.fails:
            raise self.fails
        self.sent.append(notification)

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(one.event.value, one.alert.name) for one in self.sent]


class Desk:
    """An outbox with one channel, at a time that the test sets."""

    def __init__(self, store_url: str) -> None:
        self.outbox = Outbox(open_monitoring(store_url), make_settings("webhook"))
        self.channel = Memory()
        self.now = 1_700_000_000.0

    def report(self, *alerts: Alert, keep: tuple[str, ...] = ()) -> None:
        self.outbox.report(MODEL, NAMES, alerts, self.now, keep)

    def deliver(self) -> list[tuple[str, str]]:
        """What was sent now."""
        before = len(self.channel.sent)
        deliver_due(self.outbox, {"webhook": self.channel}, lambda: self.now)
        return self.channel.events[before:]


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    made = Desk(store_url)
    yield made
    made.outbox.close()


def test_an_alert_is_notified_once_and_resolved_once(desk: Desk) -> None:
    for _ in range(3):
        desk.report(make_alert())
        desk.now += HOUR
    assert desk.deliver() == [("raised", "retrain")]
    assert desk.deliver() == []
    desk.report()
    desk.report()
    assert desk.deliver() == [("resolved", "retrain")]
    assert len({one.key for one in desk.channel.sent}) == 2
    assert list_alerts(desk.outbox.engine, desk.now) == []
    (listed,) = list_alerts(desk.outbox.engine, desk.now, include_resolved=True)
    assert (listed.alert.name, listed.delivered, listed.pending) == ("retrain", ("webhook",), {})


def test_what_cannot_be_said_now_stays_open(desk: Desk) -> None:
    desk.report(make_alert(), make_alert("drift"))
    desk.report(make_alert("incident", Severity.PAGE), keep=("retrain",))
    assert desk.deliver() == [
        ("raised", "retrain"), ("raised", "drift"), ("raised", "incident"), ("resolved", "drift")
    ]  # fmt: skip
    assert {one.alert.name for one in list_alerts(desk.outbox.engine, desk.now)} == {"retrain", "incident"}


def test_another_subject_is_left_alone(desk: Desk) -> None:
    desk.outbox.report("another", NAMES, [make_alert(subject="another")], desk.now)
    desk.report()
    assert [one.alert.subject for one in list_alerts(desk.outbox.engine, desk.now)] == ["another"]


def test_less_urgent_alerts_are_left_out(desk: Desk) -> None:
    desk.report(make_alert("drift", Severity.INFO))
    assert desk.deliver() == []
    desk.report(make_alert("drift", Severity.TICKET))
    assert desk.deliver() == [("raised", "drift")]


def test_the_beginning_stays_and_the_numbers_follow(desk: Desk) -> None:
    desk.report(make_alert(since=100.0, how_bad="level 1.1"))
    desk.report(make_alert(since=200.0, how_bad="level 1.2"))
    (listed,) = list_alerts(desk.outbox.engine, desk.now)
    assert (listed.alert.since, listed.alert.how_bad) == (100.0, "level 1.2")


def test_what_comes_and_goes_is_notified_once_in_the_cool_down(desk: Desk) -> None:
    desk.report(make_alert())
    assert desk.deliver() == [("raised", "retrain")]
    for _ in range(5):
        desk.now += HOUR / 2
        desk.report()
        desk.report(make_alert())
    assert desk.deliver() == [("resolved", "retrain")]  # of the first; of the others nothing was sent
    desk.now += 6 * HOUR
    assert desk.deliver() == [("raised", "retrain")]  # still there after the cool-down


def test_an_open_alert_is_notified_again_until_somebody_has_seen_it(desk: Desk) -> None:
    desk.report(make_alert())
    assert desk.deliver() == [("raised", "retrain")]
    desk.now += 8 * DAY
    desk.report(make_alert())
    desk.report(make_alert())
    assert desk.deliver() == [("reminder", "retrain")]
    acknowledge(desk.outbox.engine, "retrain", "Ana", "training", desk.now)
    desk.now += 8 * DAY
    desk.report(make_alert())
    assert desk.deliver() == []
    desk.report()
    assert desk.deliver() == [("resolved", "retrain")]


def test_a_reminder_that_was_not_sent_is_withdrawn_when_somebody_has_seen_the_alert(desk: Desk) -> None:
    desk.report(make_alert())
    desk.deliver()
    desk.now += 8 * DAY
    desk.report(make_alert())
    acknowledge(desk.outbox.engine, make_alert().fingerprint, "Ana", "training", desk.now)
    assert desk.deliver() == []


def test_a_silence_holds_back_and_ends(desk: Desk) -> None:
    silence(desk.outbox.engine, "level", desk.now + DAY, "Ana", "known", desk.now)
    desk.report(make_alert(), make_alert("incident", Severity.PAGE, cause="data"))
    assert desk.deliver() == [("raised", "incident")]
    (held,) = [one for one in list_alerts(desk.outbox.engine, desk.now) if one.alert.name == "retrain"]
    assert held.silenced_until == desk.now + DAY
    desk.now += DAY
    assert desk.deliver() == [("raised", "retrain")]


def test_what_ends_within_a_silence_is_never_notified(desk: Desk) -> None:
    silence(desk.outbox.engine, "retrain", desk.now + DAY, "Ana", "known", desk.now)
    desk.report(make_alert())
    desk.now += HOUR
    desk.report()
    desk.now += 2 * DAY
    assert desk.deliver() == []


def test_an_alert_that_ends_while_its_channel_is_away_is_notified_with_its_end_in_order(desk: Desk) -> None:
    desk.channel.fails = OSError("away")
    desk.report(make_alert())
    assert desk.deliver() == []
    desk.report()
    desk.channel.fails = None
    desk.now += HOUR
    assert desk.deliver() + desk.deliver() == [("raised", "retrain"), ("resolved", "retrain")]


def test_alerts_about_what_is_gone_are_over_and_say_so(desk: Desk) -> None:
    blue, other = f"{MODEL}, instance blue", "ride-duration-yellow-tlc"
    desk.outbox.report(blue, ["log"], [make_alert("log", subject=blue)], desk.now)
    desk.outbox.report(other, NAMES, [make_alert(subject=other)], desk.now)
    desk.report(make_alert("incident"))
    assert len(desk.deliver()) == 3
    desk.now += 13 * DAY
    resolve_abandoned(desk.outbox, MODEL, None, desk.now)
    desk.outbox.report(other, NAMES, [], desk.now, keep=("retrain",))  # looked at, and nothing can be said
    assert desk.deliver() == []
    desk.now += 2 * DAY
    resolve_abandoned(desk.outbox, MODEL, None, desk.now)
    assert desk.deliver() == [("resolved", "log")]
    assert desk.channel.sent[-1].alert.how_bad == f"nothing was heard of {blue} for 14 days"
    listed = {one.alert.subject: one for one in list_alerts(desk.outbox.engine, desk.now, include_resolved=True)}
    assert listed[blue].resolved_why == f"nothing was heard of {blue} for 14 days"
    assert {one.alert.subject for one in list_alerts(desk.outbox.engine, desk.now)} == {MODEL, other}


def test_nothing_is_gone_where_that_is_switched_off(desk: Desk) -> None:
    desk.outbox.report("another", NAMES, [make_alert(subject="another")], desk.now)
    never = Outbox(desk.outbox.engine, make_settings("webhook", gone_days=0))
    resolve_abandoned(never, MODEL, None, desk.now + 1e9)
    assert [one.alert.subject for one in list_alerts(desk.outbox.engine, desk.now)] == ["another"]


def test_alerts_about_a_version_that_was_replaced_are_over(desk: Desk) -> None:
    desk.report(make_alert(version=3), make_alert("incident", version=3), make_alert("drift"))
    desk.outbox.report(MODEL, ["rollback"], [make_alert("rollback", version=3)], desk.now)
    assert len(desk.deliver()) == 4
    resolve_abandoned(desk.outbox, MODEL, 3, desk.now)
    assert len(list_alerts(desk.outbox.engine, desk.now)) == 4
    resolve_abandoned(desk.outbox, MODEL, 4, desk.now)
    left = {one.alert.name for one in list_alerts(desk.outbox.engine, desk.now) if one.resolved_at is None}
    assert left == {"incident", "drift", "rollback"}  # broken records are of no version, nor is this drift
    assert desk.deliver() == [("resolved", "retrain")]
    assert desk.channel.sent[-1].alert.how_bad == "version 4 serves in the place of version 3"


def test_alerts_of_a_store_that_a_former_version_left_are_listed(desk: Desk) -> None:
    desk.report(make_alert())
    with desk.outbox.engine.begin() as connection:
        connection.execute(text("ALTER TABLE alerts DROP COLUMN resolved_why"))
        for name in ("first_attempt_at", "refused_since", "undeliverable_at"):
            connection.execute(text(f"ALTER TABLE alert_deliveries DROP COLUMN {name}"))
    (listed,) = list_alerts(desk.outbox.engine, desk.now)
    assert (listed.pending, listed.undeliverable, listed.resolved_why) == ({"webhook": ""}, {}, "")


def test_of_two_that_raise_the_same_at_once_one_alert_is_made(desk: Desk, store_url: str) -> None:
    together = Barrier(2)

    def raise_one(_: int) -> None:
        outbox = Outbox(open_monitoring(store_url), make_settings("webhook"))
        together.wait(60)
        outbox.report(MODEL, NAMES, [make_alert()], desk.now)
        outbox.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(raise_one, range(2)))
    assert len(list_alerts(desk.outbox.engine, desk.now)) == 1
    assert desk.deliver() == [("raised", "retrain")]


def test_an_alert_of_a_later_program_can_be_read(desk: Desk) -> None:
    desk.report(make_alert())
    with desk.outbox.engine.begin() as connection:
        for table in ("alerts", "alert_deliveries"):
            connection.execute(text(f"""UPDATE {table} SET body = REPLACE(body, '{{"', '{{"new": 1, "')"""))
        assert '"new": 1' in str(connection.scalar(text("SELECT body FROM alerts")))
    assert desk.deliver() == [("raised", "retrain")]


def test_a_store_that_is_away_is_said(tmp_path: object) -> None:
    outbox = Outbox(open_writing_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"), make_settings("webhook"))
    with pytest.raises(RideDurationError, match="the alerts in the store cannot be reached"):
        outbox.report(MODEL, NAMES, [make_alert()], 0.0)


def test_fields_of_a_notification_are_those_that_templates_may_name() -> None:
    from ride_duration.alerting.alert import FIELDS

    notification = Notification("key", Event.RAISED, make_alert(what="two\nlines"), 0.0)
    assert tuple(notification.to_fields()) == FIELDS
    assert notification.title == "[ticket] two lines"
    assert msgspec.json.decode(msgspec.json.encode(notification), type=Notification) == notification
