"""The prediction log -> sums, reports and features of the New York days about which anything has come in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.datasets.prediction_log import Increment
from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.expected_error import ExpectedError, has_error_model
from ride_duration.pipelines.monitoring.daily_sums import ALL, PARTS_OF_DAY, SUMS
from ride_duration.pipelines.monitoring.evidence import AWAITED
from ride_duration.pipelines.monitoring.label_delays import LabelCounts, is_labelled
from ride_duration.pipelines.monitoring.logged_features import FeatureCounts
from ride_duration.pipelines.monitoring.parameters import Monitored
from ride_duration.pipelines.monitoring.readable_packages import open_readable
from ride_duration.store.monitoring import DayEvidence
from ride_duration.store.queries.logged_rides import VARIANTS, LoggedRides
from ride_duration.store.variant import Variant
from ride_duration.trips.zones import read_zones, zone_table

log = logging.getLogger(__name__)

Numbers = NDArray[np.float64]

AT_REQUEST_TIME, WITH_DISTANCE = "at_request_time", "with_distance"

#: So many days are a step worth a word to whoever waits.
_STEP = 10

#: What is summed up of each ride.
_COLUMNS = (*SUMS, *AWAITED)

_PART_STARTS = np.array([*PARTS_OF_DAY][1:])


def compute_increment(
    prediction_log: MonitoredStore,
    registered_packages: dict[int, Callable[[], ModelPackage]],
    monitored: Monitored,
) -> Increment:
    """Find the days of the log about which anything has come in since the last run, and compute each when it is kept.

    Args:
        prediction_log: The store.
        registered_packages: For each version, a function that opens its package.
        monitored: Says whether the log is looked at, how it is read, and when the run began.

    Returns:
        The days, and what they come from; none where scored months are looked at.

    Raises:
        IntegrityError: The package of the newest champion is damaged. Days are computed without that of another one,
            as if it were not registered.
    """
    if not monitored.is_of_log:
        return Increment()
    news = prediction_log.find_news()
    champion = prediction_log.find_newest_champion()

    @cache
    def open_package(version: int) -> MonitoredPackage | None:
        opened = open_readable(registered_packages, version, needed=version == champion)
        return None if opened is None else MonitoredPackage(opened)

    if champion is not None:
        open_package(champion)  # before anything is written

    def compute() -> Iterator[DayEvidence]:
        for number, day in enumerate(news.days, 1):
            if number % _STEP == 1:
                log.info("       day %d of %d with news: %s", number, len(news.days), day)
            champions = prediction_log.find_champions(day)
            rides = prediction_log.read_rides(day, monitored.log_limits.rows)
            yield compute_day(day, champions, rides, open_package, monitored.log_limits.rides_of_a_day)

    return Increment(compute(), news, monitored.now)


class MonitoredPackage:
    """A package that has answered rides, with its error model, if it has one."""

    def __init__(self, package: ModelPackage) -> None:
        self.package = package
        self._errors = ExpectedError(package) if has_error_model(package) else None

    def expect_squares(self, rides: Rides, predicted: Numbers) -> Numbers:
        """Return the squared errors (n,) to be expected of answers about rides (n); NaN without an error model."""
        if self._errors is None or not len(predicted):
            return np.full(len(predicted), np.nan)
        return self._errors.expect_squares(self.package.columns(rides), predicted)


def compute_day(
    day: str,
    champions: Iterable[int],
    batches: Iterable[LoggedRides],
    open_package: Callable[[int], MonitoredPackage | None],
    rides_of_a_day: int,
) -> DayEvidence:
    """Compute all that is kept of one day, in memory that does not depend on the number of its rides.

    Args:
        day: For instance 2021-02-01.
        champions: Versions that answered rides of that day as the champion.
        batches: The day's answers.
        open_package: Returns the package of a version; None where it is not registered here.
        rides_of_a_day: Rides whose values are compared, and that are answered again with the metered distance.
    """
    sums, labels, chosen = _DaySums(), LabelCounts(), ChosenRides(rides_of_a_day)
    opened = {version: open_package(version) for version in champions}
    packages = {version: package for version, package in opened.items() if package is not None}
    counts = {version: FeatureCounts(package.package, version) for version, package in packages.items()}
    for rides in batches:
        for version in np.unique(rides.version).astype(int).tolist():
            _add(sums, _select(rides, rides.version == version), version, open_package(version))
        labels.add(rides)
        chosen.add(rides)
        for count in counts.values():
            count.add(rides)
    for version, package in packages.items():
        _answer_again(sums, chosen.rides, version, package)
    features = [row for count in counts.values() for row in count.to_rows(chosen.rides)]
    return DayEvidence(day, sums.to_rows(), labels.to_row(), features)


class ChosenRides:
    """Some rides of a day, always the same ones: those of the smallest hashes, without the shadow's.

    Args:
        number: Of rides to choose; more where hashes are equal.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self.rides = LoggedRides._make(np.empty(0) for _ in LoggedRides._fields)

    def add(self, rides: LoggedRides) -> None:
        """Choose among these rides (n) and those that were chosen before."""
        offered = _select(rides, rides.variant != VARIANTS.index(Variant.SHADOW))
        together = LoggedRides._make(map(np.concatenate, zip(self.rides, offered, strict=True)))
        if len(together.predicted) > self._number:
            hashes = _hash(together)
            together = _select(together, hashes <= np.partition(hashes, self._number - 1)[self._number - 1])
        self.rides = together


