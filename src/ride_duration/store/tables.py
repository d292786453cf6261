"""Tables of the prediction log, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Double, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text
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
    Index(None, "model", "pickup_datetime"),
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
    Column("trip_distance", Double),
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

#: Sums of each New York day of the pick-ups. `evidence` is `log` for what the service logged, and `scored` for scored
#: months; `variant` is that of the predictions, and `champion` for scored months. `moment` is `at_request_time` or
#: `with_distance`. Sums are over rides with a valid actual duration; NULL where the package cannot tell.
monitoring_days = Table(
    "monitoring_days",
    metadata,
    Column("model", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("variant", Text, nullable=False),
    Column("moment", Text, nullable=False),
    Column("slice", Text, nullable=False),
    Column("rides", Double, nullable=False),
    Column("labelled", Double, nullable=False),
    Column("actual", Double, nullable=False),
    Column("predicted", Double, nullable=False),
    Column("absolute", Double, nullable=False),
    Column("squared", Double, nullable=False),
    Column("product", Double, nullable=False),
    Column("actual_squared", Double, nullable=False),
    Column("predicted_squared", Double, nullable=False),
    Column("expected", Double),
    Column("covered", Double),
    Column("width", Double),
    Column("within_5", Double, nullable=False),
    Column("computed_at", Double, nullable=False),
    PrimaryKeyConstraint("model", "evidence", "day", "version", "variant", "moment", "slice"),
)

#: Reports of actual durations for the logged rides of each day; `state` is one of `monitoring.DayState`. `delays` are
#: counts of label delays (`monitoring.DELAY_EDGES`), `hours` are rides and labelled rides of each hour: both JSON.
monitoring_labels = Table(
    "monitoring_labels",
    metadata,
    Column("model", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("rides", Integer, nullable=False),
    Column("labelled", Integer, nullable=False),
    Column("out_of_range", Integer, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("doubled", Integer, nullable=False),
    Column("corrected", Integer, nullable=False),
    Column("delays", Text, nullable=False),
    Column("hours", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("computed_at", Double, nullable=False),
    PrimaryKeyConstraint("model", "day"),
)

#: What the logged rides of each day were like: `counts` of the bins of the version's reference, the last bin of missing
#: values, and `quantiles` of the values that are known, both JSON.
monitoring_features = Table(
    "monitoring_features",
    metadata,
    Column("model", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("feature", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("quantiles", Text, nullable=False),
    Column("computed_at", Double, nullable=False),
    PrimaryKeyConstraint("model", "day", "version", "feature"),
)

#: Up to which arrivals the rows above are computed; `run` is the last one that began to.
monitoring_watermarks = Table(
    "monitoring_watermarks",
    metadata,
    Column("model", Text, primary_key=True),
    Column("predictions", Arrival, nullable=False),
    Column("actuals", Arrival, nullable=False),
    Column("computed_at", Double, nullable=False),
    Column("run", Text, nullable=False, server_default=""),
)

#: Every score that was computed: one row a window (first to last day), feature, slice and statistic.
monitoring_scores = Table(
    "monitoring_scores",
    metadata,
    Column("model", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("first", Text, nullable=False),
    Column("last", Text, nullable=False),
    Column("slice", Text, nullable=False),
    Column("feature", Text, nullable=False),
    Column("statistic", Text, nullable=False),
    Column("value", Double),
    Column("p_value", Double),
    Column("adjusted", Double),
    Column("computed_at", Double, nullable=False),
    PrimaryKeyConstraint("model", "evidence", "version", "first", "last", "slice", "feature", "statistic"),
)

#: Every verdict. `reasons`, `figures` (each with its bounds) and `details` (the whole verdict) are JSON; `watermark` is
#: the newest prediction that was read (its arrival), `last_actual` when the newest report came in: NULL for scored
#: months. Times are seconds since 1970-01-01 UTC on the store's clock.
monitoring_verdicts = Table(
    "monitoring_verdicts",
    metadata,
    Column("number", Arrival, primary_key=True, autoincrement=True),
    Column("model", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("first", Text, nullable=False),
    Column("last", Text, nullable=False),
    Column("computed_at", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Column("variant", Text, nullable=False),
    Column("moment", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("gain", Double, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Column("next", Text, nullable=False),
    Column("simulated", Integer, nullable=False),
    Column("watermark", Arrival),
    Column("last_actual", Double),
    Column("details", Text, nullable=False),
    Index(None, "model", "computed_at"),
)

#: Days on which something broke. `source` says where (a zone group, a channel; empty: everywhere), `since` when it was
#: found, `by` who or what found it.
incident_days = Table(
    "incident_days",
    metadata,
    Column("model", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("by", Text, nullable=False),
    PrimaryKeyConstraint("model", "day", "kind", "source"),
)

#: Decisions of people about the monitoring, for instance `rebase`; `accepted` is JSON, what holds from then on.
monitoring_decisions = Table(
    "monitoring_decisions",
    metadata,
    Column("number", Arrival, primary_key=True, autoincrement=True),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("accepted", Text, nullable=False),
    Index(None, "model", "at"),
)

#: What is true of the store as a whole: `identity` is drawn once, when the table is made; `clock` is real or simulated
#: (`clock_mark`); `checkpoints` counts how often SQLite's write-ahead log was brought into the file (`sqlite_content`).
store_properties = Table(
    "store_properties",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
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
