"""How records lie in the journal: entries that show by themselves whether they are whole, and where the next one is.

An entry is a header and the payload, a MessagePack array of records. What one call appends is one entry: kept whole or
not. The header is a marker, then three little-endian uint32: length of the payload, number of records, and CRC-32 of
the payload, begun with length XOR number. No text has the marker's first byte, which UTF-8 never uses; so whatever is
damaged, the entries behind it are found again. The marker's last byte is the version of the format.

Programs before wrote entries of version 1: without a marker, and with a CRC-32 of the number and the payload alone.
Behind a damaged one of those, every byte is tried as the beginning of the next.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from ride_duration.store.log_records import Record

MARKER = b"\xc1RJ\x02"
_HEADER = struct.Struct("<4sIII")
_HEADER_1 = struct.Struct("<III")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Record]).decode


class Entry(NamedTuple):
    """A whole entry within data.

    Attributes:
        begin: Its first byte.
        end: The byte after its last.
        number: Of its records.
        payload: The records, encoded.
    """

    begin: int
    end: int
    number: int
    payload: memoryview


def encode_entry(records: Sequence[Record]) -> bytes:
    """Return the entry that keeps these records (one or more)."""
    payload = _encode(records)
    length, count = len(payload), len(records)
    return _HEADER.pack(MARKER, length, count, zlib.crc32(payload, length ^ count)) + payload


def iterate_entries(data: bytes, *, ended: bool = True) -> Iterator[Entry]:
    """Yield the whole entries in the data; what lies between them is damaged, torn or empty.

    Args:
        data: Begins with an entry.
        ended: Does the data go as far as the file? If not, an entry that seems to go on behind it is the last one that
            is looked at.
    """
    view = memoryview(data)
    begin, marker = 0, -1
    while begin < len(data):
        end, number, payload = _read(view, begin)
        if number:
            yield Entry(begin, end, number, payload)
            begin = end
        elif end > len(data) and not ended:
            return
        else:
            begin += 1
            if marker < begin:  # each byte is searched for a marker once
                marker = data.find(MARKER, begin)
                marker = len(data) if marker < 0 else marker
            begin = _find(data, begin, marker)


def decode_records(payload: memoryview) -> list[Record]:
    """Return the records of a payload.

    Raises:
        msgspec.DecodeError: It was written by a version that knew other records.
    """
    return _decode(payload)


def _read(view: memoryview, begin: int) -> tuple[int, int, memoryview]:
    """Where an entry ends or would end, the number of its records (0: it is not whole), and its payload."""
    header, of_version_1 = (_HEADER, False) if view[begin : begin + len(MARKER)] == MARKER else (_HEADER_1, True)
    after = begin + header.size
    if after > len(view):
        return after, 0, view[:0]
    length, number, crc = header.unpack_from(view, begin)[-3:]
    payload = view[after : after + length]
    whole = len(payload) == length and zlib.crc32(payload, number if of_version_1 else length ^ number) == crc
    return after + length, number if whole else 0, payload


def _find(data: bytes, begin: int, marker: int) -> int:
    """The next place where an entry may begin: the next marker, or what may be the header of one of version 1.

    Behind that is the beginning of an array of as many records; without it, the payload need not be read for its CRC.
    """
    last = len(data) - _HEADER_1.size
    unpack = _HEADER_1.unpack_from
    for place in range(begin, min(marker, last + 1)):
        length, number, _ = unpack(data, place)
        if 0 < number <= length <= last - place and data.startswith(_array_of(number), place + _HEADER_1.size):
            return place
    return marker


def _array_of(number: int) -> bytes:
    """How MessagePack begins an array."""
    if number < 16:
        return bytes([0x90 | number])
    return b"\xdc" + number.to_bytes(2, "big") if number < 65536 else b"\xdd" + number.to_bytes(4, "big")