class _DaySums:
    """Sums by version, variant, moment, part of the day and borough."""

    def __init__(self) -> None:
        zones = read_zones(zone_table())
        self._boroughs = sorted({zone.borough for zone in zones.values()} | {"Unknown"})
        self._of_zone = np.full(max(zones) + 2, self._boroughs.index("Unknown"))
        for location, zone in zones.items():
            self._of_zone[location] = self._boroughs.index(zone.borough)
        self._sums: dict[tuple[int, int, str], Numbers] = {}

    def add(self, key: tuple[int, int, str], rides: LoggedRides, columns: list[Numbers]) -> None:
        """Add rides (n) of one version, variant and moment; `columns` (n,) are the addends."""
        shape = (len(PARTS_OF_DAY), len(self._boroughs))
        part = np.searchsorted(_PART_STARTS, rides.wall_clock % 86_400 / 3600, side="right")
        known = (rides.pickup_zone >= 0) & (rides.pickup_zone < len(self._of_zone) - 1)
        borough = self._of_zone[np.where(known, rides.pickup_zone, len(self._of_zone) - 1).astype(np.intp)]
        cell = part * shape[1] + borough
        counted = [np.bincount(cell, column, minlength=shape[0] * shape[1]) for column in columns]
        sums: Numbers = np.array(counted, dtype=np.float64).reshape(len(columns), *shape)
        self._sums[key] = self._sums[key] + sums if key in self._sums else sums

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the rows of `monitoring_days`: of all rides, of each part of the day, and of each borough."""
        rows = []
        for (version, variant, moment), sums in sorted(self._sums.items()):
            slices = {ALL: sums.sum(axis=(1, 2))}
            slices |= {name: sums[:, number].sum(axis=1) for number, name in enumerate(PARTS_OF_DAY.values())}
            for number, borough in enumerate(self._boroughs):
                slices[f"from {borough.replace('N/A', 'no known zone')}"] = sums[:, :, number].sum(axis=1)
            key = {"version": version, "variant": str(VARIANTS[variant]), "moment": moment}
            for name, values in slices.items():
                if values[0]:
                    numbers = [None if np.isnan(value) else float(value) for value in values]
                    rows.append(key | {"slice": name} | dict(zip(_COLUMNS, numbers, strict=True)))
        return rows


def _add(sums: _DaySums, rides: LoggedRides, version: int, package: MonitoredPackage | None) -> None:
    """Add rides as they were answered: those with a distance in the request apart from the others."""
    known = is_labelled(rides)
    expected = np.full(len(known), np.nan)
    if package is not None:
        wanted = known | np.isnan(rides.actual)
        looked_at = _select(rides, wanted)
        expected[wanted] = package.expect_squares(_to_rides(looked_at, looked_at.trip_distance), looked_at.predicted)
    with_distance = ~np.isnan(rides.trip_distance)
    columns = compute_addends(rides, known, rides.predicted, rides.lower, rides.upper, expected)
    for variant in np.unique(rides.variant).astype(int).tolist():
        for moment, of_moment in ((AT_REQUEST_TIME, ~with_distance), (WITH_DISTANCE, with_distance)):
            wanted = (rides.variant == variant) & of_moment
            if wanted.any():
                group = [column[wanted] for column in columns]
                sums.add((version, variant, moment), _select(rides, wanted), group)


def _answer_again(sums: _DaySums, chosen: LoggedRides, version: int, package: MonitoredPackage) -> None:
    """Add the champion's rides that were answered without a distance, answered again with the metered one."""
    champion = VARIANTS.index(Variant.CHAMPION)
    metered = (chosen.version == version) & (chosen.variant == champion) & ~np.isnan(chosen.metered)
    rides = _select(chosen, metered & np.isnan(chosen.trip_distance) & is_labelled(chosen))
    if not len(rides.actual):
        return
    with_distance = _to_rides(rides, rides.metered)
    answers = package.package.answer(with_distance)
    expected = package.expect_squares(with_distance, answers.duration)
    known = np.ones(len(rides.actual), dtype=bool)
    columns = compute_addends(rides, known, answers.duration, answers.lower, answers.upper, expected)
    sums.add((version, champion, WITH_DISTANCE), rides, columns)


