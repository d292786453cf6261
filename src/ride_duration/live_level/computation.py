"""The next level of a version: from the one before, the rides that became known since, and the days of incidents.

All that it depends on beside the log stands in the published row (`Basis`), so that a replay of the log gives the very
factors that were used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ride_duration.level import EndedRides, LevelState, advance
from ride_duration.model_package import Rides
from ride_duration.store.monitoring import Watermark
from ride_duration.store.queries.known_rides import KnownRides, iterate_known_rides
from ride_duration.trips.clock import find_day, find_midnight
from ride_duration.trips.records import DURATION

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Engine

    from ride_duration.live_level.configuration import LevelSettings
    from ride_duration.model_package import ModelPackage
    from ride_duration.store.levels import LevelRow

#: Half-lives that a new version looks back: what is older would count less than a hundredth.
_LOOK_BACK = 7

#: Rides that are scored again in one call.
_BATCH = 5_000


class Basis(NamedTuple):
    """What a level is computed from, beside the log and the state before.

    Attributes:
        model: Name of the registered model.
        version: Number of the registered version.
        seen: The place of the log that the state before knows.
        reached: The place of the log up to which records count.
        began_at: When the line of levels began (seconds since 1970-01-01 UTC).
        now: When this one is computed (seconds since 1970-01-01 UTC).
        half_life: Seconds after which a ride counts half.
        incidents: Days that are marked as broken: their rides do not count, and the level stands still on them.
    """

    model: str
    version: int
    seen: Watermark
    reached: Watermark
    began_at: float
    now: float
    half_life: float
    incidents: frozenset[str]


class Computed(NamedTuple):
    """A level, the rides that became known, and how many of them were scored again."""

    state: LevelState
    rides: int
    rescored: int


def compute_level(
    engine: Engine,
    package: ModelPackage,
    basis: Basis,
    before: LevelState | None,
    settings: LevelSettings,
    note: Callable[[], object] = lambda: None,
) -> Computed:
    """Compute the level of a version at the end of the last whole quarter of an hour.

    Args:
        engine: Of `database.open_reading_engine`.
        package: Of the version; it scores again what another version answered.
        basis: What the level is computed from.
        before: The state before; None: the line of levels begins, with what became known in the last half-lives.
        settings: Of the level.
        note: Is called after each batch of rides.
    """
    rules = settings.make_rules(basis.half_life)
    since = basis.began_at - _LOOK_BACK * basis.half_life
    state = LevelState.begin(since) if before is None else before
    known, rescored = [], 0
    batches = iterate_known_rides(
        engine, basis.model, basis.version, (basis.seen, basis.reached), DURATION, since if before is None else None
    )
    for rides in batches:
        of_batch, again = _predict(rides, package, basis, state.since)
        known.append(of_batch)
        rescored += again
        note()
    ended = EndedRides._make(np.concatenate(values) for values in zip(*known, strict=True)) if known else _NONE
    for end, in_incident in _iterate_days(state.since, basis):
        became = (ended.known_at >= state.since) & (ended.known_at < end)
        if end == basis.now:
            became |= ended.known_at == end
        new = EndedRides._make(values[became] for values in ended)
        state = advance(state, new, end, rules, in_incident=in_incident)
    return Computed(state, len(ended.known_at), rescored)


_NONE = EndedRides(np.empty(0), np.empty(0), np.empty(0))


def _predict(rides: KnownRides, package: ModelPackage, basis: Basis, since: float) -> tuple[EndedRides, int]:
    """Return the rides that count, and how many of them were scored again."""
    if basis.incidents:
        broken = np.array(sorted(basis.incidents), dtype="datetime64[D]")
        rides = _select(rides, ~np.isin(rides.wall_clock.astype("datetime64[D]"), broken))
    predicted = rides.predicted.copy()
    missing = np.flatnonzero(np.isnan(predicted))
    for first in range(0, len(missing), _BATCH):
        chosen = missing[first : first + _BATCH]
        asked = Rides(
            rides.pickup_zone[chosen], rides.dropoff_zone[chosen], rides.wall_clock[chosen], rides.trip_distance[chosen]
        )
        predicted[chosen] = package.answer(asked, intervals=False).duration
    counts = np.isfinite(predicted)
    known_at = np.clip(rides.received_at[counts], since, basis.now)
    ended = EndedRides(known_at, rides.actual[counts], np.clip(predicted[counts], *DURATION))
    return ended, int(counts[missing].sum())


def _select(rides: KnownRides, chosen: NDArray[np.bool_]) -> KnownRides:
    return KnownRides._make(values[chosen] for values in rides)


def _iterate_days(since: float, basis: Basis) -> Iterator[tuple[float, bool]]:
    """Yield the end of each New York day until now, and whether it is marked."""
    while since < basis.now:
        day = find_day(since)
        end = min(find_midnight(day, 1), basis.now)
        yield end, day in basis.incidents
        since = end


def replay_levels(
    engine: Engine, package: ModelPackage, rows: Iterable[LevelRow], settings: LevelSettings
) -> Iterator[tuple[LevelRow, LevelState]]:
    """Compute published levels of a version again from the log alone, and yield each with what it should be.

    Args:
        engine: Of `database.open_reading_engine`.
        package: Of the version.
        rows: All that were published, the oldest first.
        settings: Of the level, as they were then.
    """
    state, seen, began_at = None, Watermark(), None
    for row in rows:
        if row.began_at != began_at:  # another line of levels: the one before could not be read
            state, seen, began_at = None, Watermark(), row.began_at
        basis = find_basis(row, seen)
        state = compute_level(engine, package, basis, state, settings).state
        seen = basis.reached
        yield row, state


def find_basis(row: LevelRow, seen: Watermark) -> Basis:
    """Return what a published level was computed from."""
    return Basis(
        row.model,
        row.version,
        seen,
        Watermark(row.predictions, row.actuals),
        row.began_at,
        row.published_at,
        row.half_life,
        frozenset(row.incidents),
    )
