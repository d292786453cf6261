"""Records into tables, once each: a batch travels as one JSON document, which the database itself takes apart.

So a thousand rows are one call into the driver, without Python's lock: the service goes on answering meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ride_duration.store.log_records import ActualRecord, PredictionRecord, Record

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Insert, Table

_encode = msgspec.json.Encoder().encode


class Insertion:
    """Inserts records of both kinds; one whose id is there already changes nothing.

    Args:
        engine: Of `database.open_writing_engine`.
    """

    def __init__(self, engine: Engine) -> None:
        from ride_duration.store.tables import actuals, predictions

        self._engine = engine
        self._statements: dict[type, Insert] = {
            PredictionRecord: _insertion(predictions, engine.dialect.name),
            ActualRecord: _insertion(actuals, engine.dialect.name),
        }

    def insert(self, records: Sequence[Record], refuse: Callable[[Record, Exception], None], source: str = "") -> None:
        """Insert records and commit; where the database refuses one, the others go in without it.

        Args:
            records: Of both kinds, in the order of their arrival.
            refuse: Is called with each record that cannot be inserted, and the reason.
            source: The journal that they come from; records of one source arrive in the order in which they were made.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database is away, locked or full; some records may be in it.
        """
        from sqlalchemy.exc import DataError, IntegrityError

        try:
            with self._engine.begin() as connection:
                for kind in self._statements:
                    self._insert(connection, kind, [record for record in records if isinstance(record, kind)], source)
        except (DataError, IntegrityError) as error:
            if len(records) == 1:
                refuse(records[0], error)
                return
            half = len(records) // 2
            self.insert(records[:half], refuse, source)
            self.insert(records[half:], refuse, source)

    def _insert(self, connection: Connection, kind: type, records: Sequence[Record], source: str) -> None:
        if records:
            connection.execute(self._statements[kind], {"records": _encode(records).decode(), "source": source})


def _insertion(table: Table, dialect: str) -> Insert:
    """INSERT … SELECT each field of each array of the document … ON CONFLICT DO NOTHING."""
    from sqlalchemy import JSON, Text, bindparam, cast, func, literal_column, select
    from sqlalchemy.dialects import postgresql, sqlite

    in_sqlite = dialect == "sqlite"
    document: Any = bindparam("records", type_=Text)
    columns = [column for column in table.columns if column.name not in ("arrival", "source")]
    each = (func.json_each(document) if in_sqlite else func.json_array_elements(cast(document, JSON))).table_valued(
        "value"
    )
    fields: list[Any] = [each.c.value.op("->>")(literal_column(str(i))) for i in range(1, len(columns) + 1)]
    if not in_sqlite:  # there `->>` is text; in SQLite it is the value itself
        fields = [cast(field, column.type) for field, column in zip(fields, columns, strict=True)]
    # SQLite takes ON CONFLICT for a join's ON unless there is a WHERE.
    rows = select(*fields, bindparam("source", type_=Text)).where(literal_column("1 = 1"))
    insert = sqlite.insert if in_sqlite else postgresql.insert
    names = [*(column.name for column in columns), "source"]
    return insert(table).from_select(names, rows).on_conflict_do_nothing()