def compute_addends(
    rides: LoggedRides, known: NDArray[np.bool_], answer: Numbers, lower: Numbers, upper: Numbers, expected: Numbers
) -> list[Numbers]:
    """Return what each ride (n,) adds to each of `_COLUMNS`; NaN for what is not known of a labelled ride.

    `daily_sums` has the same for tables: a sum of which a part is not known is not known.
    """
    actual = np.where(known, rides.actual, 0.0)
    predicted = np.where(known, answer, 0.0)
    error = predicted - actual
    awaited = np.isnan(rides.actual) & ~np.isnan(answer)
    bounded = ~np.isnan(lower) & ~np.isnan(upper)
    covered = np.where(bounded, (rides.actual >= lower) & (rides.actual <= upper), np.nan)
    columns = {
        "rides": np.ones(len(actual)),
        "labelled": known.astype(np.float64),
        "actual": actual,
        "predicted": predicted,
        "absolute": np.abs(error),
        "squared": error * error,
        "product": predicted * actual,
        "actual_squared": actual * actual,
        "predicted_squared": predicted * predicted,
        "expected": np.where(known, expected, 0.0),
        "covered": np.where(known, covered, 0.0),
        "width": np.where(known, upper - lower, 0.0),
        "within_5": (known & (np.abs(error) <= 5)).astype(np.float64),
        "awaited": awaited.astype(np.float64),
        "awaited_expected": np.where(awaited, expected, 0.0),
    }
    return [columns[name] for name in _COLUMNS]


def _to_rides(rides: LoggedRides, distance: Numbers) -> Rides:
    return Rides(rides.pickup_zone, rides.dropoff_zone, rides.wall_clock.astype("datetime64[s]"), distance)


def _select(rides: LoggedRides, chosen: NDArray[np.bool_]) -> LoggedRides:
    return LoggedRides._make(values[chosen] for values in rides)


def _hash(rides: LoggedRides) -> NDArray[np.uint64]:
    """Return a number (n,) for each ride that depends on nothing but what was asked and answered.

    See G. Steele et al., "Fast splittable pseudorandom number generators" (2014), for the mixing.
    """
    mixed = np.zeros(len(rides.predicted), dtype=np.uint64)
    for values in (rides.wall_clock, rides.pickup_zone, rides.dropoff_zone, rides.predicted):
        mixed ^= values.view(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed
