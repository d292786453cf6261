"""Whatever becomes of the journal's files: all records that are whole come back, none twice, and no file is deleted."""

import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.store import PredictionLog
from ride_duration.store.log_records import Record
from ride_duration.store.writer.dead_letter_file import DeadLetterFile
from ride_duration.store.writer.entries import encode_entry, iterate_entries
from ride_duration.store.writer.write_ahead_log import WriteAheadLog
from tests.store.writer.test_write_ahead_log import ENTRY, drained
from tests.support.store.samples import kept, prediction, predictions, until


def entry_of_version_1(records: list[Record]) -> bytes:
    """As programs before wrote it."""
    payload = msgspec.msgpack.encode(records)
    return struct.pack("<III", len(payload), len(records), zlib.crc32(payload, len(records))) + payload


def opened(folder: Path) -> WriteAheadLog:
    return WriteAheadLog(folder, 1_000_000, DeadLetterFile(folder / "refused.jsonl"))


def names(records: list[Record]) -> list[str]:
    return [record.prediction_id for record in records]  # type: ignore[union-attr]


@pytest.fixture
def journal(tmp_path: Path) -> WriteAheadLog:
    """Has a hundred records, of which the database has none."""
    journal = opened(tmp_path)
    for record in predictions(100):
        journal.append([record])
    return journal


def only_file(folder: Path) -> Path:
    [file] = folder.glob("*.journal2")
    return file


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([encode_entry, entry_of_version_1]), st.data())
def test_damage_costs_the_damaged_records_alone(write: Callable[[list[Record]], bytes], data: st.DataObject) -> None:
    entries = [write(predictions(1 + i % 3, f"{i}-")) for i in range(12)]
    ends = [sum(map(len, entries[: i + 1])) for i in range(len(entries))]
    content = bytearray(b"".join(entries))
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "zeros"]))
    begin = data.draw(st.integers(0, len(content) - 1))
    end = begin + data.draw(st.integers(1, 200))
    if kind == "flip":
        end = begin + 1
        content[begin] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del content[begin:end]
    elif kind == "insert":
        content[begin:begin] = random.Random(begin).randbytes(end - begin)
        end = begin
    else:
        content[begin:end] = bytes(len(content[begin:end]))
    untouched = [entry for i, entry in enumerate(entries) if ends[i] <= begin or ends[i] - len(entry) >= end]
    found = [bytes(content[entry.begin : entry.end]) for entry in iterate_entries(bytes(content))]
    assert [entry for entry in found if entry in untouched] == untouched
    assert [entry for entry in entries if entry in found] == found, "in order, and none twice"


@pytest.mark.parametrize("write", [encode_entry, entry_of_version_1])
def test_one_flipped_byte_of_a_hundred_records(tmp_path: Path, write: Callable[[list[Record]], bytes]) -> None:
    content = bytearray(b"".join(write([record]) for record in predictions(100)))
    content[10 * len(content) // 100 + 1] ^= 255  # in the length
    name = "000000000001.journal2" if write is encode_entry else "000000000001.journal"
    (tmp_path / name).write_bytes(content)
    journal = opened(tmp_path)
    assert names(drained(journal)) == [f"p{i}" for i in range(100) if i != 10]
    assert journal.depth == 0
    assert journal.set_aside == [tmp_path / f"{name}.damaged"]
    assert journal.set_aside[0].read_bytes() == content
    journal.close()
    assert not drained(opened(tmp_path)), "what is set aside is not read again"


def test_files_of_other_names_and_later_versions_are_read_or_left(tmp_path: Path) -> None:
    (tmp_path / "copy of 1.journal").write_bytes(entry_of_version_1(predictions(2)))
    (tmp_path / "000000000001.journal2").write_bytes(encode_entry(predictions(3)))
    later = encode_entry(predictions(1, "later")).replace(b"\xc1RJ\x02", b"\xc1RJ\x03")
    (tmp_path / "000000000002.journal2").write_bytes(later)
    (tmp_path / "000000000003.journal3").write_bytes(later)
    (tmp_path / "notes.journal").write_text("nothing of ours")
    (tmp_path / "folder.journal2").mkdir()
    journal = opened(tmp_path)
    assert names(drained(journal)) == ["p0", "p1", "p2", "p0", "p1"]  # by its id, the database has each once
    journal.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "000000000002.journal2.damaged",
        "000000000003.journal3",
        "folder.journal2",
        "notes.journal.damaged",
    ]


@pytest.mark.parametrize("whole_folder", [True, False])
def test_a_deleted_file_is_written_again(journal: WriteAheadLog, tmp_path: Path, whole_folder: bool) -> None:
    taken = journal.take(10)
    journal.advance()
    shutil.rmtree(tmp_path) if whole_folder else only_file(tmp_path).unlink()
    assert journal.check()
    journal.append([prediction("after")])
    assert names(drained(opened(tmp_path))) == [*(f"p{i}" for i in range(100)), "after"]  # after a kill
    assert len([*taken, *drained(journal)]) == 101


