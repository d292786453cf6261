"""Tables of alerts and their notifications, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text

from ride_duration.store.schema import Arrival, metadata

#: Alerts, one row from when one is raised until it is resolved; times are seconds since 1970-01-01 UTC. `body` is JSON,
#: an `alerting.Alert`.
alerts = Table(
    "alerts",
    metadata,
    Column("number", Arrival, primary_key=True, autoincrement=True),
    Column("fingerprint", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("raised_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("resolved_at", Double),
    Column("acknowledged_at", Double),
    Column("acknowledged_by", Text, nullable=False, server_default=""),
    Column("acknowledged_why", Text, nullable=False, server_default=""),
    Column("resolved_why", Text, nullable=False, server_default=""),
    Index(None, "subject"),
)
#: One alert of a fingerprint is open at a time.
Index(
    "uq_alerts_fingerprint_open",
    alerts.c.fingerprint,
    unique=True,
    sqlite_where=alerts.c.resolved_at.is_(None),
    postgresql_where=alerts.c.resolved_at.is_(None),
)

#: Notifications, one row for each event and channel; `body` is JSON, the alert as it was then. What was given up has
#: `cancelled_at` as well, so that a former version of the service leaves it alone.
alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("number", Arrival, primary_key=True, autoincrement=True),
    Column("alert", BigInteger, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("next_attempt_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("claimed_until", Double, nullable=False, server_default="0"),
    Column("delivered_at", Double),
    Column("cancelled_at", Double),
    Column("error", Text, nullable=False, server_default=""),
    Column("first_attempt_at", Double),
    Column("refused_since", Double),
    Column("undeliverable_at", Double),
    Index(None, "alert"),
    Index(None, "fingerprint"),
)
Index(
    "ix_alert_deliveries_pending",
    alert_deliveries.c.next_attempt_at,
    sqlite_where=alert_deliveries.c.delivered_at.is_(None) & alert_deliveries.c.cancelled_at.is_(None),
    postgresql_where=alert_deliveries.c.delivered_at.is_(None) & alert_deliveries.c.cancelled_at.is_(None),
)

#: What is not to be notified for a while: a fingerprint, a name or a cause of alerts.
alert_silences = Table(
    "alert_silences",
    metadata,
    Column("number", Arrival, primary_key=True, autoincrement=True),
    Column("matcher", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
)
