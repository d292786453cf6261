"""Records that no retry can bring into the database: kept beside the journal, so that they do not hold up the rest."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from ride_duration.store.log_records import Record

log = logging.getLogger(__name__)


class DeadLetterFile:
    """A file of JSON lines: why, and the record (an entry that cannot be read: its payload in base64).

    Args:
        path: The file; made when there is something to keep.

    Attributes:
        path: The same.
        count: How many were refused since the start.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0

    @property
    def size(self) -> int:
        """Bytes that lie in the file, also from before the start; 0 once somebody has moved it away."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def keep(self, what: Record | bytes, why: Exception) -> None:
        """Append to the file what was refused."""
        reason = str(why).splitlines()[0]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode({"why": reason, "what": what}) + b"\n")
        self.count += 1
        log.error("a record is refused (%s); it is kept in %s", reason, self.path)