def test_a_file_that_is_deleted_before_its_first_record(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    only_file(tmp_path).unlink()
    journal.append([prediction("first")])
    assert names(drained(opened(tmp_path))) == ["first"]
    assert names(drained(journal)) == ["first"]


def test_a_file_that_was_replaced_is_written_again_in_its_place_in_the_order(tmp_path: Path) -> None:
    journal = WriteAheadLog(tmp_path, 16 * ENTRY, DeadLetterFile(tmp_path / "refused.jsonl"))
    for record in predictions(6):
        journal.append([record])  # two in each file
    other = tmp_path / "other"
    other.write_bytes(encode_entry([prediction("other")]))
    first, *_, last = sorted(tmp_path.glob("*.journal2"))
    for file in (first, last):
        shutil.copy(other, other.with_suffix(".copy")).replace(file)
    assert journal.check()
    journal.append([prediction("after")])
    assert names(drained(opened(tmp_path)))[:7] == [*(f"p{i}" for i in range(6)), "other"]  # after a kill
    assert names(drained(journal)) == [*(f"p{i}" for i in range(6)), "after"]
    assert not journal.set_aside


def test_a_file_that_was_replaced_stays_and_ours_is_written_beside_it(journal: WriteAheadLog, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(encode_entry([prediction("other")]))
    file = only_file(tmp_path)
    other.replace(file)
    assert journal.check()
    assert len(drained(journal)) == 100
    journal.close()
    assert names(drained(opened(tmp_path))) == ["other"]


@pytest.mark.parametrize("left", [0, 3 * ENTRY + 20])
def test_a_file_that_was_cut_is_set_aside_and_nothing_follows_in_it(
    journal: WriteAheadLog, tmp_path: Path, left: int
) -> None:
    os.truncate(only_file(tmp_path), left)
    journal.append([prediction("soon")])  # before anybody has looked
    assert not journal.check()
    journal.rewind()
    journal.append([prediction("later")])
    found = names(drained(journal))
    assert found[-2:] == ["soon", "later"]
    assert journal.depth == 0
    assert len(journal.set_aside) == 1


def test_bytes_that_others_flip_while_it_runs(journal: WriteAheadLog, tmp_path: Path) -> None:
    with only_file(tmp_path).open("r+b") as file:
        file.seek(sum(len(encode_entry([record])) for record in predictions(50)) + 30)
        file.write(b"\xff\xff")
    assert names(drained(journal)) == [f"p{i}" for i in range(100) if i != 50]
    assert journal.depth == 0
    journal.append([prediction("after")])
    assert names(drained(journal)) == ["after"]
    assert len(journal.set_aside) == 1
    assert journal.lost == 1


def test_damage_to_what_is_in_the_database_costs_nothing(journal: WriteAheadLog, tmp_path: Path) -> None:
    assert len(drained(journal)) == 100
    os.truncate(only_file(tmp_path), 3 * ENTRY + 20)
    assert not journal.check()
    journal.rewind()
    assert names(drained(journal)) == ["p0", "p1", "p2"]
    assert len(journal.set_aside) == 1
    assert journal.lost == 0


def test_records_that_damage_cost_come_first_in_the_account(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    database = tmp_path / "store/predictions.db"
    database.mkdir()  # so the records wait
    log = PredictionLog(f"sqlite:///{database}", tmp_path / "journal")
    for record in predictions(3):
        log.append([record])
    [file] = (tmp_path / "journal").rglob("*.journal2")
    with file.open("r+b") as damaged:
        damaged.seek(30)
        damaged.write(b"\xff")
    database.rmdir()
    until(lambda: log.queue_depth == 0 and log._backlog.set_aside)
    log.close()
    first, second = log.account()
    assert first == "1 records are lost: damaged files of the journal held them."
    assert "is set aside as" in second
    assert kept(f"sqlite:///{database}") == ["p1", "p2"]


def test_two_on_one_journal_lose_nothing(journal: WriteAheadLog, tmp_path: Path) -> None:
    other = opened(tmp_path)  # its lock was deleted
    journal.append([prediction("mine")])
    other.append([prediction("other's")])
    found = {*names(drained(other)), *names(drained(journal))}
    journal.check()
    found |= {*names(drained(journal)), *names(drained(other))}
    assert found >= {*(f"p{i}" for i in range(100)), "mine", "other's"}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_a_journal_that_anything_happens_to_gives_each_whole_record(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance, folder = random.Random(seed), tmp_path_factory.mktemp("journal")
    journal, found, number = opened(folder), set[str](), 0
    damaged = 0
    for _ in range(30):
        what = chance.choice(["append"] * 4 + ["take"] * 3 + ["delete", "kill", "flip"])
        if what == "append":
            journal.append([prediction(f"p{number}")])
            number += 1
        elif what == "take":
            if not journal.check():
                journal.rewind()
            found |= set(names(journal.take(3)))
            journal.advance()
        elif what == "kill":
            journal = opened(folder)
        else:
            file = chance.choice(sorted(folder.glob("*.journal2")))
            if what == "delete":
                file.unlink()
                assert journal.check()
            elif file.stat().st_size:
                content = bytearray(file.read_bytes())
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
                with file.open("r+b") as open_file:
                    open_file.write(content)
                damaged += 1
    if not journal.check():
        journal.rewind()
    found |= set(names(drained(journal)))
    assert len({f"p{i}" for i in range(number)} - found) <= damaged
    assert journal.depth == 0
    if not damaged:
        assert not journal.set_aside


def test_nothing_is_promised_after_damage_that_was_found_at_the_start(tmp_path: Path) -> None:
    database = tmp_path / "store/predictions.db"
    database.mkdir(parents=True)  # so the records wait
    log = PredictionLog(f"sqlite:///{database}", tmp_path / "journal")
    for record in predictions(3):
        log.append([record])
    until(lambda: log.last_error)
    log.close(patience=1.0)
    [file] = (tmp_path / "journal").rglob("*.journal2")
    with file.open("r+b") as damaged:
        damaged.seek(30)
        damaged.write(b"\xff")
    database.rmdir()
    again = PredictionLog(f"sqlite:///{database}", tmp_path / "journal")
    until(lambda: again.queue_depth == 0 and again._backlog.set_aside)
    again.close()
    first, second = again.account()
    assert first == "records in damaged parts of the journal may be lost."
    assert "is set aside as" in second
    assert kept(f"sqlite:///{database}") == ["p1", "p2"]
