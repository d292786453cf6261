"""Raw months through files and the real engine, whatever their files look like."""

import os
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io import DatasetError

from ride_duration.datasets import FileDataset, MonthFilesDataset, MonthTablesDataset
from ride_duration.datasets.unreadable import explain_unreadable
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_engineering.trip_records import ROW_NUMBER, read_records
from tests.support.trips import INT, NOTHING, PICKUP, REAL, raw_months, raw_table

ENGINE = {"backend": "duckdb", "database": ":memory:", "threads": 2}
MONTH = "2021-01"


def month_of(service: str = "green", **changed: Any) -> pa.Table:
    """A raw month of two rides as it lies in a file."""
    return raw_table(service, **changed).drop_columns(ROW_NUMBER)


def read(folder: Path, service: str = "green") -> list[dict[str, Any]]:
    """The canonical records of the month in a folder, in the order of their ids."""
    months = MonthTablesDataset(str(folder), ENGINE).load()
    return read_records(months, raw_months(MONTH, taxi_type=service)).order_by("ride_id").to_pyarrow().to_pylist()


def written(folder: Path, table: pa.Table, service: str = "green", **options: Any) -> list[dict[str, Any]]:
    """The canonical records of a month that is written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"{service}_tripdata_{MONTH}.parquet", **options)
    return read(folder, service)


def spelled_twice(second: list[float | None]) -> pa.Table:
    """An fhv month joined from two parts that spell the pick-up zone differently."""
    return month_of("fhv", PUlocationID=(REAL, [74.0, None])).append_column("PULocationID", pa.array(second, REAL))


def test_a_column_under_two_spellings_each_half_empty_is_one(tmp_path: Path) -> None:
    assert [row["pickup_zone"] for row in written(tmp_path, spelled_twice([None, 75.0]), "fhv")] == [74, 75]
    assert [row["pickup_zone"] for row in written(tmp_path, spelled_twice([74.0, 75.0]), "fhv")] == [74, 75]


def test_spellings_that_contradict_each_other_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RideDurationError, match="has the columns PUlocationID and PULocationID, which differ in 1 of"):
        written(tmp_path, spelled_twice([75.0, 75.0]), "fhv")


def test_a_contradicting_spelling_of_a_wrong_type_is_named_as_the_file_has_it(tmp_path: Path) -> None:
    table = month_of().append_column("pulocationid", pa.array(["74", "75"]))
    with pytest.raises(RideDurationError, match="column pulocationid is of type string, but must be a number"):
        written(tmp_path, table)


def test_a_column_whose_name_ends_in_a_number_is_another_column(tmp_path: Path) -> None:
    table = month_of().append_column("PULocationID (2)", pa.array([1.0, 2.0]))
    assert written(tmp_path, table) == written(tmp_path / "plain", month_of())


def test_a_pipe_in_the_place_of_a_month_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"green_tripdata_{MONTH}.parquet")
    with pytest.raises(RideDurationError, match="is neither a file nor a folder; put a parquet file in its place"):
        read(tmp_path)
    [fingerprint] = MonthFilesDataset(str(tmp_path)).load().values()
    with pytest.raises(RideDurationError, match="is neither a file nor a folder"):
        fingerprint()


def test_columns_of_parquet_type_null_are_missing(tmp_path: Path) -> None:
    nothing = (NOTHING, [None, None])
    rows = written(tmp_path, month_of(PULocationID=nothing, trip_distance=nothing))
    assert [(row["pickup_zone"], row["dropoff_zone"], row["trip_distance_raw"]) for row in rows] == [
        (None, 42, None),
        (None, 264, None),
    ]


def test_times_of_parquet_type_null_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RideDurationError, match="lpep_dropoff_datetime is of type null, but must be a timestamp"):
        written(tmp_path, month_of(lpep_dropoff_datetime=(NOTHING, [None, None])))


def test_a_row_number_of_the_files_own_is_ignored(tmp_path: Path) -> None:
    plain = written(tmp_path, month_of())
    for name in (ROW_NUMBER, ROW_NUMBER.upper()):
        assert written(tmp_path, month_of().append_column(name, pa.array([7, 7]))) == plain


def test_a_folder_of_parts_is_read_in_their_order(tmp_path: Path) -> None:
    folder = tmp_path / f"green_tripdata_{MONTH}.parquet"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    (folder / "_temporary").mkdir()
    pq.write_table(month_of(), folder / "_temporary/part-9.parquet")
    pq.write_table(month_of(DOLocationID=(INT, [1, 2])), folder / "part-00000.snappy.parquet")
    pq.write_table(
        month_of(DOLocationID=(INT, [3, 4]), PULocationID=(NOTHING, [None] * 2)), folder / "part-00001.parquet"
    )
    rows = read(tmp_path)
    assert [row["ride_id"] for row in rows] == [f"green-{MONTH}-{number:09d}" for number in range(4)]
    assert [(row["pickup_zone"], row["dropoff_zone"]) for row in rows] == [(74, 1), (75, 2), (None, 3), (None, 4)]
    print_of = MonthFilesDataset(str(tmp_path)).load()[f"green_tripdata_{MONTH}"]()
    assert (print_of["file"], print_of["rows"]) == (f"green_tripdata_{MONTH}.parquet", 4)


def test_parts_that_spell_a_column_differently_are_one_column(tmp_path: Path) -> None:
    folder = tmp_path / f"fhv_tripdata_{MONTH}.parquet"
    folder.mkdir()
    other = month_of("fhv", PUlocationID=(REAL, [76.0, 77.0]))
    spelled = ["PULOCATIONID" if name == "PUlocationID" else name for name in other.column_names]
    pq.write_table(month_of("fhv", PUlocationID=(REAL, [74.0, 75.0])), folder / "part-0.parquet")
    pq.write_table(other.rename_columns(spelled), folder / "part-1.parquet")
    pq.write_table(spelled_twice([None, 78.0]), folder / "part-2.parquet")
    assert [row["pickup_zone"] for row in read(tmp_path, "fhv")] == [74, 75, 76, 77, 74, 78]
    pq.write_table(spelled_twice([75.0, 75.0]), folder / "part-2.parquet")
    with pytest.raises(RideDurationError, match="has the columns PUlocationID and PULocationID, which differ in 1 of"):
        read(tmp_path, "fhv")


def test_a_folder_without_parts_is_named(tmp_path: Path) -> None:
    (tmp_path / f"green_tripdata_{MONTH}.parquet").mkdir()
    with pytest.raises(RideDurationError, match="is a folder without a parquet file in it"):
        read(tmp_path)


def test_dictionaries_and_old_times_are_read(tmp_path: Path) -> None:
    plain = written(tmp_path, month_of())
    zones = pa.array([74, 75], INT).dictionary_encode()
    coded = month_of().set_column(month_of().column_names.index("PULocationID"), "PULocationID", zones)
    assert written(tmp_path, coded) == plain
    assert written(tmp_path, month_of(), use_deprecated_int96_timestamps=True) == plain


def test_times_in_utc_and_the_layout_of_2009_are_refused_by_name(tmp_path: Path) -> None:
    name = "lpep_pickup_datetime"
    zoned = month_of(**{name: (pa.timestamp("us", "UTC"), [PICKUP, None])})
    with pytest.raises(RideDurationError, match=f"column {name} is of type timestamp.*without a time zone"):
        written(tmp_path, zoned)
    with pytest.raises(RideDurationError, match=r"has no column tpep_pickup_datetime, .* it has Trip_Pickup_DateTime"):
        written(tmp_path, pa.table({"Trip_Pickup_DateTime": ["2009-01-01 00:00:00"]}), "yellow")


@pytest.mark.parametrize("name", ["a[1]*?", "a%2Fb", "a%20b c", "a:b", "a'b", 'a"b', "a#b", "a{1,2}"])
def test_a_folder_of_any_name_gives_its_own_months_and_tables(tmp_path: Path, name: str) -> None:
    written(tmp_path / "a1xx", month_of(PULocationID=(INT, [1, 1])))
    rows = written(tmp_path / name, month_of())
    assert [row["pickup_zone"] for row in rows] == [74, 75]
    table = FileDataset(filepath=str(tmp_path / name / "t.parquet"), connection=ENGINE)
    assert not table.exists()
    table.save(FileDataset(filepath=str(tmp_path / name / f"green_tripdata_{MONTH}.parquet"), connection=ENGINE).load())
    assert table.exists()
    assert table.load().PULocationID.to_pyarrow().to_pylist() == [74, 75]


def test_without_months_it_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no raw months lie in .*--pipelines=ingestion"):
        MonthTablesDataset(str(tmp_path), ENGINE).load()


SOUND = b"PAR1" + bytes(100) + b"PAR1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"PAR1" + bytes(100), "it is cut short"),
        (b"<html>Service unavailable</html>", "it is a web page or XML"),
        (b"a,b\n1,2\n", "it is text, such as CSV"),
        (b"\x1f\x8b" + bytes(100), "it is compressed with gzip"),
        (bytes(100), "it is not parquet at all"),
    ],
)
def test_what_lies_there_in_place_of_parquet_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / f"green_tripdata_{MONTH}.parquet"
    file.write_bytes(content)
    for ask in (lambda: read(tmp_path), MonthFilesDataset(str(tmp_path)).load()[file.stem]):
        with pytest.raises(RideDurationError) as told:
            ask()
        assert str(told.value).startswith(f"{file.name} cannot be read as parquet ({said}")
        assert "delete it" in str(told.value)


class OutOfMemoryException(Exception):  # noqa: N818  the name that DuckDB gives it
    """What DuckDB raises."""


CANNOT_OPEN = 'IO Error: Cannot open file "/snappy/corrupt thrift/x.parquet": Too many open files'


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied"), "may not be read"),
        (OSError('IO Error: Cannot open file "x": Permission denied'), "may not be read"),
        (OutOfMemoryException("could not allocate block"), "the memory did not suffice"),
        (MemoryError(), "the memory did not suffice"),
        (FileNotFoundError(2, "No such file or directory"), "is not there any more"),
        (OSError(5, "Input/output error"), "cannot be read from the disk"),
        (duckdb.IOException(CANNOT_OPEN), "cannot be read from the disk"),
        (duckdb.IOException('IO Error: Could not read from file "x": Input/output error'), "cannot be read from the d"),
        (OSError(CANNOT_OPEN), "cannot be read from the disk"),
        (OSError("Out of Memory Error: failed to allocate"), "the memory did not suffice"),
        (duckdb.Error("Interrupted"), "the file itself may be sound"),
        (ValueError("strange"), "the file itself may be sound"),
    ],
)
def test_a_sound_file_is_not_said_to_be_damaged(tmp_path: Path, error: Exception, said: str) -> None:
    file = tmp_path / "month.parquet"
    file.write_bytes(SOUND)
    for path in (file, None):
        told = str(explain_unreadable(file.name, error, path))
        assert said in told
        assert "delete" not in told
        assert os.linesep not in told


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException('IO Error: Could not read enough bytes from file "x": attempted to read 1 bytes'),
        duckdb.InvalidInputException("Invalid Input Error: No magic bytes found at end of file 'x'"),
        OSError('Invalid Input Error: Failed to read file "x": Snappy decompression failure'),
        OSError("Couldn't deserialize thrift: invalid TType"),
        duckdb.Error("TProtocolException: Invalid data"),
        duckdb.Error("don't know what type: \x0e"),
    ],
)
def test_damage_is_told_by_its_words_where_the_path_is_unknown(error: Exception) -> None:
    told = str(explain_unreadable("month.parquet", error))
    assert told.startswith("month.parquet cannot be read as parquet (")
    assert "delete it" in told


def test_too_many_open_files_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "month.parquet"
    file.write_bytes(b"")
    monkeypatch.setattr(Path, "open", lambda *_, **__: os.open(tmp_path / "gone", os.O_RDONLY))
    assert "cannot be read from the disk" in str(explain_unreadable(file.name, duckdb.IOException(CANNOT_OPEN), file))


def test_an_error_that_is_explained_already_is_not_its_own_cause(tmp_path: Path) -> None:
    (tmp_path / f"green_tripdata_{MONTH}.parquet").write_bytes(b"")
    with pytest.raises(RideDurationError, match="it is empty") as told:
        read(tmp_path)
    chain: list[BaseException | None] = [told.value]
    while chain[-1]:
        assert chain[-1].__cause__ not in chain
        chain.append(chain[-1].__cause__)
