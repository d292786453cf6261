"""What the scenarios of the synthetic city do, done to a copy of a prediction log: a rehearsal for the monitoring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ride_duration.errors import NotFound
from ride_duration.model_package import Rides
from ride_duration.store.variant import Variant
from ride_duration.trips.simulation.ground import ground
from ride_duration.trips.simulation.scenarios import (
    Kind,
    Scenario,
    count_records,
    find_broken_meters,
    make_generator,
    open_zone,
    weigh_origins,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from ride_duration.model_package import ModelPackage

Rows = list[dict[str, Any]]
OpenPackage = Callable[[int], "ModelPackage | None"]

#: Ids that are asked for in one question.
_MANY = 500


class Injected(NamedTuple):
    """What was changed: rows of the log.

    Attributes:
        days: Days on which the fault is at work and rides began.
        changed: Rows that say something else than before.
        added: Rows that are there twice now.
        removed: Rows that are gone.
    """

    days: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0


def find_logged_days(connection: Connection, model: str) -> tuple[str, str] | None:
    """Return the first and the last New York day on which logged rides began; None where there are none."""
    from sqlalchemy import func, select

    from ride_duration.store.tables import predictions

    when = predictions.c.pickup_datetime
    question = select(func.min(when), func.max(when)).where(predictions.c.model == model)
    first: Any
    last: Any
    first, last = connection.execute(question).one()
    return None if first is None else (str(first.date()), str(last.date()))


def inject_fault(
    connection: Connection, model: str, scenario: Scenario, seed: int, open_package: OpenPackage,
    note: Callable[[str], None],
) -> Injected:  # fmt: skip
    """Change the rides of a model that began on the days of a scenario, one day after the other; others stay.

    Rides that take longer are reported longer, and later by as much; rides that go to a new zone are answered by the
    package that answered them before, and miss by the same part.

    Args:
        connection: To a copy that is written, in a transaction that the caller commits.
        model: Name of the registered model.
        scenario: What happens, from which day on, and how much.
        seed: Of the draws.
        open_package: Returns the package of a version; None where it is not registered here.
        note: Called with each day that is done.

    Raises:
        NotFound: A package that must answer is not registered.
    """
    first, last = find_logged_days(connection, model) or ("2021-01-02", "2021-01-01")
    total = Injected()
    for day in np.arange(np.datetime64(first), np.datetime64(last) + 1):
        if not scenario.covers(np.array([day]))[0]:
            continue
        done = _DayOfLog(connection, model, day, scenario, seed, open_package).change()
        total = Injected._make(map(sum, zip(total, done, strict=True)))
        note(str(day))
    return total


class _DayOfLog:
    """The rides that began on one day, with their answers and reports, to be changed."""

    def __init__(
        self, connection: Connection, model: str, day: np.datetime64, scenario: Scenario, seed: int,
        open_package: OpenPackage,
    ) -> None:  # fmt: skip
        self._connection, self._scenario, self._open_package = connection, scenario, open_package
        self._rng = make_generator(scenario, seed, int(day.astype(int)) + 1_000_000)
        self._answers = self._load_answers(model, datetime.fromisoformat(str(day)))
        self._reports = self._load_reports()
        firsts = [rows[0] for rows in self._answers.values()]
        self._pickup, self._dropoff = (
            np.array([-1 if row[end] is None else row[end] - 1 for row in firsts], dtype=np.int64)
            for end in ("pickup_zone", "dropoff_zone")
        )
        self._days = np.full(len(firsts), day)
        inside = (self._pickup >= 0) & (self._pickup < len(ground().borough))
        self._borough = np.where(inside, ground().borough[np.where(inside, self._pickup, 0)], "")

    def change(self) -> Injected:
        """Change the rows, and return how many."""
        rides, scenario = list(self._answers), self._scenario
        if not rides:
            return Injected()
        changed = self._send_elsewhere() if scenario.kind == Kind.NEW_ZONE else 0
        factor = np.exp(scenario.slow_down(self._days))
        factor[find_broken_meters(self._borough, self._days, scenario)] *= 1 + scenario.strength
        changed += self._stretch(dict(zip(rides, factor.tolist(), strict=True)))
        times = count_records(self._days, scenario, self._rng)
        if scenario.kind == Kind.DEMAND_SHIFT:
            weights = weigh_origins(self._borough, scenario.strength)
            times = self._rng.multinomial(len(rides), weights / weights.sum())
        removed = self._remove([ride for ride, number in zip(rides, times.tolist(), strict=True) if not number])
        more = {ride: number - 1 for ride, number in zip(rides, times.tolist(), strict=True) if number > 1}
        return Injected(1, changed, self._repeat(more), removed)

    def _load_answers(self, model: str, begin: datetime) -> dict[str, Rows]:
        from sqlalchemy import select

        from ride_duration.store.tables import predictions as table

        on_day = [table.c.pickup_datetime >= begin, table.c.pickup_datetime < begin + timedelta(days=1)]
        question = select(table).where(table.c.model == model, *on_day).order_by(table.c.arrival)
        found: dict[str, Rows] = defaultdict(list)
        for row in self._connection.execute(question).mappings():
            found[row["ride_id"]].append(dict(row))
        for rows in found.values():
            rows.sort(key=lambda row: row["variant"] == Variant.SHADOW)  # what the client got comes first
        return found

    def _load_reports(self) -> dict[str, Rows]:
        from sqlalchemy import select

        from ride_duration.store.tables import actuals as table

        found: dict[str, Rows] = defaultdict(list)
        for ids in _batch(list(self._answers)):
            for row in self._connection.execute(
                select(table).where(table.c.ride_id.in_(ids)).order_by(table.c.arrival)
            ).mappings():
                found[row["ride_id"]].append(dict(row))
        return found

    def _stretch(self, factors: dict[str, float]) -> int:
        """Let rides have taken so many times as long as they are reported."""
        from ride_duration.store.tables import actuals

        changed = []
        for ride, factor in factors.items():
            for report in self._reports[ride] if factor != 1 else ():
                minutes = _find_minutes(report, self._answers[ride][0])
                if minutes is None:
                    continue
                extra = minutes * (factor - 1)
                report["received_at"] += 60 * extra
                if report["duration"] is not None:
                    report["duration"] *= factor
                if report["dropoff_datetime"] is not None:
                    report["dropoff_datetime"] += timedelta(seconds=round(60 * extra))
                if report["dropoff_at"] is not None:
                    report["dropoff_at"] += 60 * extra
                changed.append(report)
        return self._update(actuals, changed, ("received_at", "duration", "dropoff_datetime", "dropoff_at"))

    def _send_elsewhere(self) -> int:
        """Send a share of the rides to the new zone, as answered by the versions that answered them."""
        from ride_duration.store.tables import predictions

        sent = open_zone(self._dropoff, self._days, self._scenario, self._rng)
        rides = [ride for ride, old, new in zip(self._answers, self._dropoff, sent, strict=True) if old != new]
        zone = int(sent[self._dropoff != sent][0]) + 1 if rides else 0
        before = {ride: self._answers[ride][0]["duration"] for ride in rides}
        answers = [row | {"dropoff_zone": zone} for ride in rides for row in self._answers[ride]]
        for version in sorted({row["model_version"] for row in answers}):
            package = self._open_package(version)
            if package is None:
                raise NotFound(f"rides to a new zone need answers of version {version}, which is not registered here")
            rows = [row for row in answers if row["model_version"] == version]
            for row, *given in zip(rows, *(v.tolist() for v in package.answer(_to_rides(rows))), strict=True):
                row["duration"], row["lower"], row["upper"] = given
        by_ride = {ride: len(self._answers[ride]) for ride in rides}
        own = iter(answers)
        for ride, number in by_ride.items():
            self._answers[ride] = [next(own) for _ in range(number)]
        changed = self._update(predictions, answers, ("dropoff_zone", "duration", "lower", "upper"))
        return changed + self._stretch({ride: self._answers[ride][0]["duration"] / before[ride] for ride in rides})

    def _remove(self, rides: list[str]) -> int:
        from ride_duration.store.tables import actuals, predictions

        removed = 0
        for table, rows in ((predictions, self._answers), (actuals, self._reports)):
            for arrivals in _batch([row["arrival"] for ride in rides for row in rows[ride]]):
                self._connection.execute(table.delete().where(table.c.arrival.in_(arrivals)))
                removed += len(arrivals)
        return removed

    def _repeat(self, rides: dict[str, int]) -> int:
        """Let reports arrive again; where demand has shifted, let there be other rides that are the same."""
        from ride_duration.store.tables import actuals, predictions

        answers, reports = [], []
        other_rides = self._scenario.kind == Kind.DEMAND_SHIFT
        for ride, times in rides.items():
            for number in range(1, times + 1):
                mark = f"injected-{number}"
                own = {"ride_id": f"{ride}-{mark}"} if other_rides else {}
                if other_rides:
                    answers += [_again(row, "prediction_id", mark) | own for row in self._answers[ride]]
                reports += [_again(row, "actual_id", mark) | own for row in self._reports[ride]]
        for table, rows in ((predictions, answers), (actuals, reports)):
            if rows:
                self._connection.execute(table.insert(), rows)
        return len(answers) + len(reports)

    def _update(self, table: Any, rows: Rows, names: tuple[str, ...]) -> int:
        from sqlalchemy import bindparam

        if rows:
            change = table.update().where(table.c.arrival == bindparam("of"))
            values = [{"of": row["arrival"]} | {name: row[name] for name in names} for row in rows]
            self._connection.execute(change.values({name: bindparam(name) for name in names}), values)
        return len(rows)


def _find_minutes(report: dict[str, Any], answer: dict[str, Any]) -> float | None:
    """Return how long a ride took by a report; None where the report does not say."""
    if report["duration"] is not None:
        return float(report["duration"])
    if report["dropoff_at"] is not None and answer["pickup_at"] is not None:
        return float(report["dropoff_at"] - answer["pickup_at"]) / 60
    if report["dropoff_datetime"] is not None:
        return float((report["dropoff_datetime"] - answer["pickup_datetime"]).total_seconds()) / 60
    return None


def _to_rides(rows: Rows) -> Rides:
    numbers: list[NDArray[np.float64]] = [
        np.array([row[name] for row in rows], dtype=np.float64)
        for name in ("pickup_zone", "dropoff_zone", "trip_distance")
    ]
    when = np.array([row["pickup_datetime"] for row in rows], dtype="datetime64[s]")
    return Rides(numbers[0], numbers[1], when, numbers[2])


def _again(row: dict[str, Any], key: str, mark: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "arrival"} | {key: f"{row[key]}-{mark}"}


def _batch(values: list[Any]) -> Iterator[list[Any]]:
    for first in range(0, len(values), _MANY):
        yield values[first : first + _MANY]
