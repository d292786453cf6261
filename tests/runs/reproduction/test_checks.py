"""What is at hand, compared with what a run was made from."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ride_duration.datasets.month_files import fingerprint
from ride_duration.errors import RideDurationError
from ride_duration.runs.reproduction.checks import check_raw_again, code_differences, code_doubts, raw_differences
from ride_duration.runs.reproduction.record import Record

HERE = {"git_commit": "c" * 40, "git_dirty": "false", "lock_sha256": "d" * 64}


def record(
    *,
    commit: str = "c" * 40,
    dirty: bool = False,
    lock: str = "d" * 64,
    address: str | None = None,
    sha256: str = "a" * 64,
    rows: int = 3,
) -> Record:
    return Record(
        run_id="0123456789abcdef",
        environment=None,
        commit=commit,
        dirty=dirty,
        lock=lock,
        parameters={"source": "here", "sources": {"here": address}},
        raw={"month": (sha256, rows)},
        metrics={"val.rmse": 5.25},
    )


@pytest.fixture
def month(tmp_path: Path) -> Path:
    """A raw month of three rows in a project."""
    path = tmp_path / "data/01_raw/here/month.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"trip": [1, 2, 3]}), path)
    return path


def test_the_same_code_is_no_difference() -> None:
    assert code_differences(record(), HERE) == []
    assert code_doubts(record()) == []


def test_other_code_is_named() -> None:
    assert code_differences(record(commit="e" * 40, lock="f" * 64), HERE) == [
        "commit: eeeeeeee was recorded, here it is cccccccc",
        "requirements.lock: ffffffff was recorded, here it is dddddddd",
    ]


def test_what_was_not_recorded_is_a_doubt() -> None:
    unknown = record(commit="unknown", lock="unknown", dirty=True)
    assert code_differences(unknown, HERE) == []
    assert len(code_doubts(unknown)) == 3


def test_the_same_month_is_no_difference(tmp_path: Path, month: Path) -> None:
    assert raw_differences(record(sha256=fingerprint(month)["sha256"]), tmp_path) == []


def test_another_month_is_named(tmp_path: Path, month: Path) -> None:
    [line] = raw_differences(record(rows=2000), tmp_path)
    assert line.startswith("data/01_raw/here/month.parquet: sha256 aaaaaaaa with 2,000 rows was recorded")
    assert fingerprint(month)["sha256"][:8] in line


def test_a_damaged_month_is_named(tmp_path: Path, month: Path) -> None:
    month.write_bytes(b"nonsense")
    [line] = raw_differences(record(), tmp_path)
    assert "cannot be read as parquet" in line


def test_only_a_simulated_month_may_be_missing(tmp_path: Path) -> None:
    assert raw_differences(record(), tmp_path) == []
    [line] = raw_differences(record(address="https://example.com"), tmp_path)
    assert "month.parquet" in line
    assert "not there" in line


def test_a_month_that_was_simulated_otherwise_is_named() -> None:
    check_raw_again(record(), record())
    with pytest.raises(RideDurationError, match=r"month\.parquet: sha256 aaaaaaaa .* read sha256 bbbbbbbb"):
        check_raw_again(record(), record(sha256="b" * 64))
