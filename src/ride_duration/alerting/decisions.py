"""What people decide about alerts: that they have seen one, or want to hear nothing of it for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ride_duration.alerting.alert import Alert
from ride_duration.alerting.configuration import NAMES
from ride_duration.alerting.outbox import AWAY, DAY
from ride_duration.errors import NotFound, RideDurationError
from ride_duration.store.database import explain_failures
from ride_duration.store.monitoring import Cause

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Engine, Inspector, Table

#: Causes of verdicts.
CAUSES = tuple(cause for cause in Cause if cause is not Cause.NONE)


class ListedAlert(NamedTuple):
    """An alert, and how far its notifications are.

    Attributes:
        alert: As it was seen last.
        raised_at: Seconds since 1970-01-01 UTC.
        resolved_at: Seconds since 1970-01-01 UTC; None while it is open.
        acknowledged_by: Who has seen it; empty: not acknowledged yet.
        silenced_until: When its silence ends; None without one.
        delivered: Channels that have acknowledged everything.
        pending: Channels that have not, each with why, or an empty text.
        undeliverable: Channels whose last notification was given up, each with why.
        resolved_why: Why it is over, if that was not seen; else empty.
    """

    alert: Alert
    raised_at: float
    resolved_at: float | None
    acknowledged_by: str
    silenced_until: float | None
    delivered: tuple[str, ...]
    pending: dict[str, str]
    undeliverable: dict[str, str]
    resolved_why: str


#: For how long what is over is listed if it could not be delivered.
_NEWS = 7 * DAY


def list_alerts(engine: Engine, now: float, include_resolved: bool = False) -> list[ListedAlert]:
    """Return the alerts that are open or not delivered, or all, the newest first; none where the store has no table.

    What was given up as undeliverable within the last week is listed as well.

    Raises:
        RideDurationError: The store cannot be reached.
    """
    from sqlalchemy import false, inspect, select

    from ride_duration.store.alert_tables import alert_deliveries as deliveries
    from ride_duration.store.alert_tables import alert_silences as silences
    from ride_duration.store.alert_tables import alerts

    with explain_failures(AWAY):
        there = inspect(engine)
        if not there.has_table("alerts"):
            return []
        question = select(*_present(there, alerts)).order_by(alerts.c.number.desc())
        columns = _present(there, deliveries)
        given_up: ColumnElement[bool] = false()
        lately: ColumnElement[bool] = false()
        if "undeliverable_at" in {column.name for column in columns}:
            given_up, lately = deliveries.c.undeliverable_at.is_not(None), deliveries.c.undeliverable_at > now - _NEWS
        sent = select(*columns).where(deliveries.c.cancelled_at.is_(None) | given_up)
        if not include_resolved:
            pending = deliveries.c.delivered_at.is_(None) & deliveries.c.cancelled_at.is_(None)
            unsent = select(deliveries.c.alert).where(pending | lately)
            question = question.where(alerts.c.resolved_at.is_(None) | alerts.c.number.in_(unsent))
        with engine.connect() as connection:
            rows = connection.execute(question).mappings().all()
            sent = sent.where(deliveries.c.alert.in_([row["number"] for row in rows])).order_by(deliveries.c.number)
            notified = connection.execute(sent).mappings().all()
            quiet = connection.execute(select(silences).where(silences.c.until > now)).mappings().all()
    listed = []
    for row in rows:
        alert = msgspec.json.decode(row["body"], type=Alert)
        own = [one for one in notified if one["alert"] == row["number"]]
        newest = {one["channel"]: one for one in own}
        given_up_on = {name: one["error"] for name, one in newest.items() if one.get("undeliverable_at") is not None}
        waiting = {
            one["channel"]: one["error"]
            for one in own
            if one["delivered_at"] is None and one.get("undeliverable_at") is None
        }
        until = [one["until"] for one in quiet if one["matcher"] in (alert.fingerprint, alert.name, alert.cause)]
        listed.append(
            ListedAlert(
                alert, row["raised_at"], row["resolved_at"], row["acknowledged_by"], max(until, default=None),
                tuple(sorted(newest.keys() - waiting.keys() - given_up_on.keys())), waiting,
                {name: why for name, why in given_up_on.items() if name not in waiting}, row.get("resolved_why", ""),
            )
        )  # fmt: skip
    return listed


def _present(there: Inspector, table: Table) -> list[Column[Any]]:
    """Return the columns of a table that a store of a former version has."""
    names = {column["name"] for column in there.get_columns(table.name)}
    return [column for column in table.columns if column.name in names]


def acknowledge(engine: Engine, matcher: str, by: str, why: str, now: float) -> list[Alert]:
    """Note that somebody takes care of open alerts: they are not notified again while they are open.

    Args:
        engine: Of the store.
        matcher: A fingerprint, a name or a cause.
        by: Who takes care.
        why: In their words.
        now: Seconds since 1970-01-01 UTC.

    Raises:
        NotFound: No open alert is called so.
        RideDurationError: The store cannot be reached.
    """
    from sqlalchemy import update

    from ride_duration.store.alert_tables import alerts

    found = [one.alert for one in list_alerts(engine, now) if one.resolved_at is None and is_meant(one.alert, matcher)]
    if not found:
        raise NotFound(
            f"no open alert has the fingerprint, name or cause '{matcher}'; `kedro monitor alerts` lists them"
        )
    prints = [alert.fingerprint for alert in found]
    with explain_failures(AWAY), engine.begin() as connection:
        connection.execute(
            update(alerts)
            .where(alerts.c.fingerprint.in_(prints), alerts.c.resolved_at.is_(None))
            .values(acknowledged_at=now, acknowledged_by=by, acknowledged_why=why)
        )
    return found


def silence(engine: Engine, matcher: str, until: float, by: str, why: str, now: float) -> None:
    """Hold back notifications for a while; what is still open then is notified then.

    Args:
        engine: Of the store.
        matcher: A fingerprint, a name or a cause.
        until: When the silence ends (seconds since 1970-01-01 UTC).
        by: Who decides.
        why: In their words.
        now: Seconds since 1970-01-01 UTC.

    Raises:
        NotFound: Nothing is called so.
        RideDurationError: The end has passed, or the store cannot be reached.
    """
    from sqlalchemy import insert

    from ride_duration.store.alert_tables import alert_silences

    if until <= now:
        raise RideDurationError("the silence would end before it begins; name a time to come with --until")
    known = {one.alert.fingerprint for one in list_alerts(engine, now, include_resolved=True)}
    if matcher not in known | {*NAMES, *CAUSES}:
        raise NotFound(
            f"no alert has the fingerprint '{matcher}', and it is not a name ({', '.join(NAMES)}) or a cause "
            f"({', '.join(CAUSES)}); `kedro monitor alerts --all` lists alerts"
        )
    with explain_failures(AWAY), engine.begin() as connection:
        connection.execute(insert(alert_silences).values(matcher=matcher, at=now, until=until, by=by, why=why))


def is_meant(alert: Alert, matcher: str) -> bool:
    """Return whether a fingerprint, name or cause is that of an alert."""
    return matcher in (alert.fingerprint, alert.name) or (matcher == alert.cause and matcher != "none")
