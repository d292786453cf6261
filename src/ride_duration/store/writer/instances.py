"""Each instance of the service has a folder to itself, and inherits what instances that were killed left in theirs.

Journals lie in a sub-folder for the store that they were written for: those of another store are left for it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ride_duration.errors import RideDurationError
from ride_duration.store.database import name_store
from ride_duration.store.sqlite_file import MARKER
from ride_duration.store.writer.segment import SUFFIX, instance_in, list_segments, number_of

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

_LOCK = ".lock"
_SECONDS = 2.0  # longer than it takes another instance to see whether there is something to inherit


class InstanceLock:
    """Keeps other processes out of an instance's folder until it is released or the process ends.

    Args:
        path: Of the lock's file.

    Raises:
        filelock.Timeout: Another process has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._said = False
        self._lock = self._acquired(_SECONDS)

    def check(self) -> None:
        """Take the lock again if its file was deleted: another service would get the name otherwise."""
        import filelock

        if self._identity == _identity(self._path):
            return
        before = self._lock
        try:
            self._lock = self._acquired(0.0)
        except (filelock.Timeout, OSError) as error:
            if not self._said:
                log.error("%s was deleted, and another service has taken its name: %s", self._path, error)
            self._said = True
            return
        before.release()
        log.warning("%s was deleted; it was made again", self._path)

    def release(self) -> None:
        """Let others in."""
        self._lock.release()

    def _acquired(self, seconds: float) -> BaseFileLock:
        import filelock

        lock = filelock.FileLock(self._path, thread_local=False)  # whichever thread closes the log
        lock.acquire(timeout=seconds)
        self._identity = _identity(self._path)
        return lock


def take_folder(folder: Path, instance: str, store_url: str) -> tuple[Path, InstanceLock]:
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
    own = name / name_store(store_url, folder)
    try:
        own.mkdir(parents=True, exist_ok=True)
        lock = InstanceLock(name / _LOCK)
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

    if not _journals_below(other) and not (other / own.name / MARKER).exists():
        return
    try:
        with filelock.FileLock(other / _LOCK, timeout=0):
            _move(other, own)
    except filelock.Timeout:
        return  # it is alive


def _move(instance: Path, own: Path) -> None:
    """Move an instance's journals for the same store, each whole or not at all, and the marker of a lost database."""
    same = instance / own.name
    unnamed = list_segments(instance)  # of programs that did not tell stores apart
    for path in [*unnamed, *(list_segments(same) if same != own else ())]:
        last = max((number_of(mine) or 0 for mine in list_segments(own)), default=0)
        path.rename(own / f"{last + 1:012d}{_origin(path, instance)}{path.suffix}")
    if same != own and (same / MARKER).exists():
        (same / MARKER).rename(own / MARKER)
    for left in sorted({path.parent for path in _journals_below(instance)} - {own}):
        log.warning("%s has records for another store; a service with that store brings them there", left)


def _origin(path: Path, instance: Path) -> str:
    """The instance that wrote a file, for its name; programs before name no instances, and could not read the name."""
    return (instance_in(path) or f".{instance.name}") if path.suffix == SUFFIX else ""


def _journals_below(instance: Path) -> list[Path]:
    return [path for folder in instance.iterdir() if folder.is_dir() for path in list_segments(folder)] + (
        list_segments(instance)
    )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
