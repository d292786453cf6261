"""The mark of a store: whether its times are the machine's, or a simulated clock's.

Times of two clocks in one store would make nonsense of every day, stage and delay. So the mark is set in the
transaction that makes a store's tables, and whoever opens a store is refused if it is on the other clock. Stores of
programs that knew one clock only have no mark; their times are the machine's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ride_duration.clock import ClockKind
from ride_duration.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Name of the property in `store_properties`.
_PROPERTY = "clock"

_WAY_OUT = {
    ClockKind.SIMULATED: (
        "has the times of a simulation, and this is the machine's clock; choose the simulation's environment "
        "(--env simulated), or another store in `serving.store`"
    ),
    ClockKind.REAL: (
        "has times of the machine's clock, and `serving.clock` names a simulated one; give the simulation a store of "
        "its own in `serving.store`, or leave `serving.clock` empty"
    ),
}


def set_mark(connection: Connection, kind: ClockKind) -> None:
    """Mark a store whose tables were made in the same transaction."""
    from sqlalchemy import insert

    from ride_duration.store.tables import store_properties

    connection.execute(insert(store_properties).values(name=_PROPERTY, value=kind.value))


def check_mark(connection: Connection, kind: ClockKind) -> None:
    """Refuse a store to whoever is on the other clock.

    Args:
        connection: To a store that has tables.
        kind: The clock of whoever opens it.

    Raises:
        ConfigurationError: The store is on the other clock.
    """
    found = read_mark(connection)
    if found != kind:
        raise ConfigurationError(f"the store {connection.engine.url.render_as_string()} {_WAY_OUT[found]}")


def read_mark(connection: Connection) -> ClockKind:
    """Return the clock that a store's times are on."""
    from sqlalchemy import inspect, select

    from ride_duration.store.tables import store_properties

    if not inspect(connection).has_table(store_properties.name):
        return ClockKind.REAL
    mark = select(store_properties.c.value).where(store_properties.c.name == _PROPERTY)
    return ClockKind(connection.scalar(mark) or ClockKind.REAL)
