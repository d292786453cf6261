"""The file of SQLite under a connection that stays open: noticed if it is deleted or replaced, and kept all the same.

SQLite goes on writing to a file that has no name any more, and says nothing. So before records are taken as kept, the
names are compared with what was opened: the database, its write-ahead log and the index of that. A file that another
program has overwritten in place keeps its name and inode: its content tells (`sqlite_content`).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.atomic import free_name
from ride_duration.clock import local_time
from ride_duration.store.sqlite_content import (
    CHECKPOINT_BYTES,
    NOT_A_DATABASE,
    Content,
    Stamp,
    checkpoint,
    move_out,
    read_content,
    read_stamp,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)

#: An empty file in the journal's folder while what the database held cannot be saved; it needs no block of a full disk.
MARKER = "database-not-saved"

_BESIDE = ("-wal", "-shm")
_TRANSIENT = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)
#: Seconds without a change after which a program that overwrites the file has ended.
_SETTLED = 1.0

_Identity = tuple[int, int]


class SQLiteFile:
    """Watches the file of the one connection that an engine keeps open.

    Args:
        engine: Of `database.open_writing_engine`, for SQLite.
        folder: Of the journal; tells the next start, by a marker, of a database that could not be saved.

    Attributes:
        events: What happened to the file since the start, in sentences.
        incomplete: Was the file overwritten in place, or deleted or replaced while it was not open? Then what it held
            could not be saved.
        unsaved: Why only this process has what the database held: its files are gone, and cannot be written again;
            empty if all is well.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        from sqlalchemy import event

        self._engine = engine
        self._path = Path(engine.url.database or "")
        self._connection: sqlite3.Connection | None = None
        self._opened: dict[str, _Identity | None] = {}
        self._changed = self._change_noted = self._had_tables = False
        self._wal: int | None = None
        self._content: Content | None = None
        self._stamp: Stamp | None = None  # of the file when it held that
        self._foreign: Stamp | None = None  # of the file, if something else has been written to it
        self._foreign_since = 0.0
        self._rows_at_checkpoint = -1
        self.events: list[str] = []
        self.incomplete = False
        self.unsaved = ""
        self._marker = folder / MARKER
        if self._marker.exists():
            self._note_loss("and could not be saved when the service ended")
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "close", self._closed)

    def check(self, *, last: bool = False) -> bool:
        """Look whether the names still lead to what is open; else save what is open, and let it be opened by name.

        What cannot be saved is said at once, here and by `unsaved`, and a marker tells the next start. While all is
        well, a write-ahead log that has grown is brought into the file: by this class alone, since SQLite would bring
        it into whatever file another program has put there.

        Args:
            last: Do not wait until a program that overwrites the file has ended.

        Returns:
            Whether the file has all that was committed; else another one has its place, which may lack some of it.

        Raises:
            OSError: There is a folder in the file's place, another program is overwriting it, or the disk refuses to
                keep what is open; ask again later.
            sqlite3.Error: The same, of SQLite.
        """
        if self._connection is not None and self._is_overwritten():
            self._leave_overwritten(last)
        elif self._connection is not None and (names := self._names()) != self._opened:
            try:
                expected = self._save_changed(self._connection, names[""])
            except Exception as error:
                self._note_unsaved(error)
                raise
            self._changed = names[""] not in (None, self._opened[""])
            self._opened[""] = expected
            if self._changed:
                self._content = None  # that of another store may be anything
            self._change_noted = self._changed
            self._engine.dispose()
        elif self._connection is not None and self._had_tables:
            self._checkpoint_grown(self._connection)
        if self.unsaved:  # it was saved now, or its folder is there again
            self.unsaved = ""
            self.remove_marker()
        changed, self._changed = self._changed, False
        return not changed

    def remove_marker(self) -> None:
        """Let the next start know that nothing is unsaved."""
        if not self.unsaved:
            self._marker.unlink(missing_ok=True)

    def note_tables(self, made: bool) -> None:
        """Take note that the tables are there now.

        A file that was deleted while it was not open may have left its number to the one that was made in its place:
        then only the missing tables tell.

        Args:
            made: Whether they were missing.
        """
        if made and self._had_tables and not self._change_noted:
            self._note_loss()
        self._had_tables, self._change_noted = True, False
        if self._connection is not None and not self._is_overwritten():
            checkpoint(self._connection)  # so that the file has the identity
            self._is_overwritten()  # takes note of it

    def let_go(self, error: Exception) -> None:
        """Close the connection if a new one may be free of the error, unless it alone has what the database held.

        It stays open if SQLite only waits for a lock or for room: the file may be deleted meanwhile.
        """
        code = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF not in _TRANSIENT and not self.unsaved and self._foreign is None:
            self._engine.dispose()

    def _is_overwritten(self) -> bool:
        """Look whether the file that is open holds what no checkpoint has brought there; else take note of it."""
        stamp = read_stamp(self._path)
        if stamp == self._stamp or _identity(self._path) != self._opened[""]:
            return False
        content = read_content(self._path)
        if content is None:  # a checkpoint, or a copy, has brought a part: look again
            return False
        if content != NOT_A_DATABASE and (self._content is None or content.follows(self._content)):
            self._stamp, self._content, self._foreign = stamp, content, None
            return False
        if self._foreign != stamp:
            self._foreign, self._foreign_since = stamp, time.monotonic()
        return True

    def _leave_overwritten(self, last: bool) -> None:
        """Close the file without bringing anything into it, and set aside what is not part of it."""
        known = read_content(self._path)
        if known is None or (not last and time.monotonic() - self._foreign_since < _SETTLED):
            raise OSError(f"another program is overwriting {self._path}; records wait until it has ended")
        wal = self._path.with_name(f"{self._path.name}-wal")
        aside = free_name(wal.with_name(f"{wal.name}.replaced"))
        if self._wal is not None:
            move_out(self._wal, aside)
        self._engine.dispose()
        for beside in _BESIDE:
            if _identity(path := self._path.with_name(self._path.name + beside)) == self._opened[beside]:
                path.unlink(missing_ok=True)
        self._content = self._foreign = None
        self._changed = self._change_noted = self.incomplete = True
        where = "is written to from now on"
        if known == NOT_A_DATABASE:
            damaged = free_name(self._path.with_name(f"{self._path.name}.damaged"))
            self._path.rename(damaged)
            self._opened = {}
            where = f"is not a database, and is set aside as {damaged}"
        self._note(
            f"another program has overwritten the database {self._path} in place; what it put there {where}. Of what "
            f"was there before, the records that the journal still had were written again, and {aside} has the last "
            "pages; put a backup back with the service stopped"
        )

    def _checkpoint_grown(self, connection: sqlite3.Connection) -> None:
        if self._wal is None or os.fstat(self._wal).st_size < CHECKPOINT_BYTES:
            return
        if connection.total_changes != self._rows_at_checkpoint:
            checkpoint(connection)
            self._rows_at_checkpoint = connection.total_changes

    def _save_changed(self, connection: sqlite3.Connection, present: _Identity | None) -> _Identity | None:
        # What the open log has goes into the open database; a log that is left behind is empty from then on.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if present != self._opened[""]:
            return self._save(connection, present)
        self._note(f"the write-ahead log of {self._path} was deleted; the database has what it held")
        return present

    def _save(self, connection: sqlite3.Connection, other: _Identity | None) -> _Identity | None:
        if other is None:
            place = Path(os.path.realpath(self._path))
            place.parent.mkdir(parents=True, exist_ok=True)
        elif stat.S_ISREG(self._path.stat().st_mode):
            place = free_name(self._path.with_name(f"{self._path.name}.replaced"))
        else:
            raise OSError(f"something that is not a file has taken the place of {self._path}; move it away")
        partial = free_name(place.with_name(f"{place.name}.partial"))
        try:
            with closing(sqlite3.connect(partial)) as copy:
                connection.backup(copy)
            saved = _identity(partial)
            if os.path.lexists(place):
                raise FileExistsError(f"{place} was made by another program meanwhile")
            partial.rename(place)
        finally:
            partial.unlink(missing_ok=True)
        if other is None:
            self._note(f"the database {self._path} was deleted; it was written again from what was still open")
            return saved
        self._note(f"the database {self._path} was replaced; what it held before is kept as {place}")
        return other

    def _connected(self, connection: Any, _: Any) -> None:
        connection.execute("BEGIN IMMEDIATE")  # makes the files beside
        connection.execute("COMMIT")
        names, before = self._names(), self._content
        self._stamp, self._content, self._foreign = read_stamp(self._path), read_content(self._path), None
        self._rows_at_checkpoint = -1
        self._wal = _open_quietly(self._path.with_name(f"{self._path.name}-wal"))
        other = before is not None and self._content is not None and not self._content.follows(before)
        if self._opened and (names[""] != self._opened[""] or other):
            self._changed = self._change_noted = True
            self._note_loss()
        self._opened, self._connection = names, connection

    def _closed(self, connection: Any, _: Any) -> None:
        if connection is self._connection:
            self._connection = None
            if self._wal is not None:
                os.close(self._wal)
            self._wal = None

    def _names(self) -> dict[str, _Identity | None]:
        return {beside: _identity(self._path.with_name(self._path.name + beside)) for beside in ("", *_BESIDE)}

    def _note_loss(self, when: str = "while it was not open") -> None:
        self.incomplete = True
        self._note(
            f"the database {self._path} was deleted or replaced {when}; of the records that it held, "
            "only those that the journal still had were written again"
        )

    def _note_unsaved(self, error: Exception) -> None:
        unsaved = f"the files of the database {self._path} were deleted or replaced, and cannot be saved ({error})"
        if not self.unsaved:
            self._note(f"{unsaved}; only this process has what they held: make room on the disk before it ends")
            try:
                self._marker.touch()
            except OSError as failure:
                log.error("the next start will not know of it: %s cannot be made (%s)", self._marker, failure.strerror)
        self.unsaved = unsaved  # last: whoever reads it finds the message and the marker

    def _note(self, what: str) -> None:
        self.events.append(f"{local_time():%Y-%m-%d %H:%M:%S}: {what}")
        log.error("%s", what)


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _open_quietly(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR)
    except OSError:
        return None
