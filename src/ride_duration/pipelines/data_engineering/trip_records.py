"""Raw columns of a service -> canonical trip records."""

from collections.abc import Callable

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from ride_duration.datasets.month_tables import ROW_NUMBER, spelling_of
from ride_duration.datasets.unreadable import explain_unreadable
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.parameters import RawMonths
from ride_duration.trips.records import RIDE_ID_DIGITS, TaxiType


def _is_wall_clock(kind: dt.DataType) -> bool:
    return bool(kind.is_timestamp() and kind.timezone is None)


#: What a raw column may be, and what it becomes. A column of type null holds nothing but missing values.
_KINDS: dict[str, tuple[str, Callable[[dt.DataType], bool], str]] = {
    "pickup_datetime": ("a timestamp without a time zone", _is_wall_clock, "timestamp"),
    "dropoff_datetime": ("a timestamp without a time zone", _is_wall_clock, "timestamp"),
    "pickup_zone": ("a number", lambda kind: kind.is_numeric() or kind.is_null(), "int64"),
    "dropoff_zone": ("a number", lambda kind: kind.is_numeric() or kind.is_null(), "int64"),
    "trip_distance_raw": ("a number", lambda kind: kind.is_numeric() or kind.is_null(), "float64"),
}


def read_records(raw_trips: dict[str, Callable[[], ir.Table]], raw_months: RawMonths) -> ir.Table:
    """Put the months asked for into one table of canonical records.

    Args:
        raw_trips: For each raw file, by stem, a function that opens it as a table with a column `ROW_NUMBER`.
        raw_months: Says which type of taxi and months.

    Returns:
        One row a raw record: service, month, ride_id, times, zones, `trip_distance_raw` and source, as in
        `trips.records`.

    Raises:
        RideDurationError: A month is missing, unreadable or empty, or a column is missing or of a wrong type.
    """
    layout = raw_months.layout
    months = []
    for month in raw_months.months:
        records = open_records(raw_trips, layout, month, raw_months.source)
        _read_through(records, f"{layout.file_stem(month)}.parquet")
        months.append(records)
    return ibis.union(*months)


def open_records(raw_trips: dict[str, Callable[[], ir.Table]], layout: TaxiType, month: str, source: str) -> ir.Table:
    """One month as a table of canonical records; no row is read yet.

    Raises:
        RideDurationError: The month is missing or no parquet file, or a column is missing or of a wrong type.
    """
    stem = layout.file_stem(month)
    if stem not in raw_trips:
        raise RideDurationError(
            f"{stem}.parquet is not there; run `kedro run --pipelines=ingestion` with the same --params and --env, "
            "or put the file into the raw folder"
        )
    file = f"{stem}.parquet"
    try:
        raw = raw_trips[stem]()
    except Exception as error:
        raise explain_unreadable(file, error) from error
    return canonical_records(raw, layout, month, file, source)


def canonical_records(raw: ir.Table, layout: TaxiType, month: str, file: str, source: str) -> ir.Table:
    """Rename and cast one month's raw columns.

    Raises:
        RideDurationError: A column is missing or of a wrong type; names the file, the column and what was found.
    """
    columns = {}
    for field, (wanted, fits, target) in _KINDS.items():
        tlc_name = layout.columns.get(field)
        if tlc_name is None:
            columns[field] = ibis.null(target)
            continue
        spelled = [name for name in raw.columns if spelling_of(name).lower() == tlc_name.lower()]
        if not spelled:
            raise RideDurationError(
                f"{file} has no column {tlc_name}, which {layout.name} months need for {field}; "
                f"it has {', '.join(spelling_of(name) for name in raw.columns if name != ROW_NUMBER)}"
            )
        for name in spelled:
            if not fits(raw[name].type()):
                raise RideDurationError(
                    f"{file}: column {spelling_of(name)} is of type {raw[name].type()}, but must be {wanted}; "
                    "write it as that, or get the file again"
                )
        columns[field] = _coalesce(raw, {name: _cast(raw[name], target) for name in spelled}, file)
    row = raw[ROW_NUMBER].cast("string").lpad(RIDE_ID_DIGITS, "0")
    key = {
        "source": ibis.literal(source),
        "service": ibis.literal(layout.name),
        "month": ibis.literal(month),
        "ride_id": ibis.literal(f"{layout.name}-{month}-") + row,
    }
    return raw.select(**key, **columns)


def _cast(column: ir.Column, target: str) -> ir.Column:
    """Cast a column; what is not a whole number, where one is wanted, and NaN are missing, not rounded."""
    kind = column.type()
    if target == "int64" and not (kind.is_integer() or kind.is_null()):
        number = column.cast("float64")
        whole = number.try_cast("int64")
        return (number == whole).ifelse(whole, ibis.null("int64"))
    if kind.is_floating():
        column = column.isnan().ifelse(ibis.null(kind), column)  # one way of being missing in tables
    return column.try_cast(target) if kind.is_integer() else column.cast(target)


def _coalesce(raw: ir.Table, spellings: dict[str, ir.Column], file: str) -> ir.Column:
    """Make one column of those that hold the same thing under names that differ in case only.

    Raises:
        RideDurationError: Two of them contradict each other in a row.
    """
    (first, column), *others = spellings.items()
    for name, other in others:
        rows = raw.aggregate(rows=(column != other).sum()).to_pyarrow()["rows"][0].as_py()
        if rows:
            raise RideDurationError(
                f"{file} has the columns {first} and {spelling_of(name)}, which differ in {rows:,} "
                "of its rows; delete the wrong one from the file, or get the file again"
            )
        column = column.coalesce(other)
    return column


def _read_through(records: ir.Table, file: str) -> None:
    """Decode every value that is used, so that a damaged file is named here and not by a later, mixed step."""
    numbers = {
        name: column.epoch_seconds() if (column := records[name]).type().is_timestamp() else column for name in _KINDS
    }
    sums = {name: number.cast("float64").sum() for name, number in numbers.items()}  # maxima may come from the footer
    try:
        rows = records.aggregate(rows=records.count(), **sums).to_pyarrow()
    except Exception as error:  # each engine has its own errors
        raise explain_unreadable(file, error) from error
    if rows["rows"][0].as_py() == 0:
        raise empty(file)


def empty(file: str) -> RideDurationError:
    """What to say of a file without trips."""
    return RideDurationError(f"{file} holds no trips at all; download the file again, or leave that month out")
