"""The journal: a backlog that survives `kill -9`, in files that are deleted once the database has what they hold."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ride_duration.store.log_records import Record
from ride_duration.store.writer.backlog import LogFull
from ride_duration.store.writer.dead_letter_file import DeadLetterFile
from ride_duration.store.writer.entries import decode_records, encode_entry, iterate_entries
from ride_duration.store.writer.segment import SUFFIX, Segment, free_number, list_segments, number_of, open_segment

log = logging.getLogger(__name__)

_SEGMENT_BYTES = 8_000_000
_SEGMENTS = 8
_READ_BYTES = 500_000
_ROOM = 10_000
_FAILED_SECONDS = 1.0
_CHECKED_SECONDS = 0.05  # between looks at the file that is appended to


class WriteAheadLog:
    """Segments, the oldest first; one thread appends to the last, another one takes from the first.

    An append is one `write`: once it has returned, the operating system has the bytes and a killed process loses
    nothing. Against a power cut there is `sync`. Leftovers of a process that ended are taken first. Files that are
    deleted meanwhile are written again; damage costs the damaged records alone, and the file is set aside.

    Args:
        folder: Of this process alone, until it closes the journal.
        most_bytes: That the segments may have together.
        refused: Where entries go that cannot be read.
        synced: Keep files that were rotated away open until `sync` was called.

    Attributes:
        appended: Records that were appended so far, leftovers among them.
        size: Bytes on disk.
        full: Would a record be refused now? A failed write counts for a second.
    """

    def __init__(self, folder: Path, most_bytes: int, refused: DeadLetterFile, synced: bool = False) -> None:
        self._folder, self._most_bytes = folder, most_bytes
        self._segment_bytes = min(_SEGMENT_BYTES, most_bytes // _SEGMENTS)
        self._refused, self._synced = refused, synced
        self._failed_at = self._checked_at = -math.inf
        self._torn = self._changed = False
        self.size = self.appended = self.lost = self._advanced = self._dropped = 0
        self._said = self.taken_from = ""
        self.set_aside: list[Path] = []
        self._lock = threading.Lock()  # of the last segment, and of what there is
        self._segments: deque[Segment] = deque()
        for path in list_segments(folder):
            self._adopt(path)
        self._last = max((number_of(path) or 0 for path in list_segments(folder)), default=0)
        self._unsynced: deque[int] = deque()  # rotated away; `sync` alone closes them
        self._offset = self._next = self._taken = 0
        self._fd = self._begin()

    @property
    def depth(self) -> int:
        return self.appended - self._advanced

    @property
    def full(self) -> bool:
        return self.size + _ROOM > self._most_bytes or time.monotonic() - self._failed_at < _FAILED_SECONDS

    @property
    def pending(self) -> bool:
        return len(self._segments) > 1 or self._offset < self._segments[0].size

    def append(self, records: Sequence[Record]) -> None:
        entry = encode_entry(records)
        if self.size + len(entry) > self._most_bytes:
            raise LogFull(
                f"the journal {self._folder} has reached its bound of {self._most_bytes:,} bytes, because the database "
                "cannot be written; see to the database, or to the disk"
            )
        with self._lock:
            if time.monotonic() - self._checked_at > _CHECKED_SECONDS:
                self._checked_at = time.monotonic()
                self._check(self._segments[-1])
            segment = self._segments[-1]
            if self._torn or (segment.size and segment.size + len(entry) > self._segment_bytes):
                self._rotate()
                segment = self._segments[-1]
            try:
                if os.write(self._fd, entry) < len(entry):
                    raise self._failure("the disk is full")
            except OSError as error:
                raise self._failure(error.strerror) from None
            segment.size += len(entry)
            segment.records += len(records)
            self.size += len(entry)
            self.appended += len(records)

    def take(self, limit: int) -> list[Record]:
        records: list[Record] = []
        self._taken = 0
        while not records and self.pending:
            segment = self._segments[0]
            if self._offset >= segment.size:
                if not self._drop():
                    break
                continue
            data, ended = segment.read(self._offset, _READ_BYTES)
            if not data:  # it is shorter than it was: `check` sees to it
                break
            begin, damaged = self._offset, False
            self._next = begin
            for entry in iterate_entries(data, ended=ended):
                damaged |= begin + entry.begin > self._next
                self._next = begin + entry.end
                self._taken += entry.number
                try:
                    records += decode_records(entry.payload)
                except msgspec.DecodeError as error:
                    self._refused.keep(bytes(entry.payload), error)
                if self._taken >= limit:
                    break
            else:
                if ended and self._next < begin + len(data):
                    self._next, damaged = begin + len(data), True
            if damaged:
                with self._lock:
                    self._damaged(segment)
            if not records:
                self.advance()
        self.taken_from = self._segments[0].instance
        return records

    def advance(self) -> None:
        segment = self._segments[0]
        segment.add_taken(self._taken)
        self._advanced = self._dropped + segment.taken
        self._offset, self._taken = self._next, 0

    def check(self) -> bool:
        with self._lock:
            try:
                for segment in list(self._segments):
                    self._check(segment)
            except LogFull as error:  # until the disk takes it again, records are refused
                if str(error) != self._said:
                    log.error("%s", error)
                self._said = str(error)
            changed, self._changed = self._changed, False
        return not changed

    def rewind(self) -> None:
        self._segments[0].taken = self._offset = self._next = self._taken = 0
        self._advanced = self._dropped

    def sync(self) -> None:
        os.fsync(self._fd)
        while self._unsynced:
            fd = self._unsynced.popleft()
            os.fsync(fd)
            os.close(fd)

    def close(self) -> None:
        self.check()
        if not self.pending:
            self._remove(self._segments.popleft())
        for segment in self._segments:
            segment.close()
        for fd in (self._fd, *self._unsynced):
            os.close(fd)

    def _adopt(self, path: Path) -> None:
        try:
            segment = open_segment(path)
        except OSError as error:
            log.error("the journal's file %s cannot be read, and stays where it is: %s", path, error.strerror)
            return
        if segment.damaged:
            log.warning("%s has parts that are torn or damaged; all other records of it are kept", path)
        self._segments.append(segment)
        self.size += segment.size
        self.appended += segment.records

    def _begin(self) -> int:
        path, fd = self._create(self._folder / f"{self._last + 1:012d}{SUFFIX}")
        self._segments.append(Segment(path, os.dup(fd)))
        return fd

    def _create(self, path: Path) -> tuple[Path, int]:
        """Make an empty file by this name or, where that is taken, by the next number."""
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        self._folder.mkdir(parents=True, exist_ok=True)
        path = free_number(path, self._last)
        fd = os.open(path, flags, 0o600)
        self._last = max(self._last, number_of(path) or 0)
        if self._synced:
            folder = os.open(self._folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return path, fd

    def _rotate(self) -> None:
        try:
            following = self._begin()
        except OSError as error:
            raise self._failure(error.strerror) from None
        self._write_to(following)
        self._torn = False

    def _write_to(self, fd: int) -> None:
        if self._synced:
            self._unsynced.append(self._fd)
        else:
            os.close(self._fd)
        self._fd = fd

    def _failure(self, why: str | None) -> LogFull:
        self._failed_at = time.monotonic()
        try:
            os.ftruncate(self._fd, self._segments[-1].size)
        except OSError:
            self._torn = True  # so nothing may follow in this file
        return LogFull(f"the journal {self._folder} cannot be written ({why}); see to the disk")

    def _check(self, segment: Segment) -> None:
        size = segment.size_by_name()
        if size is None:
            self._restore(segment)
        elif size != segment.size and not (self._torn and segment is self._segments[-1]):
            log.error("%s was changed by others: it had %d bytes, and has %d", segment.path, segment.size, size)
            self.size += size - segment.size
            segment.size = size
            self._changed = True  # so it is read once more
            self._damaged(segment)

    def _restore(self, segment: Segment) -> None:
        """Write a file again whose name is gone, or has become another file's: that one gets a number of its own."""
        gone = segment.path
        try:
            if os.path.lexists(gone):  # the order of what is replayed is that of the names
                gone.rename(free_number(gone, self._last))
            path, fd = self._create(gone)
            try:
                segment.copy_to(path, fd)
                if self._synced:
                    os.fsync(fd)
            except OSError:
                os.close(fd)
                path.unlink()
                raise
        except OSError as error:
            raise self._failure(error.strerror) from None
        log.error("the journal's file %s was deleted or replaced; it was written again as %s", gone, path)
        if segment is self._segments[-1]:
            self._write_to(fd)
        else:
            os.close(fd)

    def _damaged(self, segment: Segment) -> None:
        """Set it aside once the rest of it is in the database; nothing more is appended to it."""
        segment.damaged = True
        if segment is self._segments[-1]:
            with contextlib.suppress(LogFull):
                self._rotate()

    def _drop(self) -> bool:
        """Let the first segment go, unless it is appended to."""
        with self._lock:
            segment = self._segments[0]
            if len(self._segments) == 1 or self._offset < segment.size:
                return False
            self._segments.popleft()
            self.size -= segment.size
            self._dropped += segment.records
            self._advanced = self._dropped
            self._offset = self._next = 0
        self._remove(segment)
        return True

    def _remove(self, segment: Segment) -> None:
        lost = max(0, segment.records - segment.inserted)
        self.lost += lost
        try:
            aside = segment.remove()
        except OSError as error:
            log.error("%s cannot be removed, and stays where it is: %s", segment.path, error.strerror)
            return
        if aside is not None:
            self.set_aside.append(aside)
            known = f"{lost} records of it are lost" if lost else "parts of it cannot be read"
            log.error("%s was damaged: %s, the others are kept; it is set aside as %s", segment.path, known, aside)
