import json
import os
import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from ride_duration.store.log_records import Record
from ride_duration.store.writer.backlog import LogFull
from ride_duration.store.writer.dead_letter_file import DeadLetterFile
from ride_duration.store.writer.entries import encode_entry
from ride_duration.store.writer.write_ahead_log import WriteAheadLog
from tests.support.store.samples import prediction, predictions

ENTRY = len(encode_entry([prediction("p00000")]))


@pytest.fixture
def open_journal(tmp_path: Path) -> Callable[..., WriteAheadLog]:
    """Opens the journal in the test's folder."""

    def journal(most_bytes: int = 1_000_000, synced: bool = False) -> WriteAheadLog:
        return WriteAheadLog(tmp_path, most_bytes, DeadLetterFile(tmp_path / "refused.jsonl"), synced)

    return journal


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal2"))


def drained(journal: WriteAheadLog) -> list[Record]:
    taken = []
    while records := journal.take(100):
        taken += records
        journal.advance()
    return taken


def test_what_is_appended_is_taken_in_order_and_its_files_go(
    open_journal: Callable[..., WriteAheadLog], tmp_path: Path
) -> None:
    journal = open_journal(80 * ENTRY)
    for turn in range(20):  # more than the bound holds at once
        records = predictions(50, f"{turn:03d}-")
        for record in records:
            journal.append([record])
        assert journal.depth == 50
        assert drained(journal) == records
        assert journal.depth == 0
        assert not journal.pending
    assert len(segments(tmp_path)) == 1
    journal.close()
    assert not segments(tmp_path)


def test_what_was_not_advanced_is_taken_again_also_by_the_next_process(
    open_journal: Callable[..., WriteAheadLog],
) -> None:
    records = predictions(250)
    journal = open_journal(300 * ENTRY)
    for record in records:
        journal.append([record])
    first = journal.take(100)
    assert journal.take(100) == first
    journal.advance()
    journal.close()
    leftovers = open_journal()
    depth = leftovers.depth
    found = drained(leftovers)
    assert len(found) == depth
    assert found == records[-depth:]  # whole segments: the database has some of them already
    assert depth >= 250 - len(first)
    leftovers.close()
    assert not drained(open_journal())


def test_an_entry_may_be_larger_than_a_read_and_a_segment(open_journal: Callable[..., WriteAheadLog]) -> None:
    journal = open_journal(4_000_000)
    groups = [predictions(7000, "a"), predictions(1, "b"), predictions(7000, "c")]
    for group in groups:
        journal.append(group)
    assert drained(journal) == [record for group in groups for record in group]


def test_a_torn_tail_is_dropped(open_journal: Callable[..., WriteAheadLog], tmp_path: Path) -> None:
    whole, torn = encode_entry(predictions(2)), encode_entry(predictions(3, "torn"))
    (tmp_path / "000000000001.journal").write_bytes(whole + torn[:-1])
    journal = open_journal()
    assert journal.depth == 2
    journal.append([prediction("new")])
    assert drained(journal) == [*predictions(2), prediction("new")]


def test_a_full_journal_refuses_and_takes_again_once_it_is_drained(open_journal: Callable[..., WriteAheadLog]) -> None:
    journal = open_journal(100_000)
    record = prediction("p00000")
    for _ in range(100_000 // ENTRY):
        journal.append([record])
    with pytest.raises(LogFull, match="its bound of 100,000 bytes"):
        journal.append([record])
    assert journal.full
    assert journal.size <= 100_000
    assert len(drained(journal)) == 100_000 // ENTRY
    assert not journal.full
    journal.append([prediction("after")])
    assert drained(journal) == [prediction("after")]


def test_a_write_that_the_disk_cuts_short_leaves_nothing_behind(open_journal: Callable[..., WriteAheadLog]) -> None:
    journal = open_journal()
    journal.append([prediction("p00000")])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ENTRY + 10, before[1]))  # the next entry does not fit whole
    try:
        for _ in range(2):
            with pytest.raises(LogFull, match="cannot be written"):
                journal.append([prediction("p00001")])
        assert journal.full
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    journal.append([prediction("p00002")])
    assert drained(journal) == [prediction("p00000"), prediction("p00002")]


def test_nothing_follows_what_cannot_be_cut_off(
    open_journal: Callable[..., WriteAheadLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    write = os.write
    journal = open_journal()
    journal.append([prediction("before")])
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:9]))
    monkeypatch.setattr(os, "ftruncate", fail)
    with pytest.raises(LogFull, match="the disk is full"):
        journal.append([prediction("torn")])
    monkeypatch.undo()
    journal.append([prediction("after")])
    whole = [prediction("before"), prediction("after")]
    assert drained(open_journal()) == whole  # after a kill


def test_syncing_closes_the_files_that_were_rotated_away(open_journal: Callable[..., WriteAheadLog]) -> None:
    journal = open_journal(80 * ENTRY, synced=True)
    for i in range(60):
        journal.append([prediction(f"p{i}")])
    assert journal._unsynced
    journal.sync()
    assert not journal._unsynced
    assert len(drained(journal)) == 60


def test_an_entry_of_another_version_is_set_aside(open_journal: Callable[..., WriteAheadLog], tmp_path: Path) -> None:
    payload = b"\x91\x91\xa5alert"  # one record of a kind that nobody knows
    strange = struct.pack("<III", len(payload), 1, zlib.crc32(payload, 1)) + payload
    (tmp_path / "000000000001.journal").write_bytes(strange + encode_entry([prediction("known")]))
    journal = open_journal()
    assert drained(journal) == [prediction("known")]
    assert journal.depth == 0
    (line,) = (tmp_path / "refused.jsonl").read_text().splitlines()
    assert json.loads(line)["what"] == "kZGlYWxlcnQ="


def test_damage_costs_no_more_than_the_segment(open_journal: Callable[..., WriteAheadLog], tmp_path: Path) -> None:
    journal = open_journal(80 * ENTRY)
    for i in range(30):
        journal.append([prediction(f"p{i:05d}")])
    with segments(tmp_path)[0].open("r+b") as file:
        file.seek(3 * ENTRY + 20)
        file.write(b"\0\0\0\0")
    taken = [record.prediction_id for record in drained(journal)]  # type: ignore[union-attr]
    assert taken[:3] == ["p00000", "p00001", "p00002"]
    assert taken[-1] == "p00029"
    assert not journal.pending
