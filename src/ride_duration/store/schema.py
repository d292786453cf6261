"""What all tables of the store have in common: their metadata, and the types of their columns."""

from __future__ import annotations

from importlib import import_module

from sqlalchemy import BigInteger, DateTime, Integer, MetaData
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

_MODULES = ("tables", "monitoring_tables", "alert_tables", "level_tables")


def load_metadata() -> MetaData:
    """Return the metadata with all tables, for whoever works on all of them; others import those that they need."""
    for name in _MODULES:
        import_module(f"ride_duration.store.{name}")
    return metadata
