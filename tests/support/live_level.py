"""A log of rides whose traffic is known, a package that answers by hand, and a clock that a test moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import numpy as np

from ride_duration.clock import ClockKind
from ride_duration.level import EndedRides
from ride_duration.live_level import LevelPublisher, LevelSettings, parse_level
from ride_duration.model_package import ModelPackage
from ride_duration.model_package.package import Answers, Rides
from ride_duration.store.database import open_reading_engine, open_writing_engine
from ride_duration.store.levels import LevelRow, load_levels
from ride_duration.store.log_records import ActualRecord, PredictionRecord, Record
from ride_duration.store.writer.insertion import Insertion
from ride_duration.trips.clock import NEW_YORK
from tests.support.level import CONFIGURED, MONDAY

#: How the level of these tests is computed: as it is configured, but a few rides freeze it.
SETTINGS: LevelSettings = parse_level(CONFIGURED["level"] | {"guard_rides": 20, "pseudo_rides": 10})


class MovedClock:
    """A clock that shows what it is set to."""

    kind = ClockKind.REAL

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return self.at


class ByHand:
    """Answers a ride by its zones; counts what it is asked."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor, self.asked = factor, 0

    def answer(self, rides: Rides, *, intervals: bool = True) -> Answers:
        """Return minutes (n,)."""
        assert not intervals, "bounds are not needed"
        self.asked += len(rides.pickup_zone)
        minutes = self.factor * (5 + rides.pickup_zone % 20 + rides.dropoff_zone % 7)
        return Answers(minutes, minutes, minutes)

    def to_package(self) -> ModelPackage:
        """Return it as what it stands for."""
        return cast("ModelPackage", self)


#: What the two versions of a log answer.
PACKAGES = {1: ByHand(1.0), 2: ByHand(0.9)}


class LoggedRide(NamedTuple):
    """A ride: when its answer and its report arrive in the store, and both records."""

    answered_at: float
    reported_at: float
    prediction: PredictionRecord
    report: ActualRecord


def make_rides(
    model: str, days: float = 2.0, rides: int = 400, seed: int = 1, late: float = 0.0, begin: float = MONDAY
) -> list[LoggedRide]:
    """Make rides that take 1.1 times what version 1 answers, and more in the second half; some records are late."""
    rng = np.random.default_rng(seed)
    made = []
    instants = np.sort(rng.uniform(begin, begin + 86_400 * days, rides)).astype(int).astype(float)
    for number, at in enumerate(instants.tolist()):
        zones = [int(zone) for zone in rng.integers(1, 264, 2)]
        version = 1 + int(rng.random() < 0.3)
        raw = PACKAGES[version].factor * (5 + zones[0] % 20 + zones[1] % 7)
        traffic = 1.1 if at < begin + 43_200 * days else 1.2
        minutes = float(raw / PACKAGES[version].factor * traffic * rng.lognormal(-0.03, 0.25))
        pickup = datetime.fromtimestamp(at, UTC).astimezone(NEW_YORK).replace(tzinfo=None)
        answer = (1.2 * raw, 1.2 * raw, 1.2 * raw, version, "champion", 0.5, model, at, raw, raw, raw, 1)
        prediction = PredictionRecord(f"{model}-{number}", f"{model}-{number}", at, pickup, *zones, None, *answer)
        received = at + 60 * minutes + 3600
        report = ActualRecord(f"{model}-{number}-a", f"{model}-{number}", received, minutes)
        delays = rng.exponential(5_000, 2) * (rng.random(2) < late)
        made.append(LoggedRide(at + delays[0], received + delays[1], prediction, report))
    return made


def find_known(rides: Sequence[LoggedRide], version: int) -> EndedRides:
    """Return the rides as the level of a version learns from them, where nothing is late."""
    package = PACKAGES[version]
    valid = [ride for ride in rides if 1 <= cast("float", ride.report.duration) <= 60]
    zones = np.array([(ride.prediction.pickup_zone, ride.prediction.dropoff_zone) for ride in valid], dtype=np.float64)
    predicted = package.factor * (5 + zones[:, 0] % 20 + zones[:, 1] % 7)
    return EndedRides(
        np.array([ride.report.received_at for ride in valid]),
        np.array([ride.report.duration for ride in valid]),
        predicted,
    )


class Arrivals:
    """Brings records into a store in the order in which they arrive.

    Args:
        url: Of a store with tables.
        begin: Seconds since 1970-01-01 UTC.
    """

    def __init__(self, url: str, begin: float) -> None:
        self._engine = open_writing_engine(url)
        self._insertion = Insertion(self._engine)
        self._arrived = begin - 1e9

    def insert(self, to: float, rides: Sequence[LoggedRide]) -> None:
        """Insert what arrives until then."""
        arrivals: list[tuple[float, Record]] = []
        for ride in rides:
            arrivals += [(ride.answered_at, ride.prediction), (ride.reported_at, ride.report)]
        new = [record for at, record in sorted(arrivals, key=lambda one: one[0]) if self._arrived < at <= to]
        self._insertion.insert(new, _refuse)
        self._arrived = to

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()


class Played:
    """Plays rides into a store, and lets publishers look at it meanwhile.

    Args:
        url: Of a store with tables.
        model: Name of the registered model.
        begin: Seconds since 1970-01-01 UTC.
    """

    def __init__(self, url: str, model: str, begin: float = MONDAY) -> None:
        self.url, self.model, self.clock = url, model, MovedClock(begin)
        self._arrivals = Arrivals(url, begin)
        self.close = self._arrivals.close

    def open(self, delay_hours: float = 1.0) -> LevelPublisher:
        """Return a publisher: a process of its own, as the store sees it."""
        return LevelPublisher(self.url, self.model, self.clock, SETTINGS, delay_hours, "test")

    def move(self, to: float, rides: Sequence[LoggedRide]) -> None:
        """Let time pass, and what arrives meanwhile be in the store."""
        self._arrivals.insert(to, rides)
        self.clock.at = to

    def load(self, version: int = 1) -> list[LevelRow]:
        """Return what is published of a version."""
        engine = open_reading_engine(self.url)
        rows = [row for row in load_levels(engine, self.model, version) if row is not None]
        engine.dispose()
        return rows


def to_packages(*versions: int) -> list[tuple[int, ModelPackage]]:
    """Return versions with their packages."""
    return [(version, PACKAGES[version].to_package()) for version in versions]


def _refuse(record: Any, error: Exception) -> None:
    raise AssertionError(record) from error
