"""One clock for every time that is stored or decides something: the machine's own, or one that a simulation drives.

Durations (latencies, timeouts, intervals between looks) are none of it: `time.monotonic` and `time.perf_counter`
measure them, and they pass on any clock. No other module reads the time of day; a test holds that.
"""

from __future__ import annotations

import math
import mmap
import os
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ride_duration.atomic import replaced_whole
from ride_duration.errors import ConfigurationError

#: A simulated clock's file: seconds since 1970-01-01 UTC as one double in the machine's byte order.
_BYTES = 8


class ClockKind(StrEnum):
    """Which clock a store's times are on; the values stand in the store."""

    REAL = "real"
    SIMULATED = "simulated"


class Clock(Protocol):
    """The time of day."""

    @property
    def kind(self) -> ClockKind:
        """Return which clock it is."""

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""


class RealClock:
    """The machine's own clock."""

    kind = ClockKind.REAL
    now = staticmethod(time.time)


class SimulatedClock:
    """A clock that stands still until `advance` moves it, in this process or in another one.

    The time is eight bytes of a file that is mapped into memory: a read or a write of them is one instruction, so that
    readers cost 0.15 µs and never see half of a new time.

    Args:
        path: The file, as `start_clock` leaves it.

    Raises:
        ConfigurationError: There is no such file, or it is not a clock's.
    """

    kind = ClockKind.SIMULATED

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("r+b") as file:
                size = os.fstat(file.fileno()).st_size
                self._time = memoryview(mmap.mmap(file.fileno(), _BYTES)).cast("d") if size == _BYTES else None
        except OSError as error:
            advice = "`kedro service simulate --fresh` starts it"
            if isinstance(error, PermissionError):
                advice = "whoever looks at the simulation must be allowed to write it"
            raise ConfigurationError(f"the simulated clock {path} cannot be read: {error.strerror}; {advice}") from None
        if self._time is None or not math.isfinite(self._time[0]):
            raise ConfigurationError(
                f"{path} is not a simulated clock; `kedro service simulate --fresh` starts it again"
            )

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return self._time[0]  # type: ignore[index]

    def advance(self, to: float) -> None:
        """Move the clock, for every process that reads it.

        Args:
            to: Seconds since 1970-01-01 UTC.

        Raises:
            ValueError: That lies before the present time, or is not finite.
        """
        if not (math.isfinite(to) and to >= self.now()):
            raise ValueError(f"a clock that shows {self.now()} cannot be moved to {to}")
        self._time[0] = to  # type: ignore[index]


#: The machine's own clock.
REAL_CLOCK = RealClock()


def start_clock(path: Path, at: float) -> SimulatedClock:
    """Return a simulated clock that shows a time; its file, made if it is not there, is whole at any moment.

    Args:
        path: The file. Processes that have opened the one that was there before keep that one.
        at: Seconds since 1970-01-01 UTC.
    """
    with replaced_whole(path) as partial:
        partial.write_bytes(bytes(_BYTES))
        started = SimulatedClock(partial)
        started.advance(at)
    return SimulatedClock(path)


def open_clock(path: Path | None) -> Clock:
    """Return the simulated clock of a file, or the machine's own if none is named.

    Raises:
        ConfigurationError: The file is not there, or is not a clock's.
    """
    return REAL_CLOCK if path is None else SimulatedClock(path)


def local_time() -> datetime:
    """Return the machine's time in its own time zone: for people, and for what MLflow keeps on the same clock."""
    return datetime.fromtimestamp(REAL_CLOCK.now(), UTC).astimezone()
