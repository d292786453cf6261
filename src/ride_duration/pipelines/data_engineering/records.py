"""Raw columns of a service -> canonical trip records."""

from collections.abc import Callable

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.parameters import RawMonths
from ride_duration.trips.records import RIDE_ID_DIGITS, Service


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

#: The reader's own column: position of the row in its file, from 0.
ROW_NUMBER = "file_row_number"


def read_records(raw_trips: dict[str, Callable[[], ir.Table]], raw_months: RawMonths) -> ir.Table:
    """Put the months asked for into one table of canonical records.

    Args:
        raw_trips: For each raw file, by stem, a function that opens it as a table with a column `ROW_NUMBER`.
        raw_months: Says which service and months.

    Returns:
        One row a raw record: service, month, ride_id, times, zones, `trip_distance_raw` and source, as in
        `trips.records`.

    Raises:
        RideDurationError: A month is missing, unreadable or empty, or a column is missing or of a wrong type.
    """
    service = raw_months.raw_service
    months = []
    for month in raw_months.months:
        records = open_records(raw_trips, service, month, raw_months.source)
        _read_through(records, f"{service.file_stem(month)}.parquet")
        months.append(records)
    return ibis.union(*months)


def open_records(raw_trips: dict[str, Callable[[], ir.Table]], service: Service, month: str, source: str) -> ir.Table:
    """One month as a table of canonical records; no row is read yet.

    Raises:
        RideDurationError: The month is missing or no parquet file, or a column is missing or of a wrong type.
    """
    stem = service.file_stem(month)
    if stem not in raw_trips:
        raise RideDurationError(
            f"{stem}.parquet is not there; run `kedro run --pipelines=ingestion` with the same --params and --env, "
            "or put the file into the raw folder"
        )
    file = f"{stem}.parquet"
    try:
        raw = raw_trips[stem]()
    except Exception as error:
        raise unreadable(file, error) from error
    return canonical_records(raw, service, month, file, source)


def canonical_records(raw: ir.Table, service: Service, month: str, file: str, source: str) -> ir.Table:
    """Rename and cast one month's raw columns.

    Raises:
        RideDurationError: A column is missing or of a wrong type; names the file, the column and what was found.
    """
    spelled = {name.lower(): name for name in raw.columns}
    columns = {}
    for field, (wanted, fits, target) in _KINDS.items():
        tlc_name = service.columns.get(field)
        if tlc_name is None:
            columns[field] = ibis.null(target)
            continue
        if tlc_name.lower() not in spelled:
            raise RideDurationError(
                f"{file} has no column {tlc_name}, which {service.name} months need for {field}; "
                f"it has {', '.join(name for name in raw.columns if name != ROW_NUMBER)}"
            )
        column = raw[spelled[tlc_name.lower()]]
        if not fits(column.type()):
            raise RideDurationError(
                f"{file}: column {tlc_name} is of type {column.type()}, but must be {wanted}; get the file anew"
            )
        if column.type().is_floating():
            column = column.isnan().ifelse(ibis.null(column.type()), column)  # one way of being missing in tables
        columns[field] = column.cast(target)
    row = raw[ROW_NUMBER].cast("string").lpad(RIDE_ID_DIGITS, "0")
    key = {
        "source": ibis.literal(source),
        "service": ibis.literal(service.name),
        "month": ibis.literal(month),
        "ride_id": ibis.literal(f"{service.name}-{month}-") + row,
    }
    return raw.select(**key, **columns)


def _read_through(records: ir.Table, file: str) -> None:
    """Decode every value that is used, so that a damaged file is named here and not by a later, mixed step."""
    numbers = {
        name: column.epoch_seconds() if (column := records[name]).type().is_timestamp() else column for name in _KINDS
    }
    sums = {name: number.cast("float64").sum() for name, number in numbers.items()}  # maxima may come from the footer
    try:
        rows = records.aggregate(rows=records.count(), **sums).to_pyarrow()
    except Exception as error:  # each engine has its own errors
        raise unreadable(file, error) from error
    if rows["rows"][0].as_py() == 0:
        raise empty(file)


def empty(file: str) -> RideDurationError:
    """What to say of a file without trips."""
    return RideDurationError(f"{file} holds no trips at all; get the file anew, or leave that month out")


def unreadable(file: str, error: Exception) -> RideDurationError:
    """What to say of a file at which the engine failed."""
    reason = str(error.__cause__ or error).strip().splitlines()[0].rstrip(".")
    return RideDurationError(
        f"{file} cannot be read as parquet ({reason}); mend it, or delete it and run again to get it anew"
    )
