"""Raw columns of every service become the same canonical records."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_engineering.trip_records import ROW_NUMBER, canonical_records, read_records
from ride_duration.trips.records import TAXI_TYPES, find_taxi_type
from tests.support.trips import (
    DROPOFF,
    INT,
    NOTHING,
    PICKUP,
    REAL,
    TEXT,
    TIME,
    green_records,
    green_table,
    raw_months,
    raw_table,
)

CANONICAL = {
    "source": "string",
    "service": "string",
    "month": "string",
    "ride_id": "string",
    "pickup_datetime": "timestamp",
    "dropoff_datetime": "timestamp",
    "pickup_zone": "int64",
    "dropoff_zone": "int64",
    "trip_distance_raw": "float64",
}


def opened(table: pa.Table) -> Callable[[], ir.Table]:
    """A raw file as the catalog hands it over: something that opens it."""
    return lambda: ibis.memtable(table)


def canonical(service: str, table: pa.Table) -> ir.Table:
    """Canonical records of two rides of 2021-01."""
    return canonical_records(
        ibis.memtable(table), find_taxi_type(service), "2021-01", f"{service}_tripdata_2021-01.parquet", "tlc"
    )


@pytest.mark.parametrize("service", TAXI_TYPES)
def test_every_service_gives_the_same_canonical_columns(service: str) -> None:
    assert dict(canonical(service, raw_table(service)).schema()) == dict(ibis.schema(CANONICAL))


@pytest.mark.parametrize("service", TAXI_TYPES)
def test_every_service_gives_the_values_that_its_file_holds(service: str) -> None:
    first, second = canonical(service, raw_table(service)).order_by("ride_id").to_pyarrow().to_pylist()
    miles = None if service == "fhv" else 2.5
    assert first == {
        "source": "tlc",
        "service": service,
        "month": "2021-01",
        "ride_id": f"{service}-2021-01-000000000",
        "pickup_datetime": PICKUP,
        "dropoff_datetime": DROPOFF,
        "pickup_zone": 74,
        "dropoff_zone": 42,
        "trip_distance_raw": miles,
    }
    assert (second["pickup_datetime"], second["dropoff_zone"]) == (None, 264)
    assert second["pickup_zone"] == (None if service == "fhv" else 75)


@pytest.mark.parametrize("service", TAXI_TYPES)
@pytest.mark.parametrize("spelling", [str.upper, str.lower, str.swapcase])
def test_column_names_are_compared_without_regard_to_case(service: str, spelling: Callable[[str], str]) -> None:
    plain = raw_table(service)
    spelt = plain.rename_columns([name if name == ROW_NUMBER else spelling(name) for name in plain.column_names])
    assert canonical(service, spelt).to_pyarrow().equals(canonical(service, plain).to_pyarrow())


@pytest.mark.parametrize(
    ("service", "column"),
    [(name, column) for name, service in TAXI_TYPES.items() for column in service.columns.values()],
)
def test_a_missing_column_is_named_with_its_file_and_what_the_file_has_instead(service: str, column: str) -> None:
    table = raw_table(service)
    spelt = next(name for name in table.column_names if name.lower() == column.lower())
    renamed = table.rename_columns(["renamed" if name == spelt else name for name in table.column_names])
    with pytest.raises(RideDurationError) as told:
        canonical(service, renamed)
    assert f"{service}_tripdata_2021-01.parquet has no column {column}," in str(told.value)
    assert "renamed" in str(told.value)
    assert ROW_NUMBER not in str(told.value)


@pytest.mark.parametrize(
    ("column", "kind", "values", "wanted"),
    [
        ("lpep_pickup_datetime", TEXT, ["2021-01-05 17:30:12", None], "a timestamp"),
        ("lpep_pickup_datetime", INT, [1609867812, None], "a timestamp"),
        ("lpep_dropoff_datetime", pa.date32(), [PICKUP.date(), None], "a timestamp"),
        ("lpep_dropoff_datetime", NOTHING, [None, None], "a timestamp"),
        ("PULocationID", TEXT, ["74", "75"], "a number"),
        ("DOLocationID", pa.bool_(), [True, False], "a number"),
        ("trip_distance", TEXT, ["2.5", "0"], "a number"),
        ("trip_distance", TIME, [PICKUP, PICKUP], "a number"),
    ],
)
def test_a_column_of_a_wrong_type_is_named_with_its_file_and_what_it_must_be(
    column: str, kind: pa.DataType, values: list[Any], wanted: str
) -> None:
    with pytest.raises(RideDurationError) as told:
        canonical("green", raw_table("green", **{column: (kind, values)}))
    assert f"green_tripdata_2021-01.parquet: column {column} is of type" in str(told.value)
    assert f"must be {wanted}" in str(told.value)


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        ("PULocationID", pa.int32(), [74, 75]),
        ("PULocationID", REAL, [74.0, 75.0]),
        ("DOLocationID", NOTHING, [None, None]),
        ("trip_distance", NOTHING, [None, None]),
        ("trip_distance", pa.float32(), [2.5, 0.0]),
        ("trip_distance", INT, [2, 0]),
        ("lpep_pickup_datetime", pa.timestamp("ns"), [PICKUP, None]),
        ("lpep_pickup_datetime", pa.timestamp("ms"), [PICKUP, None]),
    ],
)
def test_the_types_that_the_tlc_has_used_over_the_years_are_taken(
    column: str, kind: pa.DataType, values: list[Any]
) -> None:
    records = canonical("green", raw_table("green", **{column: (kind, values)}))
    assert dict(records.schema()) == dict(ibis.schema(CANONICAL))
    assert records.to_pyarrow().num_rows == 2


def test_ride_ids_are_unique_and_sort_as_the_file_does() -> None:
    rides = [(74, 42, PICKUP, DROPOFF, float(number)) for number in range(1, 1202)]
    table = green_records(green_table(rides)).order_by("ride_id").to_pyarrow()
    assert len(set(table["ride_id"].to_pylist())) == len(rides)
    assert table["trip_distance_raw"].to_pylist() == [float(number) for number in range(1, 1202)]


def test_the_months_asked_for_become_one_table() -> None:
    raw = {f"green_tripdata_{month}": opened(raw_table("green")) for month in ("2021-01", "2021-02", "2021-03")}
    records = read_records(raw, raw_months("2021-01", "2021-03")).order_by("ride_id").to_pyarrow()
    assert records["month"].to_pylist() == ["2021-01", "2021-01", "2021-03", "2021-03"]
    assert len(set(records["ride_id"].to_pylist())) == 4


def test_months_give_the_same_records_in_any_order_and_alone() -> None:
    rides = [(74, 42, PICKUP + timedelta(minutes=number), DROPOFF, float(number)) for number in range(20)]
    raw = {f"green_tripdata_2021-{month:02d}": opened(green_table(rides[month:])) for month in (1, 2, 3)}
    forwards = read_records(raw, raw_months("2021-01..2021-02", "2021-03"))
    backwards = read_records(dict(reversed(raw.items())), raw_months("2021-03+2021-02", "2021-01"))
    together = forwards.order_by("ride_id").to_pyarrow()
    assert together.equals(backwards.order_by("ride_id").to_pyarrow())
    alone = [green_records(green_table(rides[month:]), f"2021-{month:02d}").to_pyarrow() for month in (1, 2, 3)]
    assert together.equals(pa.concat_tables(alone).sort_by("ride_id"))


def test_a_month_that_is_not_there_is_named_with_what_to_do() -> None:
    with pytest.raises(RideDurationError, match=r"green_tripdata_2021-02\.parquet is not there.*--pipelines=ingestion"):
        read_records({"green_tripdata_2021-01": opened(raw_table("green"))}, raw_months())


def test_a_month_that_cannot_be_opened_is_named_with_the_reason() -> None:
    def broken() -> ir.Table:
        raise OSError("No magic bytes found.\n^^^^^")

    with pytest.raises(RideDurationError) as told:
        read_records({"green_tripdata_2021-01": broken}, raw_months())
    assert str(told.value).startswith("green_tripdata_2021-01.parquet cannot be read as parquet (No magic bytes found)")


@pytest.mark.parametrize(
    ("kind", "ids", "zones"),
    [
        (REAL, [74.0, float("inf")], [74, None]),
        (REAL, [74.0, -float("inf")], [74, None]),
        (REAL, [74.5, 1e300], [None, None]),
        (pa.float32(), [74.0, 74.5], [74, None]),
        (pa.decimal128(10, 2), [Decimal("74.00"), Decimal("74.50")], [74, None]),
        (pa.uint64(), [74, 2**64 - 1], [74, None]),
    ],
)
def test_an_id_that_is_not_a_whole_number_is_unknown_and_costs_its_row_alone(
    kind: pa.DataType, ids: list[Any], zones: list[int | None]
) -> None:
    months = raw_months("2021-01")
    records = read_records({"green_tripdata_2021-01": opened(raw_table("green", PULocationID=(kind, ids)))}, months)
    assert records.order_by("ride_id").to_pyarrow()["pickup_zone"].to_pylist() == zones


def test_an_empty_month_is_named() -> None:
    with pytest.raises(RideDurationError, match=r"green_tripdata_2021-01\.parquet holds no trips at all"):
        read_records({"green_tripdata_2021-01": opened(green_table([]))}, raw_months())


def test_not_a_number_is_missing() -> None:
    table = raw_table("green")
    for name in ("PULocationID", "trip_distance"):
        table = table.set_column(table.column_names.index(name), name, pa.array([float("nan")] * len(table)))
    rows = canonical("green", table).to_pyarrow().to_pylist()
    assert [(row["pickup_zone"], row["trip_distance_raw"]) for row in rows] == [(None, None)] * len(table)


def test_times_with_a_zone_are_no_wall_clock() -> None:
    table, name = raw_table("green"), "lpep_pickup_datetime"
    zoned = table[name].cast(pa.timestamp("us", "America/New_York"))
    with pytest.raises(RideDurationError, match=r"lpep_pickup_datetime is of type .*without a time zone"):
        canonical("green", table.set_column(table.column_names.index(name), name, zoned))
