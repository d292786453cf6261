"""Connections to PostgreSQL that time out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import URL

#: How long to wait for a server, for one that is gone without a word twice or three times as long, and for a lock.
SECONDS = 5


def timeout_args(url: URL, statement_seconds: int | None = None) -> dict[str, Any]:
    """Return arguments of psycopg's `connect` by which a server that is away, or a lock, ends in an error.

    Args:
        url: Its own `options` are kept, and win.
        statement_seconds: How long a statement may take; None for as long as it needs.
    """
    own = url.query.get("options", ())
    limits = {"lock_timeout": SECONDS, "statement_timeout": statement_seconds}
    options = [f"-c{name}={1000 * seconds}" for name, seconds in limits.items() if seconds is not None]
    return {
        "connect_timeout": SECONDS,
        "tcp_user_timeout": 1000 * SECONDS,  # until what was sent is acknowledged
        "keepalives_idle": SECONDS,  # and while an answer is waited for
        "keepalives_interval": SECONDS,
        "keepalives_count": 2,
        "options": " ".join([*options, *((own,) if isinstance(own, str) else own)]),
    }
