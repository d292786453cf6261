"""Alerts in the store: raised once, notified through every channel, and resolved.

An alert and its notifications are written in one transaction, so that none is lost whatever ends the program. What is
raised again while it is open makes no second alert.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from ride_duration.alerting.alert import Alert, Event, Severity
from ride_duration.store.database import explain_failures

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, RowMapping

    from ride_duration.alerting.configuration import AlertingSettings

log = logging.getLogger(__name__)

#: What is said of a database that fails.
AWAY = "the alerts in the store cannot be reached"

HOUR, DAY = 3600.0, 86_400.0


class Outbox:
    """Keeps the alerts of a store.

    Args:
        engine: Of `store.monitoring.open_monitoring`.
        settings: Say which channels there are, and how often one alert is notified.
    """

    def __init__(self, engine: Engine, settings: AlertingSettings) -> None:
        self.engine = engine
        self.settings = settings

    def report(
        self,
        subject: str,
        names: Collection[str],
        alerts: Iterable[Alert],
        now: float,
        keep: Collection[str] = (),
        version: int = 0,
    ) -> None:
        """Note which alerts of a subject there are now: raises what is new, resolves what is over.

        Args:
            subject: What was looked at.
            names: The names of alerts that were looked for.
            alerts: Those that were found, each with this subject and one of these names.
            now: Seconds since 1970-01-01 UTC.
            keep: Names about which nothing can be said now; open alerts of them stay open.
            version: Of the model that was looked at; open alerts about another one are over in any case.

        Raises:
            RideDurationError: The store cannot be reached.
        """
        found = {alert.name: alert for alert in alerts}
        for name in names:
            if name in found:
                self._raise(found[name], now)
            else:
                self._resolve(subject, name, now, version if name in keep else None)

    def close(self) -> None:
        """Let the connections go."""
        self.engine.dispose()

    def _raise(self, alert: Alert, now: float) -> None:
        from sqlalchemy.exc import IntegrityError

        with explain_failures(AWAY):
            try:
                with self.engine.begin() as connection:
                    self._raise_in(connection, alert, now)
            except IntegrityError:  # somebody else has raised it meanwhile
                with self.engine.begin() as connection:
                    self._raise_in(connection, alert, now)

    def _raise_in(self, connection: Connection, alert: Alert, now: float) -> None:
        from sqlalchemy import insert, update

        from ride_duration.store.alert_tables import alerts

        row = _find_open(connection, alert.fingerprint)
        if row is None:
            number = connection.execute(
                insert(alerts).values(
                    fingerprint=alert.fingerprint, subject=alert.subject, raised_at=now, seen_at=now, **_columns(alert)
                )
            ).inserted_primary_key[0]  # type: ignore[index]
            self._notify(connection, number, Event.RAISED, alert, now, self._find_due(connection, alert, now))
            return
        before = msgspec.json.decode(row["body"], type=Alert)
        alert = msgspec.structs.replace(alert, since=min(alert.since, before.since))
        connection.execute(
            update(alerts).where(alerts.c.number == row["number"]).values(seen_at=now, **_columns(alert))
        )
        if alert.severity.rank > before.severity.rank:
            self._notify(connection, row["number"], Event.RAISED, alert, now, now)
        elif row["acknowledged_at"] is None:
            self._remind(connection, row["number"], alert, now)

    def _find_due(self, connection: Connection, alert: Alert, now: float) -> float:
        """Return when a new alert is notified: not so soon after it was notified the last time."""
        from sqlalchemy import func, select

        from ride_duration.store.alert_tables import alert_deliveries as deliveries

        last = connection.scalar(
            select(func.max(deliveries.c.delivered_at)).where(
                deliveries.c.fingerprint == alert.fingerprint, deliveries.c.event != Event.RESOLVED.value
            )
        )
        return now if last is None else max(now, last + self.settings.cool_down_hours * HOUR)

    def _remind(self, connection: Connection, number: int, alert: Alert, now: float) -> None:
        """Notify an open alert again on channels where the last time is long ago."""
        for channel, rows in _find_deliveries(connection, number).items():
            ended = rows[-1]["delivered_at"] or rows[-1]["undeliverable_at"]
            if ended is not None and now - ended >= self.settings.repeat_days * DAY:
                self._notify(connection, number, Event.REMINDER, alert, now, now, [channel])

    def _resolve(self, subject: str, name: str, now: float, kept_version: int | None) -> None:
        from sqlalchemy import select, update

        from ride_duration.store.alert_tables import alerts

        with explain_failures(AWAY), self.engine.begin() as connection:
            question = select(alerts).where(
                alerts.c.subject == subject, alerts.c.name == name, alerts.c.resolved_at.is_(None)
            )
            for row in connection.execute(question).mappings().all():
                if msgspec.json.decode(row["body"], type=Alert).version == kept_version:
                    looked_at = update(alerts).where(alerts.c.number == row["number"]).values(seen_at=now)
                    connection.execute(looked_at)
                else:
                    self.end(connection, row, now)

    def end(self, connection: Connection, row: RowMapping, now: float, why: str = "") -> None:
        """Resolve an open alert; a reason is said instead of how bad it was.

        Args:
            connection: With a transaction of the store.
            row: Of the alert.
            now: Seconds since 1970-01-01 UTC.
            why: It is over, if nobody has seen that it is.
        """
        from sqlalchemy import update

        from ride_duration.store.alert_tables import alerts

        number, alert = row["number"], msgspec.json.decode(row["body"], type=Alert)
        done = connection.execute(
            update(alerts)
            .where(alerts.c.number == number, alerts.c.resolved_at.is_(None))
            .values(resolved_at=now, resolved_why=why)
        )
        if done.rowcount != 1:
            return
        if why:
            log.info("alert %s (%s of %s) is resolved: %s", alert.fingerprint, alert.name, alert.subject, why)
            alert = msgspec.structs.replace(alert, how_bad=why)
        known = [
            channel
            for channel, rows in _find_deliveries(connection, number).items()
            if not _withdraw(connection, rows, is_silenced(connection, alert, now), now)
        ]
        self._notify(connection, number, Event.RESOLVED, alert, now, now, known)

    def _notify(
        self,
        connection: Connection,
        number: int,
        event: Event,
        alert: Alert,
        now: float,
        due: float,
        channels: Collection[str] | None = None,
    ) -> None:
        """Put notifications into the outbox; without channels, of all that the severity is enough for."""
        from sqlalchemy import insert

        from ride_duration.store.alert_tables import alert_deliveries

        enabled = self.settings.enabled
        if channels is None:
            channels = [name for name, one in enabled.items() if alert.severity.rank >= one.min_severity.rank]
        body = msgspec.json.encode(alert).decode()
        for channel in channels:
            if channel in enabled:
                connection.execute(
                    insert(alert_deliveries).values(
                        alert=number, fingerprint=alert.fingerprint, channel=channel, event=event.value,
                        key=uuid4().hex, body=body, at=now, next_attempt_at=due,
                    )
                )  # fmt: skip


def is_silenced(connection: Connection, alert: Alert, now: float) -> bool:
    """Return whether a silence holds for an alert."""
    from sqlalchemy import func, select

    from ride_duration.store.alert_tables import alert_silences as silences

    names = [alert.fingerprint, alert.name, *([alert.cause] if alert.cause != "none" else [])]
    question = select(func.count()).where(silences.c.matcher.in_(names), silences.c.until > now, silences.c.at <= now)
    return bool(connection.scalar(question))


def _withdraw(connection: Connection, rows: list[RowMapping], silenced: bool, now: float) -> bool:
    """Withdraw what was not sent yet, and need not be: it waited for a cool-down or a silence.

    Returns:
        Whether the channel has never been given the alert, and needs no word of its end.
    """
    from sqlalchemy import update

    from ride_duration.store.alert_tables import alert_deliveries as deliveries

    pending = [row for row in rows if row["delivered_at"] is None and row["cancelled_at"] is None]
    waiting = [
        row
        for row in pending
        if row["event"] == Event.REMINDER or (not row["attempts"] and (silenced or row["next_attempt_at"] > now))
    ]
    for row in waiting:
        # An attempt that goes on at this moment has claimed it.
        unclaimed = (deliveries.c.number == row["number"]) & (deliveries.c.claimed_until <= now)
        connection.execute(update(deliveries).where(unclaimed).values(cancelled_at=now, error="resolved before"))
    return not any(row["delivered_at"] is not None for row in rows) and len(waiting) == len(pending)


def _find_open(connection: Connection, fingerprint: str) -> RowMapping | None:
    from sqlalchemy import select

    from ride_duration.store.alert_tables import alerts

    question = select(alerts).where(alerts.c.fingerprint == fingerprint, alerts.c.resolved_at.is_(None))
    return connection.execute(question).mappings().first()


def _find_deliveries(connection: Connection, number: int) -> dict[str, list[RowMapping]]:
    """Return the notifications of an alert by channel, the oldest first."""
    from sqlalchemy import select

    from ride_duration.store.alert_tables import alert_deliveries as deliveries

    found: dict[str, list[RowMapping]] = {}
    question = select(deliveries).where(deliveries.c.alert == number).order_by(deliveries.c.number)
    for row in connection.execute(question).mappings():
        found.setdefault(row["channel"], []).append(row)
    return found


def _columns(alert: Alert) -> dict[str, Any]:
    body = msgspec.json.encode(alert).decode()
    return {"name": alert.name, "severity": Severity(alert.severity).value, "cause": alert.cause, "body": body}
