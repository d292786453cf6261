"""Tables of published live levels and of leases, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Integer, Table, Text, UniqueConstraint

from ride_duration.store.schema import Arrival, metadata

#: Published levels, one row for each version and quarter of an hour (`step`, the number of the one that begins with
#: it). `state` is what the next one goes on from (JSON). It knows the records of the log up to the arrivals
#: `predictions` and `actuals`, and began at `began_at` with what was known by then; `half_life` is in seconds. `rides`
#: became known since the row before, of which `rescored` were answered by another version; `incidents` are the marked
#: days that were kept out (JSON). Times are seconds since 1970-01-01 UTC on the store's clock.
levels = Table(
    "levels",
    metadata,
    Column("number", Arrival, primary_key=True, autoincrement=True),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("factor", Double, nullable=False),
    Column("frozen", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("predictions", BigInteger, nullable=False),
    Column("actuals", BigInteger, nullable=False),
    Column("began_at", Double, nullable=False),
    Column("half_life", Double, nullable=False),
    Column("rides", Integer, nullable=False),
    Column("rescored", Integer, nullable=False),
    Column("incidents", Text, nullable=False),
    Column("published_at", Double, nullable=False),
    Column("holder", Text, nullable=False),
    UniqueConstraint("model", "version", "step", name="uq_levels_model_version_step"),
)

#: Who does what only one process may do at a time, and until when (seconds since 1970-01-01 UTC, the store's clock).
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Double, nullable=False),
)
