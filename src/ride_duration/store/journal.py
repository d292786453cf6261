"""The journal: a backlog that survives `kill -9`, in files that are deleted once the database has what they hold."""

from __future__ import annotations

import logging
import math
import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ride_duration.store.backlog import LogFull
from ride_duration.store.entries import entry_of, records_of, whole_entries
from ride_duration.store.records import Record
from ride_duration.store.refused import Refused

log = logging.getLogger(__name__)

SUFFIX = ".journal"
_SEGMENT_BYTES = 8_000_000
_SEGMENTS = 8
_READ_BYTES = 500_000
_ROOM = 10_000
_FAILED_SECONDS = 1.0


@dataclass
class _Segment:
    path: Path
    size: int  # bytes of whole entries


class Journal:
    """Segments, the oldest first; one thread appends to the last, another one takes from the first.

    An append is one `write`: once it has returned, the operating system has the bytes and a killed process loses
    nothing. Against a power cut there is `sync`. Leftovers of a process that ended are taken first.

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

    def __init__(self, folder: Path, most_bytes: int, refused: Refused, synced: bool = False) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._segment_bytes = min(_SEGMENT_BYTES, most_bytes // _SEGMENTS)
        self._refused = refused
        self._synced = synced
        self._failed_at = -math.inf
        self._torn = False
        self._written = self._freed = self.appended = self._advanced = 0
        self._segments: deque[_Segment] = deque()
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            self._adopt(path)
        self._last = int(self._segments[-1].path.stem) if self._segments else 0
        self._unsynced: deque[int] = deque()  # rotated away; `sync` alone closes them
        self._reader: tuple[Path, int] | None = None
        self._offset = self._next = self._taken = 0
        self._fd = self._begin()

    @property
    def size(self) -> int:
        return self._written - self._freed

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
        entry = entry_of(records)
        if self._written - self._freed + len(entry) > self._most_bytes:
            raise LogFull(
                f"the journal {self._folder} has reached its bound of {self._most_bytes:,} bytes, because the database "
                "cannot be written; see to the database, or to the disk"
            )
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
        self._written += len(entry)
        self.appended += len(records)

    def take(self, limit: int) -> list[Record]:
        records: list[Record] = []
        self._taken = 0
        while not records and self.pending:
            segment = self._segments[0]
            ended = len(self._segments) > 1  # asked before its size, which is final then
            if self._offset == segment.size:
                if not ended:
                    break
                self._drop()
                continue
            self._next = self._offset
            for end, count, payload in whole_entries(self._read(segment)):
                self._next = self._offset + end
                self._taken += count
                try:
                    records += records_of(payload)
                except msgspec.DecodeError as error:
                    self._refused.keep(bytes(payload), error)
                if self._taken >= limit:
                    break
            if self._next == self._offset:  # was whole when it was written or found
                log.error("%s is damaged after byte %d; what follows in it is lost", segment.path, self._offset)
                self._next = segment.size
            if not records:
                self.advance()
        return records

    def advance(self) -> None:
        self._advanced += self._taken
        self._offset, self._taken = self._next, 0

    def sync(self) -> None:
        os.fsync(self._fd)
        while self._unsynced:
            fd = self._unsynced.popleft()
            os.fsync(fd)
            os.close(fd)

    def close(self) -> None:
        if not self.pending:
            self._drop()
        os.close(self._fd)
        for fd in self._unsynced:
            os.close(fd)
        self._close_reader()

    def _adopt(self, path: Path) -> None:
        """A segment that was left behind; what is torn at its end was never acknowledged."""
        data = path.read_bytes()
        size = records = 0
        for end, count, _ in whole_entries(data):
            size, records = end, records + count
        if size < len(data):
            log.warning("%s: the last %d bytes are torn, and left out", path, len(data) - size)
        self._segments.append(_Segment(path, size))
        self._written += size
        self.appended += records

    def _begin(self) -> int:
        self._last += 1
        path = self._folder / f"{self._last:012d}{SUFFIX}"
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if self._synced:
            folder = os.open(self._folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        self._segments.append(_Segment(path, 0))
        return fd

    def _rotate(self) -> None:
        try:
            following = self._begin()
        except OSError as error:
            raise self._failure(error.strerror) from None
        if self._synced:
            self._unsynced.append(self._fd)
        else:
            os.close(self._fd)
        self._fd = following
        self._torn = False

    def _failure(self, why: str | None) -> LogFull:
        self._failed_at = time.monotonic()
        try:
            os.ftruncate(self._fd, self._segments[-1].size)
        except OSError:
            self._torn = True  # so nothing may follow in this file
        return LogFull(f"the journal {self._folder} cannot be written ({why}); see to the disk")

    def _read(self, segment: _Segment) -> bytes:
        if not self._reader or self._reader[0] != segment.path:
            self._close_reader()
            self._reader = segment.path, os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        size, rest = _READ_BYTES, segment.size - self._offset
        while True:
            data = os.pread(self._reader[1], min(size, rest), self._offset)
            if size >= rest or next(whole_entries(data), None):
                return data
            size *= 4

    def _drop(self) -> None:
        self._close_reader()
        segment = self._segments[0]
        segment.path.unlink(missing_ok=True)
        self._segments.popleft()
        self._freed += segment.size
        self._offset = self._next = 0

    def _close_reader(self) -> None:
        if self._reader:
            os.close(self._reader[1])
            self._reader = None
