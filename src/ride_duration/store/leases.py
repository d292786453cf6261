"""Leases: what only one process may do at a time, whatever becomes of that process.

Whoever holds a lease renews it while it goes on; once it has run out, another one takes it over. A holder that was
suspended finds out when it renews, in the transaction that writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ride_duration.store.database import explain_failures

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_AWAY = "the leases in the store cannot be reached"


def take_lease(engine: Engine, name: str, holder: str, now: float, seconds: float) -> bool:
    """Take a free lease, or one that has run out, or renew one's own.

    Args:
        engine: Of `database.open_writing_engine`, on the newest tables.
        name: Of the lease.
        holder: Who asks: another name for each start of a process.
        now: Seconds since 1970-01-01 UTC, on the store's clock.
        seconds: After which it runs out.

    Returns:
        Whether the holder has it.

    Raises:
        RideDurationError: The store cannot be reached.
    """
    from sqlalchemy import or_, update
    from sqlalchemy.dialects import postgresql, sqlite

    from ride_duration.store.level_tables import leases

    free = or_(leases.c.holder == holder, leases.c.until <= now)
    taken = update(leases).where(leases.c.name == name, free).values(holder=holder, until=now + seconds)
    insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
    first = insert(leases).values(name=name, holder=holder, until=now + seconds).on_conflict_do_nothing()
    first = first.execution_options(preserve_rowcount=True)
    with explain_failures(_AWAY), engine.begin() as connection:
        return connection.execute(taken).rowcount == 1 or connection.execute(first).rowcount == 1


def renew_lease(connection: Connection, name: str, holder: str, now: float, seconds: float) -> bool:
    """Renew a lease that has not run out, in the caller's transaction; no other process takes it before that ends.

    Returns:
        Whether the holder still had it.
    """
    from sqlalchemy import update

    from ride_duration.store.level_tables import leases

    own = update(leases).where(leases.c.name == name, leases.c.holder == holder, leases.c.until > now)
    return connection.execute(own.values(until=now + seconds)).rowcount == 1


def release_lease(engine: Engine, name: str, holder: str) -> None:
    """Let another process have one's lease at once."""
    from sqlalchemy import delete

    from ride_duration.store.level_tables import leases

    own = delete(leases).where(leases.c.name == name, leases.c.holder == holder)
    with explain_failures(_AWAY), engine.begin() as connection:
        connection.execute(own)
