"""The clocks of New York: a ride across a change of the clocks lasts as long as it lasted, whatever they showed.

Times are wall clocks without an offset. In spring the hour from 2 to 3 a.m. is skipped, in autumn the one from 1 to 2
a.m. is shown twice. A time in one of those two hours has no instant of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEW_YORK = ZoneInfo("America/New_York")

#: By so much the clocks change (seconds).
HOUR = 3600


class WallClock(NamedTuple):
    """The parts of New York wall clocks as integers, all of one shape: numbers, arrays or columns of a table."""

    year: Any
    month: Any
    day: Any
    hour: Any

    @property
    def position(self) -> Any:
        """The hour's position in its year, as month, day and hour: `31402` is March 14, 2 a.m."""
        return (self.month * 100 + self.day) * 100 + self.hour

    @property
    def skipped_hour(self) -> Any:
        """The position of the hour that the clocks skip in that year: 2 a.m. on the second Sunday of March.

        The rule has held since 2007 (Energy Policy Act of 2005, section 110). The weekday follows from the year alone
        from 1901 to 2099, since every fourth year is a leap year.
        """
        return 30002 + 100 * (14 - (self.year * 5 // 4 + 1) % 7)

    @property
    def repeated_hour(self) -> Any:
        """The position of the hour that the clocks show twice in that year: 1 a.m. on the first Sunday of November."""
        return 110001 + 100 * (7 - (self.year * 5 // 4 + 1) % 7)

    @property
    def is_summer(self) -> Any:
        """Whether daylight saving time is in force beyond doubt."""
        return (self.position > self.skipped_hour) & (self.position < self.repeated_hour)

    @property
    def is_winter(self) -> Any:
        """Whether standard time is in force beyond doubt."""
        return (self.position < self.skipped_hour) | (self.position > self.repeated_hour)

    @property
    def is_repeated(self) -> Any:
        """Whether the clocks show this hour twice."""
        return self.position == self.repeated_hour


def find_clock_changes(pickup: WallClock, dropoff: WallClock, is_reversed: Any) -> tuple[Any, Any]:
    """Find the rides during which the clocks changed, beyond doubt.

    Written with operators alone, so that it means the same for numbers, arrays and columns of a table. A time in a
    skipped or repeated hour leaves the wall clock as it is, but for a ride that would end before it began within the
    repeated hour: it can only have begun in the first of the two.

    Args:
        pickup: Of the pick-up.
        dropoff: Of the drop-off.
        is_reversed: Whether the drop-off's wall clock lies before the pick-up's.

    Returns:
        Booleans: whether the ride is an hour shorter than the wall clocks say, and whether it is an hour longer.
    """
    shorter = pickup.is_winter & dropoff.is_summer
    within = pickup.is_repeated & dropoff.is_repeated & (pickup.year == dropoff.year) & is_reversed
    longer = (pickup.is_summer & dropoff.is_winter) | within
    return shorter, longer


def find_instant(wall_clock: datetime) -> float | None:
    """Return the instant at which New York's clocks show a time.

    Args:
        wall_clock: Naive.

    Returns:
        Seconds since 1970-01-01 UTC; None where the clocks skip the time, or show it twice.
    """
    first, second = (wall_clock.replace(tzinfo=NEW_YORK, fold=fold).timestamp() for fold in (0, 1))
    return first if first == second else None


def find_instants(wall_clock: NDArray[np.datetime64], *, later: bool = False) -> NDArray[np.float64]:
    """Return the instants (n,) at which New York's clocks show times (n,), in seconds since 1970-01-01 UTC.

    Of a time that they show twice it is the first, or the `later` one; a time that they skip counts from before the
    change.
    """
    import numpy as np  # commands that only read do without

    seconds = wall_clock.astype("datetime64[s]")
    hours, of_hour = np.unique(seconds.astype("datetime64[h]").astype(np.int64), return_inverse=True)
    offsets = []
    for hour in hours.tolist():
        shown = datetime.fromisoformat(str(np.datetime64(hour, "h").astype("datetime64[s]")))
        instants = [shown.replace(tzinfo=NEW_YORK, fold=fold).timestamp() for fold in (0, int(later))]
        offsets.append(max(instants) - hour * HOUR)
    return seconds.astype(np.int64) + np.array(offsets, dtype=np.float64)[of_hour]


def find_midnight(day: str, later: int = 0) -> float:
    """Return the instant at which a New York day, or one some days later, begins.

    Args:
        day: For instance 2021-03-01.
        later: How many days later.

    Returns:
        Seconds since 1970-01-01 UTC.
    """
    return (datetime.fromisoformat(day) + timedelta(days=later)).replace(tzinfo=NEW_YORK).timestamp()


def find_day(at: float) -> str:
    """Return the day, for instance 2021-03-01, that New York's clocks show at an instant (seconds since 1970, UTC)."""
    return str(datetime.fromtimestamp(at, NEW_YORK).date())
