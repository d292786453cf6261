"""What SQLite's main file holds by itself: tells a file that another program has overwritten in place.

In WAL mode the main file changes only when a checkpoint brings the write-ahead log into it. So if the file has changed,
it must still have the store's identity, and a number of checkpoints that has not fallen; else another database, or an
older copy of the same one, was copied over it (`cp other.db predictions.db` keeps the inode).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

#: Brings the write-ahead log into the file from this size on, as SQLite does by itself at 1,000 pages.
CHECKPOINT_BYTES = 4_000_000

#: Size and times of a file, of which at least one changes whenever it is written.
Stamp = tuple[int, int, int]

_COPIED_BYTES = 1_000_000
_COUNT_CHECKPOINT = (
    "INSERT INTO store_properties (name, value) VALUES ('checkpoints', '1') "
    "ON CONFLICT (name) DO UPDATE SET value = value + 1"
)


class Content(NamedTuple):
    """What tells one state of the main file from another.

    Attributes:
        identity: Of the store; empty as long as the file has no table for it.
        checkpoints: That were counted in the file.
    """

    identity: str
    checkpoints: int

    def follows(self, before: Content) -> bool:
        """Return whether checkpoints alone may lead from `before` to this."""
        return before.identity in ("", self.identity) and self.checkpoints >= before.checkpoints


#: Of a file that is not a database: follows nothing.
NOT_A_DATABASE = Content("", -1)


def read_content(path: Path) -> Content | None:
    """Read the main file without its write-ahead log; None if its pages do not fit together.

    They need not: while some program reads an older state, a checkpoint brings only some pages into the file, and the
    others stay in the write-ahead log. A copy over the file that has not ended looks the same.

    SQLite itself opens and closes it: closing a descriptor of ours would drop the locks that this process has on it.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'store_properties'").fetchone():
                return Content("", 0)
            found = dict(connection.execute("SELECT name, value FROM store_properties"))
            return Content(str(found.get("identity", "")), int(found.get("checkpoints", 0)))
    except (sqlite3.Error, ValueError) as error:
        return NOT_A_DATABASE if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB else None


def read_stamp(path: Path) -> Stamp | None:
    """Return the stamp of the main file; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def checkpoint(connection: sqlite3.Connection) -> None:
    """Count a checkpoint, and bring the write-ahead log into the main file as far as readers allow.

    Raises:
        sqlite3.Error: The database is locked, or the disk refuses it.
    """
    connection.execute(_COUNT_CHECKPOINT)
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def move_out(wal: int, place: Path) -> None:
    """Copy a write-ahead log to a new file and empty it, so that closing its database brings nothing into that.

    Args:
        wal: An open descriptor of it.
        place: Name of the new file.

    Raises:
        OSError: The disk refuses the copy; nothing has changed.
    """
    try:
        with place.open("xb") as copy:
            while data := os.pread(wal, _COPIED_BYTES, copy.tell()):
                copy.write(data)
    except OSError:
        place.unlink(missing_ok=True)
        raise
    os.ftruncate(wal, 0)
