"""Streams of record batches are saved whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io import DatasetError

from ride_duration.datasets import ParquetStreamDataset
from ride_duration.errors import RideDurationError

SCHEMA = pa.schema([("ride_id", pa.string()), ("minutes", pa.float64())])


def batch(start: int, rows: int = 4) -> pa.RecordBatch:
    """Rides numbered from `start` on; the last has no duration."""
    numbers = range(start, start + rows)
    return pa.record_batch([[str(n) for n in numbers], [*map(float, numbers[:-1]), None]], schema=SCHEMA)


def stream(*batches: pa.RecordBatch, error: BaseException | None = None) -> pa.RecordBatchReader:
    """The batches, and then perhaps an error."""

    def deliver() -> Iterator[pa.RecordBatch]:
        yield from batches
        if error:
            raise error

    return pa.RecordBatchReader.from_batches(SCHEMA, deliver())


def test_what_was_saved_is_loaded_and_nothing_else_is_left(tmp_path: Path) -> None:
    dataset = ParquetStreamDataset(str(tmp_path / "year=2021/part-0.parquet"))
    assert not dataset.exists()
    dataset.save(stream(batch(0), batch(4), batch(8, 2)))
    assert dataset.exists()
    assert dataset.load().read_all() == pa.Table.from_batches([batch(0), batch(4), batch(8, 2)])
    assert [path.name for path in (tmp_path / "year=2021").iterdir()] == ["part-0.parquet"]


def test_each_batch_is_a_row_group(tmp_path: Path) -> None:
    ParquetStreamDataset(str(tmp_path / "trips.parquet")).save(stream(batch(0), batch(4), batch(8, 2)))
    metadata = pq.read_metadata(tmp_path / "trips.parquet")
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [4, 4, 2]


def test_a_stream_without_rows_is_an_empty_table(tmp_path: Path) -> None:
    dataset = ParquetStreamDataset(str(tmp_path / "trips.parquet"))
    dataset.save(stream())
    assert dataset.load().read_all() == SCHEMA.empty_table()


@pytest.mark.parametrize("error", [RideDurationError("the file is damaged"), KeyboardInterrupt()])
def test_a_stream_that_fails_leaves_the_old_file_and_no_part_of_a_new_one(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "trips.parquet"
    dataset = ParquetStreamDataset(str(path))
    dataset.save(stream(batch(0)))
    before = path.read_bytes()
    with pytest.raises((DatasetError, KeyboardInterrupt)) as told:
        dataset.save(stream(batch(4), error=error))
    assert error in (told.value, told.value.__cause__)
    assert path.read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == ["trips.parquet"]


def test_the_dataset_says_where_it_is_and_keeps_its_layer() -> None:
    dataset = ParquetStreamDataset("data/trips.parquet", metadata={"kedro-viz": {"layer": "scoring"}})
    assert "data/trips.parquet" in str(dataset)
    assert dataset.metadata == {"kedro-viz": {"layer": "scoring"}}
