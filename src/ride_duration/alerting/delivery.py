"""Sends what the outbox holds: each notification until its receiver has acknowledged it.

Of several processes that do so at once, one claims a notification for as long as an attempt may take. A process that is
killed between sending and marking leaves a claim that ends, and the notification is sent again, under the same key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ride_duration.alerting.alert import Alert, Event, Notification
from ride_duration.alerting.channels import Channel, ChannelUnavailable, MessageRefused
from ride_duration.alerting.outbox import AWAY, DAY, HOUR, is_silenced
from ride_duration.errors import RideDurationError
from ride_duration.store.database import explain_failures

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Engine, RowMapping

    from ride_duration.alerting.configuration import AlertingSettings
    from ride_duration.alerting.outbox import Outbox

log = logging.getLogger(__name__)

#: Seconds until the second attempt; each further one waits twice as long, up to the most.
_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 900.0

#: Longer than any attempt may take (`timeout_seconds` is 60 at most).
_CLAIM_SECONDS = 120.0


class Deliveries(NamedTuple):
    """What came of it.

    Attributes:
        delivered: Notifications that were acknowledged.
        failed: Attempts that were not; they are made again later.
        undeliverable: Notifications that were given up.
    """

    delivered: int
    failed: int
    undeliverable: int


def deliver_due(outbox: Outbox, channels: Mapping[str, Channel], now: Callable[[], float]) -> Deliveries:
    """Send every notification that is due, in the order in which they were made.

    A channel that is away is left alone until the next time, so that one that hangs does not keep the others waiting.
    What its receiver goes on refusing, or what could not be sent for days, is ended as undeliverable: what comes after
    it is sent.

    Args:
        outbox: Of the store; its settings say when a notification is given up.
        channels: By name; notifications of others are withdrawn.
        now: Seconds since 1970-01-01 UTC.

    Raises:
        RideDurationError: The store cannot be reached.
    """
    engine = outbox.engine
    delivered = failed = undeliverable = 0
    away: set[str] = set()
    with explain_failures(AWAY):
        for number in _find_due(engine, now()):
            claimed = _claim(engine, number, away, now())
            if claimed is None:
                continue
            channel = channels.get(claimed["channel"])
            if channel is None:
                reason = f"there is no channel {claimed['channel']} any more"
                _mark(engine, claimed, {"cancelled_at": now(), "error": reason})
                continue
            try:
                channel.send(_read(claimed))
            except Exception as error:  # whatever it is, no alert is lost by it, and none keeps others waiting
                if isinstance(error, ChannelUnavailable):
                    away.add(claimed["channel"])
                given_up = _note_failure(engine, claimed, error, now(), outbox.settings)
                failed += not given_up
                undeliverable += given_up
            else:
                _mark(engine, claimed, {"delivered_at": now(), "claimed_until": 0.0, "error": ""})
                delivered += 1
    return Deliveries(delivered, failed, undeliverable)


class NotificationCounts(NamedTuple):
    """How far the notifications of one channel are.

    Attributes:
        pending: Those that are not sent yet.
        undeliverable: Those that were given up.
        last: When the last was given up (seconds since 1970-01-01 UTC); None if none was.
    """

    pending: int = 0
    undeliverable: int = 0
    last: float | None = None


def count_notifications(engine: Engine, channels: Iterable[str]) -> dict[str, NotificationCounts]:
    """Return how far notifications are, for these channels and those that have any.

    Raises:
        RideDurationError: The store cannot be reached.
    """
    from sqlalchemy import case, func, select

    from ride_duration.store.alert_tables import alert_deliveries as deliveries

    pending = func.sum(case((_is_pending(), 1), else_=0))
    given_up, last = func.count(deliveries.c.undeliverable_at), func.max(deliveries.c.undeliverable_at)
    question = select(deliveries.c.channel, pending, given_up, last).group_by(deliveries.c.channel)
    with explain_failures(AWAY), engine.connect() as connection:
        found = {row[0]: NotificationCounts(*row[1:]) for row in connection.execute(question)}
    return {name: found.get(name, NotificationCounts()) for name in {*channels, *found}}


def _note_failure(
    engine: Engine, claimed: RowMapping, error: Exception, now: float, settings: AlertingSettings
) -> bool:
    """Note that an attempt has failed; return whether it was the last one."""
    reason = str(error) if isinstance(error, RideDurationError) else type(error).__name__
    channel = claimed["channel"]
    refused_since = None
    if isinstance(error, MessageRefused):
        refused_since = now if claimed["refused_since"] is None else claimed["refused_since"]
    first = now if claimed["first_attempt_at"] is None else claimed["first_attempt_at"]
    values = {"claimed_until": 0.0, "error": reason, "first_attempt_at": first, "refused_since": refused_since}
    if refused_since is not None and now - refused_since >= settings.refused_hours * HOUR:
        why = f"refused for {settings.refused_hours:g} h"
    elif now - first >= settings.undelivered_days * DAY:
        why = f"not sent for {settings.undelivered_days:g} days"
    else:
        log.warning("an alert could not be sent to %s, and will be again: %s", channel, reason)
        pause = min(_FIRST_PAUSE * 2 ** min(claimed["attempts"], 10), _LONGEST_PAUSE)
        _mark(engine, claimed, values | {"next_attempt_at": now + pause})
        return False
    log.error("an alert was not delivered to %s, and is given up (%s): %s [%s]", channel, why, reason, claimed["key"])
    ended = {"undeliverable_at": now, "cancelled_at": now, "error": f"{reason}; {why}"}
    _mark(engine, claimed, values | ended)
    return True


def _is_pending() -> ColumnElement[bool]:
    from ride_duration.store.alert_tables import alert_deliveries as deliveries

    return deliveries.c.delivered_at.is_(None) & deliveries.c.cancelled_at.is_(None)


def _find_due(engine: Engine, now: float) -> list[int]:
    from sqlalchemy import select

    from ride_duration.store.alert_tables import alert_deliveries as deliveries

    due = _is_pending() & (deliveries.c.next_attempt_at <= now) & (deliveries.c.claimed_until <= now)
    with engine.connect() as connection:
        return list(connection.scalars(select(deliveries.c.number).where(due).order_by(deliveries.c.number)))


def _claim(engine: Engine, number: int, away: set[str], now: float) -> RowMapping | None:
    """Claim a notification for one attempt; None if it is not to be sent now, or somebody else does so."""
    from sqlalchemy import exists, select, update

    from ride_duration.store.alert_tables import alert_deliveries as deliveries
    from ride_duration.store.alert_tables import alerts

    with engine.begin() as connection:
        row = connection.execute(select(deliveries).where(deliveries.c.number == number)).mappings().first()
        if row is None or row["channel"] in away:  # `kedro store prune` may have removed it
            return None
        earlier = deliveries.alias()
        blocked = exists().where(
            earlier.c.alert == row["alert"],
            earlier.c.channel == row["channel"],
            earlier.c.number < number,
            earlier.c.delivered_at.is_(None),
            earlier.c.cancelled_at.is_(None),
        )
        if connection.scalar(select(blocked)):  # first the alert, then its end
            return None
        if row["event"] != Event.RESOLVED and is_silenced(
            connection, msgspec.json.decode(row["body"], type=Alert), now
        ):
            return None
        if row["event"] == Event.REMINDER and connection.scalar(
            select(alerts.c.acknowledged_at).where(alerts.c.number == row["alert"])
        ):
            connection.execute(
                update(deliveries)
                .where(deliveries.c.number == number, _is_pending())
                .values(cancelled_at=now, error="acknowledged")
            )
            return None
        free = (deliveries.c.number == number) & _is_pending() & (deliveries.c.claimed_until <= now)
        changed = connection.execute(
            update(deliveries)
            .where(free, deliveries.c.attempts == row["attempts"])
            .values(claimed_until=now + _CLAIM_SECONDS, attempts=row["attempts"] + 1)
        )
    return row if changed.rowcount == 1 else None


def _mark(engine: Engine, claimed: RowMapping, values: dict[str, object]) -> None:
    """Note what came of an attempt, unless the claim has ended and another attempt was made since."""
    from sqlalchemy import update

    from ride_duration.store.alert_tables import alert_deliveries as deliveries

    ours = (deliveries.c.number == claimed["number"]) & (deliveries.c.attempts == claimed["attempts"] + 1)
    if "delivered_at" in values:  # acknowledged is acknowledged, whoever tries again
        ours = deliveries.c.number == claimed["number"]
    with engine.begin() as connection:
        connection.execute(update(deliveries).where(ours).values(values))


def _read(row: RowMapping) -> Notification:
    alert = msgspec.json.decode(row["body"], type=Alert)
    return Notification(row["key"], Event(row["event"]), alert, row["at"])
