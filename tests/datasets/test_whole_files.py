"""Saves are whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import plotly.graph_objects as go
import pytest
from kedro.io import AbstractDataset, DatasetError

from ride_duration.atomic import replaced_whole
from ride_duration.datasets import (
    CSVDataset,
    FileDataset,
    JSONDataset,
    ParquetDataset,
    PickleDataset,
    PlotlyDataset,
    TextDataset,
)


class Unpicklable:
    """Lets a pickle fail in its middle."""

    def __reduce__(self) -> Any:
        raise ValueError("no pickles here")


class Unwritable:
    """Lets a table fail in its middle, when its text is asked for."""

    def __str__(self) -> str:
        raise ValueError("no words")


FRAME = pd.DataFrame({"ride_id": ["a", "b"], "minutes": [1.5, 2.5]})
FIGURE = go.Figure(go.Bar(y=[1, 2]))
#: So many rows that the first are written before the last one fails.
FAILING_TABLE = ibis.range(400_000).unnest().name("x").as_table().mutate(
    y=ibis.ifelse(ibis._.x < 399_000, ibis._.x.cast("string"), "not a number").cast("int64")
)  # fmt: skip


def file_dataset(filepath: str) -> AbstractDataset[Any, Any]:
    """Ibis's dataset with a connection. With several threads, DuckDB 2.0 may wait for itself when a row fails."""
    return FileDataset(filepath, connection={"backend": "duckdb", "database": ":memory:", "threads": 1})


CASES = {
    "csv": (CSVDataset, FRAME, pd.DataFrame({"x": ["fine"] * 200_000 + [Unwritable()]})),
    "json": (JSONDataset, {"rmse": 5.1}, {"fine": 1, "broken": object()}),
    "parquet": (ParquetDataset, FRAME, pd.DataFrame({"x": [1, "mixed", object()]})),
    "pickle": (PickleDataset, {"model": [1, 2]}, ["fine" * 100_000, Unpicklable()]),
    "plot": (PlotlyDataset, FIGURE, object()),
    "text": (TextDataset, "about 52 min", 52),
    "table": (file_dataset, ibis.memtable(FRAME), FAILING_TABLE),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Callable[..., AbstractDataset[Any, Any]], Any, Any]:
    """A dataset, something that it can save, and something on which its save fails."""
    return CASES[request.param]


def test_what_was_saved_is_loaded_and_nothing_else_is_left(
    case: tuple[Callable[..., AbstractDataset[Any, Any]], Any, Any], tmp_path: Path
) -> None:
    make, good, _ = case
    dataset = make(filepath=str(tmp_path / "new/folder/file.parquet"))
    dataset.save(good)
    loaded = dataset.load()
    if isinstance(good, ibis.Table):
        assert loaded.to_pandas().equals(FRAME)
    else:
        assert loaded.equals(good) if isinstance(good, pd.DataFrame) else loaded == good
    assert [path.name for path in (tmp_path / "new/folder").iterdir()] == ["file.parquet"]


def test_a_save_that_fails_leaves_the_old_file_and_no_part_of_a_new_one(
    case: tuple[Callable[..., AbstractDataset[Any, Any]], Any, Any], tmp_path: Path
) -> None:
    make, good, bad = case
    path = tmp_path / "file.parquet"
    dataset = make(filepath=str(path))
    dataset.save(good)
    before = path.read_bytes()
    with pytest.raises(DatasetError):
        dataset.save(bad)
    assert path.read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == ["file.parquet"]
    dataset.save(good)
    assert path.read_bytes() == before


def test_a_first_save_that_fails_leaves_nothing(
    case: tuple[Callable[..., AbstractDataset[Any, Any]], Any, Any], tmp_path: Path
) -> None:
    make, _, bad = case
    with pytest.raises(DatasetError):
        make(filepath=str(tmp_path / "file.parquet")).save(bad)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_says_where_its_file_is_after_saving_as_before(tmp_path: Path) -> None:
    dataset = TextDataset(filepath=str(tmp_path / "file.txt"))
    before = dataset._describe()
    dataset.save("x")
    with pytest.raises(DatasetError):
        dataset.save(1)
    assert dataset._describe() == before


def test_what_is_no_local_file_is_saved_as_the_parent_does() -> None:
    dataset = TextDataset(filepath="memory://ride_duration/file.txt")
    dataset.save("kept elsewhere")
    assert dataset.load() == "kept elsewhere"


def test_a_save_that_is_interrupted_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def interrupted() -> None:
        with replaced_whole(path) as unfinished:
            unfinished.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert [left.name for left in tmp_path.iterdir()] == ["file.txt"]


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with replaced_whole(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
