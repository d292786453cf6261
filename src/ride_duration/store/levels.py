"""Rows of published live levels: written by the one process that holds the lease, read by every instance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ride_duration.store.database import explain_failures
from ride_duration.store.leases import renew_lease

if TYPE_CHECKING:
    from sqlalchemy import Engine, RowMapping

_AWAY = "the live levels in the store cannot be reached"


class LevelRow(msgspec.Struct, frozen=True):
    """A published level of one version.

    Attributes:
        model: Name of the registered model.
        version: Number of the registered version.
        step: Number of the quarter of an hour that begins with it.
        factor: What raw predictions are multiplied by from then on.
        frozen: Whether it is frozen.
        state: What the next one goes on from.
        predictions: Arrival of the newest prediction that it knows.
        actuals: Arrival of the newest report that it knows.
        began_at: When the first row of this line was computed, from what was known by then (seconds since 1970, UTC).
        half_life: Seconds after which a ride counts half.
        rides: Rides that became known since the row before.
        rescored: Those of them that another version had answered.
        incidents: Days that were marked as broken, and kept out.
        published_at: Seconds since 1970-01-01 UTC.
        holder: Who has computed it.
        number: Of the row; 0 as long as it is not published.
    """

    model: str
    version: int
    step: int
    factor: float
    frozen: bool
    state: dict[str, Any]
    predictions: int
    actuals: int
    began_at: float
    half_life: float
    rides: int
    rescored: int
    incidents: list[str]
    published_at: float
    holder: str
    number: int = 0


#: Columns that hold JSON.
_JSON = ("state", "incidents")


def lease_name(model: str) -> str:
    """Return the name of the lease of whoever computes the levels of a model."""
    return f"level of {model}"


def publish_level(engine: Engine, row: LevelRow, now: float, lease_seconds: float) -> bool:
    """Publish a level, if its holder still has the lease and no level of that quarter of an hour is published.

    Args:
        engine: Of `database.open_writing_engine`, on the newest tables.
        row: The level.
        now: Seconds since 1970-01-01 UTC, on the store's clock.
        lease_seconds: By which the lease is renewed.

    Returns:
        Whether it is published: the row, its state, and its place in the log are there together, or not at all.

    Raises:
        RideDurationError: The store cannot be reached.
    """
    from sqlalchemy import insert
    from sqlalchemy.exc import IntegrityError

    from ride_duration.store.level_tables import levels

    values = msgspec.structs.asdict(row)
    del values["number"]
    values |= {name: msgspec.json.encode(values[name]).decode() for name in _JSON} | {"frozen": int(row.frozen)}
    try:
        with explain_failures(_AWAY), engine.begin() as connection:
            if not renew_lease(connection, lease_name(row.model), row.holder, now, lease_seconds):
                return False
            connection.execute(insert(levels).values(values))
    except IntegrityError:  # another holder was first
        return False
    return True


def load_newest_levels(engine: Engine, model: str, versions: Sequence[int]) -> dict[int, LevelRow | None]:
    """Return the newest level of each version that has one; None for one that cannot be read.

    Args:
        engine: Of `database.open_reading_engine` or `open_writing_engine`.
        model: Name of the registered model.
        versions: Numbers of registered versions.

    Raises:
        RideDurationError: The store cannot be reached, or has no such table yet.
    """
    from sqlalchemy import select

    from ride_duration.store.level_tables import levels

    found: dict[int, LevelRow | None] = {}
    with explain_failures(_AWAY), engine.connect() as connection:
        for version in versions:
            own = select(levels).where(levels.c.model == model, levels.c.version == version)
            row = connection.execute(own.order_by(levels.c.step.desc()).limit(1)).mappings().first()
            if row is not None:
                found[version] = _parse(row)
    return found


def load_levels(engine: Engine, model: str, version: int) -> list[LevelRow | None]:
    """Return all levels of a version, the oldest first; None for one that cannot be read."""
    from sqlalchemy import select

    from ride_duration.store.level_tables import levels

    own = select(levels).where(levels.c.model == model, levels.c.version == version).order_by(levels.c.step)
    with explain_failures(_AWAY), engine.connect() as connection:
        return [_parse(row) for row in connection.execute(own).mappings()]


def _parse(row: RowMapping) -> LevelRow | None:
    try:
        values = {name: row[name] for name in LevelRow.__struct_fields__}
        values |= {name: msgspec.json.decode(values[name]) for name in _JSON} | {"frozen": bool(values["frozen"])}
        return msgspec.convert(values, LevelRow, strict=True)
    except (msgspec.MsgspecError, TypeError):
        return None
