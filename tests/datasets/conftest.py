"""Stores for the datasets of the monitoring: SQLite and PostgreSQL."""

from tests.store.conftest import postgres, store_url

__all__ = ["postgres", "store_url"]
