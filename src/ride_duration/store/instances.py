"""Each instance of the service has a folder to itself, and inherits what instances that were killed left in theirs.

Journals lie in a sub-folder for the store that they were written for: those of another store are left for it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ride_duration.errors import RideDurationError
from ride_duration.store.database import name_of_store
from ride_duration.store.journal import SUFFIX

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

_LOCK = ".lock"
_SECONDS = 2.0  # longer than it takes another instance to see whether there is something to inherit


def take_folder(folder: Path, instance: str, store_url: str) -> tuple[Path, BaseFileLock]:
    """The folder of an instance's journal, and the lock that keeps others out until it is released or the process ends.

    Args:
        folder: Of all instances.
        instance: Name of this one.
        store_url: Where the journal's records are to go.

    Raises:
        RideDurationError: Another process has the instance's name, or the folder cannot be used.
    """
    import filelock

    name = folder / instance
    own = name / name_of_store(store_url, folder)
    try:
        own.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(name / _LOCK, thread_local=False)  # whichever thread closes the log
        lock.acquire(timeout=_SECONDS)
        _move(name, own)
        for other in folder.iterdir():
            if other != name and other.is_dir():
                _inherit(other, own)
    except filelock.Timeout:
        raise RideDurationError(
            f"another service writes to {name}; stop it, or give this one another instance name"
        ) from None
    except OSError as error:
        raise RideDurationError(f"the journal's folder {own} cannot be used: {error.strerror}") from None
    return own, lock


def _inherit(other: Path, own: Path) -> None:
    """Move what an instance left that is not alive any more."""
    import filelock

    if not any(other.glob(f"**/*{SUFFIX}")):
        return
    try:
        with filelock.FileLock(other / _LOCK, timeout=0):
            _move(other, own)
    except filelock.Timeout:
        return  # it is alive


def _move(instance: Path, own: Path) -> None:
    """Move an instance's journals for the same store; each one whole, or not at all."""
    same = instance / own.name
    unnamed = sorted(instance.glob(f"*{SUFFIX}"))  # of programs that did not tell stores apart
    for path in [*unnamed, *(sorted(same.glob(f"*{SUFFIX}")) if same != own else ())]:
        last = max((int(mine.stem) for mine in own.glob(f"*{SUFFIX}")), default=0)
        path.rename(own / f"{last + 1:012d}{SUFFIX}")
    for left in {path.parent for path in instance.glob(f"*/*{SUFFIX}")} - {own}:
        log.warning("%s has records for another store; a service with that store brings them there", left)
