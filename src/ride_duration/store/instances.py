"""Each instance of the service has a folder to itself, and inherits what instances that were killed left in theirs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ride_duration.errors import RideDurationError
from ride_duration.store.journal import SUFFIX

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOCK = ".lock"
_SECONDS = 2.0  # longer than it takes another instance to see whether there is something to inherit


def take_folder(folder: Path, instance: str) -> tuple[Path, BaseFileLock]:
    """The folder of an instance, and the lock that keeps others out until it is released or the process ends.

    Args:
        folder: Of all instances.
        instance: Name of this one.

    Raises:
        RideDurationError: Another process has it, or it cannot be used.
    """
    import filelock

    own = folder / instance
    try:
        own.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(own / _LOCK, thread_local=False)  # whichever thread closes the log
        lock.acquire(timeout=_SECONDS)
        for other in folder.iterdir():
            if other != own and other.is_dir():
                _inherit(other, own)
    except filelock.Timeout:
        raise RideDurationError(
            f"another service writes to {own}; stop it, or give this one another instance name"
        ) from None
    except OSError as error:
        raise RideDurationError(f"the journal's folder {own} cannot be used: {error.strerror}") from None
    return own, lock


def _inherit(other: Path, own: Path) -> None:
    """Move journals that nobody writes to any more; each one whole, or not at all."""
    import filelock

    if not any(other.glob(f"*{SUFFIX}")):
        return
    try:
        with filelock.FileLock(other / _LOCK, timeout=0):
            for path in sorted(other.glob(f"*{SUFFIX}")):
                last = max((int(mine.stem) for mine in own.glob(f"*{SUFFIX}")), default=0)
                path.rename(own / f"{last + 1:012d}{SUFFIX}")
    except filelock.Timeout:
        return  # it is alive
