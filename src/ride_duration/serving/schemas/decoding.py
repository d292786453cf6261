"""Decodes the bodies of requests, and explains what is wrong with others, without taking longer than decoding would."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ride_duration.serving.schemas.prediction import (
    MANY,
    Actual,
    Actuals,
    Batch,
    Ride,
    Stream,
    StreamRide,
    Version,
    Why,
)
from ride_duration.serving.schemas.problems import InvalidRequest, explain_decode_error

_UNDECODABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

_TAKEN = (Ride, Batch, Actual, Actuals, Stream, StreamRide, Version, Why)
_DECODERS = {kind: msgspec.json.Decoder(kind) for kind in _TAKEN}

#: UTF-8's byte order mark, and as many blanks, so that each byte stays where it is.
_BOM, _BLANKS = b"\xef\xbb\xbf", b"   "

#: A moment without seconds, as browsers' forms write it. A key ends in an unescaped quote, so no text looks like this.
_NO_SECONDS = re.compile(rb'(_datetime"\s*:\s*"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(?=["Zz+-])')

#: Where msgspec met a character that JSON has not.
_BYTE = re.compile(r"\(byte (\d+)\)")

#: What Python and others write as if JSON had it.
_NOT_A_NUMBER = re.compile(rb"NaN|Infinity")

#: Half a character, an escaped high surrogate without the low one; and how many bytes before the end of a body msgspec
#: takes it for a body that is cut off, since the other half has no room.
_HALF_CHARACTER, _NEAR_END = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"), 12

#: Objects in the largest list of rides: the whole, each ride, and its positions. Lists with more are counted first.
_OBJECTS = 1 + 3 * MANY

#: The list that a kind of body has.
_LIST = {Batch: "rides", Actuals: "actuals", Stream: "Records"}

# Lists as they are, and the first elements of one; of those that follow no objects are made.
_LISTS = msgspec.json.Decoder(msgspec.defstruct("_Lists", [(name, Raw | UnsetType, UNSET) for name in _LIST.values()]))
_ELEMENTS = msgspec.json.Decoder(
    msgspec.defstruct("_Elements", [(f"n{n}", Raw | UnsetType, UNSET) for n in range(MANY + 1)], array_like=True)
)


def decode_body(body: bytes, kind: Any) -> Any:
    """Decode a request's body.

    Raises:
        InvalidRequest: It cannot be decoded; names the field.
    """
    try:
        return _DECODERS[kind].decode(body)
    except _UNDECODABLE as error:
        return _look_again(body, kind, error)


def decode_list(body: bytes, kind: Any) -> Any:
    """Decode a body with a list; lists that are far too long are refused before they are decoded.

    Raises:
        InvalidRequest: It cannot be decoded; names the field.
    """
    if body.count(b"{") > _OBJECTS:
        _check_list(body, kind)
    return decode_body(body, kind)


def decode_reports(body: bytes) -> Actual | Actuals:
    """Return a report, or many of them, whichever a body has.

    Raises:
        InvalidRequest: It has neither; names the field.
    """
    try:
        many = msgspec.json.decode(body, type=_Reports).actuals is not UNSET
    except _UNDECODABLE:
        many = b'"actuals"' in body
    said: Actual | Actuals = decode_list(body, Actuals) if many else decode_body(body, Actual)
    return said


class _Reports(msgspec.Struct):
    actuals: Raw | UnsetType = UNSET


def _check_list(body: bytes, kind: Any) -> None:
    """Check that a body with many objects has one list, and that the list is not too long.

    Raises:
        InvalidRequest: It has more.
    """
    name = _LIST[kind]
    try:
        last = getattr(_LISTS.decode(body), name)
        if last is UNSET:
            return
        too_long = getattr(_ELEMENTS.decode(last), f"n{MANY}") is not UNSET
    except _UNDECODABLE:  # decoding it says what is wrong
        return
    if too_long:
        raise InvalidRequest(f"Expected array of length <= {MANY}", name)
    if body.count(b"{") - bytes(last).count(b"{") > _OBJECTS:
        raise InvalidRequest("this list is given more than once, or much beside it", name)


def _look_again(body: bytes, kind: Any, error: Exception, *, completed: bool = False) -> Any:
    """Decode what msgspec does not take as it is, and should be taken.

    Args:
        body: Of the request.
        kind: What it should be.
        error: Of msgspec.
        completed: Whether moments without seconds have been given some already.

    Raises:
        InvalidRequest: It should not be taken either; says why.
    """
    if body.startswith(_BOM):
        return decode_body(_BLANKS + body.removeprefix(_BOM), kind)
    if isinstance(error, msgspec.ValidationError):
        if "RFC3339" in str(error) and not completed:
            with_seconds = _NO_SECONDS.sub(rb"\1:00", body, MANY)
            try:
                return _DECODERS[kind].decode(with_seconds)
            except _UNDECODABLE as other:
                return _look_again(with_seconds, kind, other, completed=True)
        raise explain_decode_error(error) from None
    encoding = json.detect_encoding(body)
    if encoding != "utf-8" and body[:64].decode(encoding, "replace").lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        raise InvalidRequest(f"the body is {encoding[:6].upper()}; send JSON as UTF-8", "body")
    if found := _without_number(body, error):
        raise InvalidRequest("JSON has neither NaN nor infinities", _field_of(found, kind))
    if completed:  # msgspec counts bytes that were not sent
        raise InvalidRequest("the body is not valid JSON", "body")
    if isinstance(error, UnicodeDecodeError):  # it counts from the beginning of a text
        raise InvalidRequest(_describe_bytes(body), "body")
    if "truncated" in str(error) and (half := _HALF_CHARACTER.search(body, max(0, len(body) - _NEAR_END))):
        before = body[: half.start()]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:  # else the backslash is an escaped one
            raise InvalidRequest(f"the body is not valid JSON: half of a surrogate pair (byte {half.start()})", "body")
    raise explain_decode_error(error)


def _describe_bytes(body: bytes) -> str:
    """Say where a body is not UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"the body is not UTF-8: {error.reason} (byte {error.start})"
    return "the body is not UTF-8"


def _without_number(body: bytes, error: Exception) -> bytes:
    """Return the body with an empty list for the NaN or infinity that msgspec met; empty if it met something else."""
    byte = _BYTE.search(str(error))
    found = _NOT_A_NUMBER.match(body, int(byte[1])) if byte else None
    if found is None:
        return b""
    return body[: found.start()].removesuffix(b"-") + b"[]" + body[found.end() :]


def _field_of(body: bytes, kind: Any) -> str:
    """Return the field that a list stands in, where none may; `body` where it is ignored."""
    try:
        _DECODERS[kind].decode(body)
    except msgspec.ValidationError as error:
        return explain_decode_error(error).field
    except _UNDECODABLE:
        pass
    return "body"
