"""What waits for the database, and the kind of it that lives in memory alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ride_duration.errors import RideDurationError
from ride_duration.store.log_records import Record


class LogFull(RideDurationError):  # noqa: N818  a state of the log, not a fault in it
    """Nothing more is taken until the database has caught up."""


class Backlog(Protocol):
    """Records on their way: one thread appends, another one takes them to the database.

    Attributes:
        appended: Records that were appended so far.
        depth: Records that are not in the database yet.
        pending: Is there anything to take?
        full: Would a record be refused now?
        taken_from: Whose records were taken last: the instance whose journal they were in; empty for this one's own.
        lost: Records that were appended, and damaged before they were in the database.
        set_aside: Files in which something could not be read; they were renamed, and are still there.
    """

    appended: int
    lost: int
    taken_from: str
    set_aside: list[Path]

    @property
    def depth(self) -> int: ...

    @property
    def pending(self) -> bool: ...

    @property
    def full(self) -> bool: ...

    def append(self, records: Sequence[Record]) -> None:
        """Add records; raises LogFull, and then keeps none of them."""

    def take(self, limit: int) -> list[Record]:
        """The oldest records: about `limit`; the same again until `advance` is called."""

    def advance(self) -> None:
        """What was taken is in the database."""

    def check(self) -> bool:
        """Look whether the files are as they were left, and write those again that are gone.

        Returns:
            Whether all is as it was; else some records may have to be taken again.
        """

    def rewind(self) -> None:
        """Take everything that is still there once more: the database may not have it after all."""

    def sync(self) -> None:
        """Everything that was appended so far survives a power cut once this returns."""

    def close(self) -> None:
        """Nothing is appended or taken any more."""


class MemoryBacklog:
    """A bounded queue; a kill loses what it holds.

    Args:
        capacity: In records.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._queue: deque[Sequence[Record]] = deque()
        self._taken: list[Record] = []
        self.appended = self.lost = self._advanced = 0
        self.taken_from = ""
        self.set_aside: list[Path] = []

    @property
    def depth(self) -> int:
        return self.appended - self._advanced

    @property
    def pending(self) -> bool:
        return self.depth > 0

    @property
    def full(self) -> bool:
        return self.depth >= self._capacity

    def append(self, records: Sequence[Record]) -> None:
        if self.depth + len(records) > self._capacity:
            raise LogFull(f"{self.depth:,} records wait for the database already; try again in a few seconds")
        self._queue.append(tuple(records))
        self.appended += len(records)

    def take(self, limit: int) -> list[Record]:
        while len(self._taken) < limit and self._queue:
            self._taken.extend(self._queue.popleft())
        return self._taken

    def advance(self) -> None:
        self._advanced += len(self._taken)
        self._taken = []

    def check(self) -> bool:
        return True

    def rewind(self) -> None:
        pass

    def sync(self) -> None:
        pass

    def close(self) -> None:
        pass
