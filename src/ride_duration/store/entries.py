"""How records lie in the journal: entries that show by themselves whether they are whole.

An entry is a header (three little-endian uint32: length of the payload, number of records, CRC-32 of that number and
the payload) and the payload, a MessagePack array of records. What one call appends is one entry: kept whole or not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

import msgspec

from ride_duration.store.records import Record

_HEADER = struct.Struct("<III")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Record]).decode


def entry_of(records: Sequence[Record]) -> bytes:
    """The entry that keeps these records (one or more)."""
    payload = _encode(records)
    count = len(records)
    return _HEADER.pack(len(payload), count, zlib.crc32(payload, count)) + payload


def whole_entries(data: bytes) -> Iterator[tuple[int, int, memoryview]]:
    """Entries from the beginning of the data to the first one that is not whole: torn, damaged or empty.

    Yields:
        Where the entry ends, the number of its records, and its payload.
    """
    view = memoryview(data)
    begin = 0
    while begin + _HEADER.size <= len(data):
        length, count, crc = _HEADER.unpack_from(data, begin)
        end = begin + _HEADER.size + length
        payload = view[begin + _HEADER.size : end]
        if not count or end > len(data) or zlib.crc32(payload, count) != crc:
            return
        yield end, count, payload
        begin = end


def records_of(payload: memoryview) -> list[Record]:
    """The records of a payload.

    Raises:
        msgspec.DecodeError: It was written by a version that knew other records.
    """
    return _decode(payload)
