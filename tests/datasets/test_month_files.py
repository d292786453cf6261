"""Raw months as files: made once, never touched again."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kedro.io import DatasetError

from ride_duration.datasets import MonthFilesDataset, month_files
from ride_duration.datasets.month_files import MANIFEST, MadeFile, RemoteFile, fingerprint
from ride_duration.errors import RideDurationError

JANUARY, FEBRUARY = "green_tripdata_2021-01", "green_tripdata_2021-02"


def month(rows: int = 3) -> pa.Table:
    """A month of so many rides."""
    return pa.table({"trip_distance": [float(row) for row in range(rows)]})


def made(make: Callable[[], pa.Table], origin: str = "simulated") -> MadeFile:
    """A source of a month."""
    return MadeFile(make, origin)


def never() -> NoReturn:
    """The source of a month that must not be made."""
    pytest.fail("a month that is there was made again")


def broken() -> NoReturn:
    """The source of a month that cannot be made."""
    raise RideDurationError("the city is closed")


def manifest(folder: Path) -> dict[str, dict[str, object]]:
    """What the manifest says."""
    return json.loads((folder / MANIFEST).read_text())


def test_months_that_are_not_there_are_made(tmp_path: Path) -> None:
    MonthFilesDataset(str(tmp_path / "raw")).save({JANUARY: made(month), FEBRUARY: made(lambda: month(5))})
    assert pq.read_table(tmp_path / f"raw/{JANUARY}.parquet").equals(month())
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == [
        f"{JANUARY}.parquet",
        f"{FEBRUARY}.parquet",
        MANIFEST,
    ]


def test_what_is_made_is_entered_in_the_manifest(tmp_path: Path) -> None:
    dataset = MonthFilesDataset(str(tmp_path))
    dataset.save({FEBRUARY: made(lambda: month(5))})
    dataset.save({JANUARY: made(month), FEBRUARY: made(never)})
    content = (tmp_path / f"{FEBRUARY}.parquet").read_bytes()
    entries = manifest(tmp_path)
    assert list(entries) == [f"{JANUARY}.parquet", f"{FEBRUARY}.parquet"]
    assert entries[f"{FEBRUARY}.parquet"] == {
        "file": f"{FEBRUARY}.parquet",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "rows": 5,
        "origin": "simulated",
    }


def test_a_month_that_is_there_keeps_its_bytes_and_its_time(tmp_path: Path) -> None:
    path = tmp_path / f"{JANUARY}.parquet"
    path.write_bytes(b"whatever lies here is the user's")
    before = path.stat().st_mtime_ns
    MonthFilesDataset(str(tmp_path)).save({JANUARY: made(never)})
    assert path.read_bytes() == b"whatever lies here is the user's"
    assert path.stat().st_mtime_ns == before
    assert not (tmp_path / MANIFEST).exists()


def test_a_month_of_a_former_program_is_kept_and_this_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = MonthFilesDataset(str(tmp_path))
    dataset.save({JANUARY: made(month)})
    before = (tmp_path / f"{JANUARY}.parquet").stat().st_mtime_ns
    dataset.save({JANUARY: MadeFile(never, "otherwise", former="simulated")})
    assert (tmp_path / f"{JANUARY}.parquet").stat().st_mtime_ns == before
    assert "is of a former program (simulated) and is kept; delete it to have it otherwise" in caplog.text
    with pytest.raises(DatasetError, match="delete it and run again"):
        dataset.save({JANUARY: MadeFile(never, "otherwise", former="another way")})


def test_a_month_that_cannot_be_made_harms_no_other_and_is_not_entered(tmp_path: Path) -> None:
    dataset = MonthFilesDataset(str(tmp_path))
    with pytest.raises(DatasetError) as told:
        dataset.save({JANUARY: made(month), FEBRUARY: made(broken)})
    assert isinstance(told.value.__cause__, RideDurationError)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{JANUARY}.parquet", MANIFEST]
    assert list(manifest(tmp_path)) == [f"{JANUARY}.parquet"]


def test_a_month_that_breaks_while_it_is_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(table: pa.Table, path: Path) -> NoReturn:
        path.write_bytes(b"PAR1 and then")
        raise OSError("No space left on device")

    monkeypatch.setattr(pq, "write_table", half)
    with pytest.raises(DatasetError):
        MonthFilesDataset(str(tmp_path)).save({JANUARY: made(month)})
    assert list(tmp_path.iterdir()) == []


def test_the_origin_of_a_downloaded_month_is_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(month_files, "download", lambda url, path: pq.write_table(month(), path))
    MonthFilesDataset(str(tmp_path)).save({JANUARY: RemoteFile("https://tlc/january.parquet")})
    assert manifest(tmp_path)[f"{JANUARY}.parquet"]["origin"] == "https://tlc/january.parquet"


def test_loading_gives_the_fingerprint_of_every_month(tmp_path: Path) -> None:
    dataset = MonthFilesDataset(str(tmp_path))
    assert not dataset.exists()
    dataset.save({FEBRUARY: made(lambda: month(5)), JANUARY: made(month)})
    assert dataset.exists()
    files = dataset.load()
    assert list(files) == [JANUARY, FEBRUARY]
    assert files[FEBRUARY]() == fingerprint(tmp_path / f"{FEBRUARY}.parquet")
    assert files[FEBRUARY]()["rows"] == 5


@pytest.mark.parametrize("content", [b"", b"<html>no taxis today</html>", b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_what_is_no_parquet_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"{JANUARY}.parquet"
    path.write_bytes(content)
    with pytest.raises(RideDurationError) as told:
        fingerprint(path)
    assert str(told.value).startswith(f"{JANUARY}.parquet cannot be read as parquet")
    assert "delete it" in str(told.value)


def test_a_truncated_month_is_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / f"{JANUARY}.parquet"
    pq.write_table(month(1000), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RideDurationError, match="it is cut short: its end is missing"):
        fingerprint(path)


def test_the_dataset_says_where_it_is_and_keeps_its_layer() -> None:
    dataset = MonthFilesDataset("data/raw", metadata={"kedro-viz": {"layer": "raw"}})
    assert "data/raw" in str(dataset)
    assert dataset.metadata == {"kedro-viz": {"layer": "raw"}}


def test_a_month_that_would_be_made_otherwise_now_is_not_taken_for_it(tmp_path: Path) -> None:
    dataset = MonthFilesDataset(str(tmp_path))
    dataset.save({JANUARY: made(month, "simulated with seed 1")})
    with pytest.raises(DatasetError) as told:
        dataset.save({JANUARY: made(month, "simulated with seed 2")})
    assert isinstance(told.value.__cause__, RideDurationError)
    assert "seed 1" in str(told.value.__cause__)
    assert "delete it" in str(told.value.__cause__)
    assert (tmp_path / f"{JANUARY}.parquet").exists()


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("")
    with pytest.raises(DatasetError, match=r"manifest\.json") as told:
        MonthFilesDataset(str(tmp_path)).save({JANUARY: made(month)})
    assert isinstance(told.value.__cause__, RideDurationError)
