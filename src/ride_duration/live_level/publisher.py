"""Publishes the level of each loaded version once a quarter of an hour, in whichever process holds the lease."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ride_duration.level import STEP, LevelState
from ride_duration.live_level.computation import Basis, compute_level
from ride_duration.store.database import open_reading_engine
from ride_duration.store.leases import release_lease, take_lease
from ride_duration.store.levels import LevelRow, lease_name, load_newest_levels, publish_level
from ride_duration.store.monitoring import (
    DELAY_EDGES,
    SKEW,
    Watermark,
    load_incident_days,
    load_labels,
    open_monitoring,
)
from ride_duration.store.queries.news import find_reached
from ride_duration.trips.clock import find_day

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ride_duration.clock import Clock
    from ride_duration.live_level.configuration import LevelSettings
    from ride_duration.model_package import ModelPackage

log = logging.getLogger(__name__)

#: Seconds after which another process takes over from a holder that does nothing any more.
LEASE_SECONDS = 30.0

#: Seconds that rides of marked days may take to become known, and that the delay of labels is learned from.
_DAYS_BACK = 28 * 86_400.0


class LevelPublisher:
    """Computes and publishes the levels of one model, as long as it holds the lease.

    Args:
        store_url: Of the prediction log.
        model: Name of the registered model.
        clock: Which the store's times are on.
        settings: Of the level.
        delay_hours: From the drop-off to the label, until the monitoring has learned it.
        name: Of this process, for people.
    """

    def __init__(
        self, store_url: str, model: str, clock: Clock, settings: LevelSettings, delay_hours: float, name: str
    ) -> None:
        self._url, self._model, self._clock = store_url, model, clock
        self._settings, self._delay_hours = settings, delay_hours
        # Another name for each start: what a killed process has left undone is taken over, and not gone on with.
        self.holder = f"{socket.gethostname()}/{name}/{os.getpid()}-{os.urandom(4).hex()}"
        self._engines: tuple[Engine, Engine] | None = None
        self._unreadable: dict[int, float] = {}

    def publish(self, packages: Iterable[tuple[int, ModelPackage]]) -> list[LevelRow] | None:
        """Publish the levels that are due.

        Args:
            packages: The loaded versions, each with its package.

        Returns:
            What was published; None if another process holds the lease.

        Raises:
            RideDurationError: The store cannot be reached.
        """
        reading, writing = self._open()
        if not self._renew():
            return None
        of_version = dict(packages)
        newest = load_newest_levels(reading, self._model, list(of_version))
        published = []
        for version, package in of_version.items():
            now = self._clock.now()
            before = newest.get(version)
            if before is not None and before.step >= now // STEP:
                continue
            if before is None and version in newest:  # it cannot be read, and may be of this quarter of an hour
                if self._unreadable.get(version) == now // STEP:
                    continue
                self._unreadable[version] = now // STEP
            row = self._compute(reading, version, package, before, now)
            if publish_level(writing, row, self._clock.now(), LEASE_SECONDS):
                published.append(row)
                log.info("the level of version %d is %.4f%s", version, row.factor, ", frozen" if row.frozen else "")
        return published

    def close(self) -> None:
        """Let another process have the lease, and the connections go."""
        if self._engines is not None:
            reading, writing = self._engines
            release_lease(writing, lease_name(self._model), self.holder)
            reading.dispose()
            writing.dispose()
            self._engines = None

    def _open(self) -> tuple[Engine, Engine]:
        if self._engines is None:
            writing = open_monitoring(self._url, self._clock.kind)
            self._engines = open_reading_engine(self._url, self._clock.kind), writing
        return self._engines

    def _renew(self) -> bool:
        writing = self._open()[1]
        return take_lease(writing, lease_name(self._model), self.holder, self._clock.now(), LEASE_SECONDS)

    def _compute(
        self, engine: Engine, version: int, package: ModelPackage, before: LevelRow | None, now: float
    ) -> LevelRow:
        reached = find_reached(engine)
        state = None if before is None else _read_state(before)
        seen = Watermark()
        if before is not None and state is not None:
            seen = Watermark(min(before.predictions, reached.predictions), min(before.actuals, reached.actuals))
        basis = Basis(
            self._model,
            version,
            seen,
            reached,
            before.began_at if before is not None and state is not None else now,
            now,
            self._settings.find_half_life(self._learn_delay(engine, now)),
            self._find_incidents(engine, now if state is None else state.since, now),
        )
        computed = compute_level(engine, package, basis, state, self._settings, self._renew)
        return make_row(basis, computed.state, computed.rides, computed.rescored, self.holder)

    def _find_incidents(self, engine: Engine, since: float, now: float) -> frozenset[str]:
        """Return the marked days; skew is a fault of answers, and says nothing against durations."""
        first, last = find_day(min(since, now) - _DAYS_BACK), find_day(now)
        marked = load_incident_days(engine, self._model, first, last)
        return frozenset(one.day for one in marked if one.kind != SKEW)

    def _learn_delay(self, engine: Engine, now: float) -> float:
        """Return hours from the drop-off to the label: the median that the monitoring has found lately."""
        rows = load_labels(engine, self._model, find_day(now - _DAYS_BACK), find_day(now))
        counts = [sum(bins) for bins in zip(*(row["delays"] for row in rows), strict=True)]
        below = 0
        for edge, count in zip(DELAY_EDGES, counts, strict=False):
            below += count
            if 2 * below >= sum(counts) > 0:
                return edge / 3600.0
        return self._delay_hours


def make_row(basis: Basis, state: LevelState, rides: int, rescored: int, holder: str) -> LevelRow:
    """Return a level as it is published."""
    return LevelRow(
        basis.model,
        basis.version,
        state.step,
        state.factor,
        state.is_frozen,
        state.to_row(),
        basis.reached.predictions,
        basis.reached.actuals,
        basis.began_at,
        basis.half_life,
        rides,
        rescored,
        sorted(basis.incidents),
        basis.now,
        holder,
    )


def _read_state(row: LevelRow) -> LevelState | None:
    """Return the state of a row; None if it does not fit the row, so that a new line begins."""
    try:
        state = LevelState.from_row(row.state)
        same = (state.step, state.factor, state.is_frozen) == (row.step, row.factor, row.frozen)
    except (KeyError, TypeError, ValueError):
        return None
    return state if same else None
