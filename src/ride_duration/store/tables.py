"""Tables of the prediction log, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Double, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects.sqlite import DATETIME

#: Constraints have the same names in every database, so that migrations can name them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: Counts rows in the order of their arrival. SQLite counts in INTEGER alone.
Arrival = BigInteger().with_variant(Integer, "sqlite")

#: New York wall clock, naive. SQLite keeps it as ISO text, which sorts by time.
WallClock = DateTime().with_variant(
    DATETIME(  # type: ignore[no-untyped-call]
        storage_format="%(year)04d-%(month)02d-%(day)02dT%(hour)02d:%(minute)02d:%(second)02d"
    ),
    "sqlite",
)

#: Columns beside `arrival` and `source` stand in the order of the fields of `records.Prediction`. `source` is the
#: journal that a record came from (`ground_truth` says what for); empty where it is not known.
predictions = Table(
    "predictions",
    metadata,
    Column("arrival", Arrival, primary_key=True, autoincrement=True),
    Column("prediction_id", Text, nullable=False, unique=True),
    Column("ride_id", Text, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("pickup_datetime", WallClock, nullable=False),
    Column("pickup_zone", Integer),
    Column("dropoff_zone", Integer),
    Column("trip_distance", Double),
    Column("duration", Double, nullable=False),
    Column("lower", Double, nullable=False),
    Column("upper", Double, nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("variant", Text, nullable=False),
    Column("milliseconds", Double, nullable=False),
    Column("model", Text, nullable=False, server_default=""),
    Column("pickup_at", Double),
    Column("source", Text, nullable=False, server_default=""),
    Index(None, "ride_id", "asked_at"),
    Index(None, "ride_id", "source", "arrival"),
    Index(None, "asked_at"),
)

#: Columns beside `arrival` and `source` stand in the order of the fields of `records.Actual`.
actuals = Table(
    "actuals",
    metadata,
    Column("arrival", Arrival, primary_key=True, autoincrement=True),
    Column("actual_id", Text, nullable=False, unique=True),
    Column("ride_id", Text, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("duration", Double),
    Column("dropoff_datetime", WallClock),
    Column("dropoff_at", Double),
    Column("source", Text, nullable=False, server_default=""),
    Index(None, "ride_id", "received_at"),
    Index(None, "ride_id", "source", "arrival"),
    Index(None, "received_at"),
)

#: Rollouts of challengers; times are seconds since 1970-01-01 UTC. `history` is JSON, a list of `rollouts.Noted`.
rollouts = Table(
    "rollouts",
    metadata,
    Column("number", Arrival, primary_key=True, autoincrement=True),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("against", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("share", Double, nullable=False),
    Column("since", Double, nullable=False),
    Column("ended_at", Double),
    Column("failed", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("history", Text, nullable=False),
)
#: One rollout of a model at a time.
Index(
    "uq_rollouts_model_open",
    rollouts.c.model,
    unique=True,
    sqlite_where=rollouts.c.ended_at.is_(None),
    postgresql_where=rollouts.c.ended_at.is_(None),
)

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

#: Notifications, one row for each event and channel; `body` is JSON, the alert as it was then.
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
