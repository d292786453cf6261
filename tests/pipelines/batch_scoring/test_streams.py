"""Batches of rows: of equal length, in their order, some at once."""

from pathlib import Path
from threading import Barrier

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ride_duration.pipelines.batch_scoring.streams import batches_of, in_turn


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rows", [700, 1_000, 4_096])
def test_a_table_comes_in_equal_batches_and_in_its_order(tmp_path: Path, rows: int, threads: int) -> None:
    table = pa.table({"number": range(10_000)})
    pq.write_table(table, tmp_path / "numbers.parquet", row_group_size=3_001)
    connection = ibis.duckdb.connect(threads=threads)
    batches = list(batches_of(connection.read_parquet(tmp_path / "numbers.parquet"), rows))
    assert pa.Table.from_batches(batches) == table
    assert {len(batch) for batch in batches[:-1]} == {rows}
    assert 0 < len(batches[-1]) <= rows


def test_an_empty_table_has_no_batches(tmp_path: Path) -> None:
    pq.write_table(pa.table({"number": pa.array([], pa.int64())}), tmp_path / "numbers.parquet")
    assert list(batches_of(ibis.duckdb.connect().read_parquet(tmp_path / "numbers.parquet"), 1_000)) == []


def test_work_on_items_is_done_at_once_and_keeps_their_order() -> None:
    three = Barrier(3, timeout=30)

    def work(number: int) -> int:
        three.wait()
        return number * number

    assert list(in_turn(work, range(6), threads=3)) == [0, 1, 4, 9, 16, 25]


def test_no_more_items_are_taken_than_are_worked_on() -> None:
    taken = []
    items = (taken.append(number) or number for number in range(100))
    assert next(in_turn(int, items, threads=2)) == 0
    assert taken == [0, 1, 2]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_comes_in_its_turn(threads: int) -> None:
    results = in_turn(lambda number: 6 // (3 - number), range(9), threads)
    assert [next(results) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)
