"""Tables of the prediction log, of rollouts, and of the store as a whole, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text

from ride_duration.store.schema import Arrival, WallClock, metadata

#: Columns beside `arrival` and `source` stand in the order of the fields of `records.Prediction`. `source` is the
#: journal that a record came from (`ground_truth` says what for); empty where it is not known. The raw answer is NULL
#: where it is the answer: without a live level, and in rows of former programs.
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
    Column("duration_raw", Double),
    Column("lower_raw", Double),
    Column("upper_raw", Double),
    Column("level", BigInteger),
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

#: What is true of the store as a whole: `identity` is drawn once, when the table is made; `clock` is real or simulated
#: (`clock_mark`); `checkpoints` counts how often SQLite's write-ahead log was brought into the file (`sqlite_content`).
store_properties = Table(
    "store_properties",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
