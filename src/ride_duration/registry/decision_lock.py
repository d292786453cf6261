"""One command at a time decides about models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ride_duration.errors import RegistryUnavailable

#: How long to wait for another command that decides (seconds); each takes less than one.
LOCK_SECONDS = 60


@contextmanager
def lock_decisions(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for the same folder, and keep others out.

    Args:
        folder: That of a SQLite database, so that all projects that share it wait for one another; the project's own
            `data` where the store is elsewhere. It is made if it is not there.

    Raises:
        RegistryUnavailable: Another command does not let go.
    """
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = filelock.FileLock(folder / ".registry.lock").acquire(timeout=LOCK_SECONDS)
    except filelock.Timeout:
        raise RegistryUnavailable(
            f"another command has been deciding about models for {LOCK_SECONDS} s; wait for it, then try again"
        ) from None
    with lock:
        yield
