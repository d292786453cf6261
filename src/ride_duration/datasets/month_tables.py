"""Raw months as tables of the data engine, whatever their files look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset
from kedro_datasets import ibis as ibis_datasets

from ride_duration.datasets.month_files import find_months, find_parts
from ride_duration.datasets.unreadable import explain_unreadable
from ride_duration.datasets.whole_files import escape_pattern
from ride_duration.errors import RideDurationError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa
    from ibis.backends.duckdb import Backend

#: The reader's own column: position of the row in its month, from 0.
ROW_NUMBER = "file_row_number"

#: Between a column's name and the number of its spelling: a character for private use, which no file's names have.
_NUMBERED = "\ue000"


class MonthTablesDataset(AbstractDataset[NoReturn, dict[str, Callable[[], "ir.Table"]]]):
    """A folder with one parquet file, or one folder of parquet parts, a month.

    Loading gives, by file stem, a function that opens the month as a table. It has the columns of the file, those of
    parquet type null as NULL, and `ROW_NUMBER`, which replaces a column of that name. Where names differ in case only,
    the second and later ones are numbered, since the engine tells them apart no better; `spelling_of` tells the name.

    Args:
        path: The folder.
        connection: Of the data engine.
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    #: Months are written whole, and never changed.
    HAS_OWN_LOCK = True

    def __init__(self, path: str, connection: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self._connection = connection
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], ir.Table]]:
        months = find_months(self._path)
        if not months:
            raise RideDurationError(f"no raw months lie in {self._path}; run `kedro run --pipelines=ingestion` first")
        return {path.name.removesuffix(".parquet"): partial(self._open, path) for path in months}

    def save(self, data: NoReturn) -> NoReturn:  # noqa: ARG002
        raise RideDurationError("raw months are not saved here; `kedro run --pipelines=ingestion` makes them")

    def _open(self, path: Path) -> ir.Table:
        connection = ibis_datasets.FileDataset(filepath=str(path), connection=self._connection).connection
        return open_month(connection, path)

    def _exists(self) -> bool:
        return bool(find_months(self._path))

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}


def open_month(connection: Backend, path: Path) -> ir.Table:
    """Open the parquet file or the folder of parquet parts of a month as one table, in the order of its rows.

    Raises:
        RideDurationError: A file is not readable as parquet, or parts have different types in one column.
    """
    import pyarrow.parquet as pq

    tables, rows = [], 0
    for part in find_parts(path):
        try:
            footer = pq.ParquetFile(part)
            table = _open_part(connection, part, footer.schema_arrow)
        except Exception as error:  # each library has its own errors
            raise explain_unreadable(path.name, error, part) from error
        tables.append(table.mutate(**{ROW_NUMBER: table[ROW_NUMBER] + rows}) if rows else table)
        rows += footer.metadata.num_rows
    return tables[0] if len(tables) == 1 else _unite(tables, path)


def _open_part(connection: Backend, part: Path, schema: pa.Schema) -> ir.Table:
    import ibis
    import pyarrow as pa

    file, own = escape_pattern(part), ROW_NUMBER in (name.lower() for name in schema.names)
    plain = connection.read_parquet(file, **({} if own else {ROW_NUMBER: True}))
    columns: dict[str, Any] = {}
    for name, column, kind in zip(_number_spellings(schema.names), plain.columns, schema.types, strict=False):
        if column.lower() != ROW_NUMBER:
            columns[name] = ibis.null() if pa.types.is_null(kind) else plain[column]
    if not own:
        return plain.select(**columns, **{ROW_NUMBER: plain[ROW_NUMBER]})
    # The engine refuses to number rows beside a column of that name, unless the columns to read are named.
    named = {column.get_name(): column.type() for column in columns.values() if column.type() != ibis.dtype("null")}
    numbered = connection.read_parquet(file, schema=_mapping(connection, named), **{ROW_NUMBER: True})
    kept = {
        name: numbered[column.get_name()] if column.get_name() in named else column for name, column in columns.items()
    }
    return numbered.select(**kept, **{ROW_NUMBER: numbered[ROW_NUMBER]})


def _mapping(connection: Backend, types: dict[str, Any]) -> Any:
    """Return the columns to read and their types as DuckDB's `read_parquet` takes them."""
    import sqlglot as sg

    entries = (
        f"{_quote(name)}: {{'name': {_quote(name)}, 'type': {_quote(connection.compiler.type_mapper.to_string(kind))}, "
        "'default_value': NULL}"
        for name, kind in types.items()
    )
    return sg.parse_one(f"MAP {{{', '.join(entries)}}}", dialect="duckdb")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def spelling_of(name: str) -> str:
    """Return a column's name as the file has it."""
    return name.partition(_NUMBERED)[0]


def _number_spellings(names: Iterable[str]) -> list[str]:
    """Return the names; the second and later ones of those that differ in case only get a number."""
    seen: dict[str, int] = {}
    numbered = []
    for name in names:
        seen[name.lower()] = count = seen.get(name.lower(), 0) + 1
        numbered.append(name if count == 1 else f"{name}{_NUMBERED}{count}")
    return numbered


def _unite(tables: list[ir.Table], path: Path) -> ir.Table:
    """Return the rows of all parts; a column that a part lacks is missing there.

    The engine tells no names apart that differ in case only: such columns of different parts are one, under its first
    spelling.
    """
    import ibis
    import ibis.expr.datatypes as dt

    names: dict[str, str] = {}
    kinds: dict[str, Any] = {}
    columns: list[dict[str, ir.Column]] = []
    for table in tables:
        columns.append({names.setdefault(name.lower(), name): table[name] for name in table.columns})
        for name, column in columns[-1].items():
            try:
                kinds[name] = dt.highest_precedence([kinds.get(name, dt.null), column.type()])
            except Exception as error:
                raise RideDurationError(
                    f"the parts of {path.name} differ in column {spelling_of(name)} ({kinds[name]}, {column.type()}); "
                    "give it one type"
                ) from error
    return ibis.union(
        *(
            table.select(**{name: part.get(name, ibis.null()).cast(kind) for name, kind in kinds.items()})
            for table, part in zip(tables, columns, strict=True)
        )
    )
