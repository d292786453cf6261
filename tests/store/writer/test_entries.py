import struct
import time
import zlib
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.store.log_records import ActualRecord, PredictionRecord
from ride_duration.store.writer import entries as module
from ride_duration.store.writer.entries import decode_records, encode_entry, iterate_entries
from tests.support.store.samples import prediction

texts = st.text(max_size=20)
numbers = st.floats(allow_nan=False)
times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1))
zones = st.none() | st.integers(0, 265)
records = st.builds(
    PredictionRecord, texts, texts, numbers, times, zones, zones, st.none() | numbers, numbers, numbers, numbers,
    st.integers(1, 2**31), st.sampled_from(["champion", "challenger", "shadow"]), numbers, texts,
) | st.builds(
    ActualRecord, texts, texts, numbers, st.none() | numbers, st.none() | times, st.none(), st.none() | numbers
)  # fmt: skip


@given(st.lists(st.lists(records, min_size=1, max_size=3), min_size=1, max_size=3))
def test_entries_read_back_whole_from_a_journal_torn_at_any_byte(
    appended: list[list[PredictionRecord | ActualRecord]],
) -> None:
    entries = [encode_entry(group) for group in appended]
    ends = [sum(map(len, entries[: i + 1])) for i in range(len(entries))]
    data = b"".join(entries)
    for torn in range(len(data) + 1):
        whole = list(iterate_entries(data[:torn]))
        assert [entry.end for entry in whole] == [end for end in ends if end <= torn]
    assert [decode_records(entry.payload) for entry in whole] == appended
    assert [entry.number for entry in whole] == [len(group) for group in appended]


@given(st.lists(records, min_size=1, max_size=2), st.data())
def test_a_damaged_entry_is_not_taken_for_a_whole_one(
    group: list[PredictionRecord | ActualRecord], data: st.DataObject
) -> None:
    entry = bytearray(encode_entry(group))
    entry[data.draw(st.integers(0, len(entry) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not list(iterate_entries(bytes(entry)))


def test_zeros_after_a_power_cut_are_no_entries() -> None:
    entry = encode_entry([ActualRecord("a", "r", 1.0, 2.0)])
    assert [found.end for found in iterate_entries(entry + bytes(4096))] == [len(entry)]


def test_fields_may_be_added_at_the_end() -> None:
    payload = msgspec.msgpack.encode([["actual", "a", "r", 1.0]])
    assert decode_records(memoryview(payload)) == [ActualRecord("a", "r", 1.0, None, None)]
    answered = prediction("p", model="")
    payload = msgspec.msgpack.encode([msgspec.to_builtins(answered)[:-1]])
    assert decode_records(memoryview(payload)) == [answered]


@pytest.mark.parametrize(
    "repeated", [b"\1\0\0\0", struct.pack("<III", 1, 1, 0) + b"\x91"], ids=["numbers", "headers of version 1"]
)
def test_damage_costs_time_in_proportion_to_its_size(repeated: bytes) -> None:
    def seconds(size: int) -> float:
        data = (b"\0" + repeated * (size // len(repeated) + 1))[:size]
        began = time.process_time()
        assert not list(iterate_entries(data))
        return time.process_time() - began

    seconds(1000)
    assert seconds(400_000) < 12 * min(seconds(100_000), seconds(100_000))


@pytest.mark.parametrize("number", [1, 15, 16, 65_535, 65_536])
def test_entries_of_version_1_of_any_size_are_found_behind_damage(number: int) -> None:
    payload = msgspec.msgpack.encode([0] * number)
    entry = struct.pack("<III", len(payload), number, zlib.crc32(payload, number)) + payload
    assert [(found.begin, found.number) for found in iterate_entries(b"\xff" * 20 + entry)] == [(20, number)]


def test_a_journal_of_a_service_before_the_live_level_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its predictions end with the instant of the pick-up: the raw answer is the answer."""
    now = prediction("p", pickup_at=5.0)
    then = msgspec.msgpack.encode([msgspec.msgpack.decode(msgspec.msgpack.encode(now))[:16]])
    monkeypatch.setattr(module, "_encode", lambda _: then)
    [entry] = iterate_entries(encode_entry([now]))
    assert decode_records(entry.payload) == [now]
    assert (now.duration_raw, now.level) == (None, None)
