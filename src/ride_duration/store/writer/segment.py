"""One file of the journal, held open: what was written to it can be read whatever becomes of its name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ride_duration.atomic import free_name
from ride_duration.store.writer.entries import iterate_entries

SUFFIX = ".journal2"
#: Of programs that wrote entries of version 1; they would take those of today for damage, and so never see them.
SUFFIX_1 = ".journal"

_NAME = re.compile(r"(\d{1,18})(\..+)?", re.ASCII)
_COPIED_BYTES = 1_000_000


class Segment:
    """A file of the journal.

    Args:
        path: Of the file.
        fd: An open descriptor of it, for reading; the segment closes it.
        size: Bytes that were appended to it.
        records: That were appended to it.

    Attributes:
        path: The same.
        size: Bytes to be read.
        records: The same.
        taken: Records that are in the database, as far as it was read since the last rewind.
        inserted: The same, as far as it was ever read: what is damaged afterwards is not lost.
        damaged: Does it hold bytes that are no whole entries, or not what was written to it?
    """

    def __init__(self, path: Path, fd: int, size: int = 0, records: int = 0) -> None:
        self.path = path
        self._fd = fd
        self.size = size
        self.records = records
        self.taken = self.inserted = 0
        self.damaged = False
        self._identity = _identity(os.fstat(fd))

    @property
    def instance(self) -> str:
        """The instance that it was inherited from; empty if it is this one's own."""
        return instance_in(self.path)[1:]

    def add_taken(self, number: int) -> None:
        """Note that more of its records are in the database."""
        self.taken += number
        self.inserted = max(self.inserted, self.taken)

    def read(self, offset: int, most: int) -> tuple[bytes, bool]:
        """Read from an offset: enough for one whole entry at least, if there is one.

        Returns:
            The bytes, and whether they go as far as the segment.
        """
        while True:
            rest = self.size - offset
            data = os.pread(self._fd, min(most, rest), offset)
            ended = most >= rest or len(data) < most
            if ended or next(iterate_entries(data, ended=False), None):
                return data, ended
            most *= 4

    def size_by_name(self) -> int | None:
        """Bytes of the file that has the segment's name; None if there is none, or another file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_size if _identity(found) == self._identity else None

    def copy_to(self, path: Path, fd: int) -> None:
        """Write everything to another file, which takes its place.

        Args:
            path: Of the other file, which is empty.
            fd: An open descriptor of it, for both; stays the caller's.

        Raises:
            OSError: The disk refuses it; nothing has changed.
        """
        copied = 0
        while copied < self.size and (data := os.pread(self._fd, min(_COPIED_BYTES, self.size - copied), copied)):
            copied += os.write(fd, data)
        os.dup2(fd, self._fd, inheritable=False)  # at once: another thread may be reading
        self.path, self.size = path, copied
        self._identity = _identity(os.fstat(fd))

    def remove(self) -> Path | None:
        """Delete the file; one that is damaged is set aside instead.

        Returns:
            Where it was set aside.
        """
        aside = None
        if self.size_by_name() is not None:  # else another file has the name
            if self.damaged:
                aside = free_name(self.path.with_name(f"{self.path.name}.damaged"))
                self.path.rename(aside)
            else:
                self.path.unlink()
        self.close()
        return aside

    def close(self) -> None:
        """Let the file go."""
        os.close(self._fd)


def open_segment(path: Path) -> Segment:
    """Open a file that was left behind.

    Raises:
        OSError: It cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    segment = Segment(path, fd, os.fstat(fd).st_size)
    data, _ = segment.read(0, segment.size)
    end = 0
    for entry in iterate_entries(data):
        segment.damaged |= entry.begin > end
        segment.records += entry.number
        end = entry.end
    segment.damaged |= end < segment.size
    return segment


def list_segments(folder: Path) -> list[Path]:
    """List the files of journals in a folder, the oldest first; those with names of others' choice last."""
    found = [path for suffix in (SUFFIX, SUFFIX_1) for path in folder.glob(f"*{suffix}") if path.is_file()]
    return sorted(found, key=lambda path: (number_of(path) is None, number_of(path), path.name))


def number_of(path: Path) -> int | None:
    """The number in the name of a journal's file; None if it has another name."""
    named = _NAME.fullmatch(path.stem)
    return int(named[1]) if named else None


def instance_in(path: Path) -> str:
    """The instance in the name of a journal's file, after a dot; empty if there is none."""
    named = _NAME.fullmatch(path.stem)
    return (named[2] or "") if named else ""


def free_number(path: Path, last: int) -> Path:
    """This name of a journal's file or, where it is taken, the same with the next free number after the last one."""
    free = path
    while os.path.lexists(free):
        last += 1
        free = path.with_name(f"{last:012d}{instance_in(path)}{path.suffix}")
    return free


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
