"""Requests that cannot be answered: which kinds there are, and what is said of a body that cannot be decoded.

Statuses of HTTP stand in `http.problem_details` alone.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct

from ride_duration.errors import RideDurationError

_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?(.*)`)?$", re.DOTALL)
_MISSING_FIELD = re.compile(r"Object missing required field `(.*?)`(?: - at `\$\.?(.*)`)?$")
_AT = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)

#: Types in what msgspec says, and the words for them.
_TYPES = re.compile(r"`(.*?)`", re.DOTALL)
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "float64": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "datetime": "a time",
}

#: Characters of a name or a message of msgspec that are shown, and that are looked at.
_SHOWN, _SAID = 200, 1000

#: What drivers say, with hosts and ports.
_IN_BRACKETS = re.compile(r" \(.*\)")

#: Of an absolute path, all but the last part.
_FOLDERS = re.compile(r"(?<![^\s(\"'])/(?:[^/\n]+/)+")


class Fault(Struct):
    """One field that was refused."""

    field: str
    detail: str


class Problem(Struct, omit_defaults=True):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] = []


class InvalidRequest(RideDurationError):  # noqa: N818 named like the kinds in `errors`
    """A request that cannot be used as it is written.

    Args:
        detail: What is wrong, and what to do.
        field: The field of the body, or the parameter of the query, that is at fault; empty if none is.
    """

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field

    def below(self, place: str) -> InvalidRequest:
        """Return the same for a field inside another one."""
        return InvalidRequest(self.detail, ".".join(part for part in (place, self.field) if part))


class ServiceUnavailable(RideDurationError):  # noqa: N818 a state of the service
    """The service cannot do what is requested at the moment.

    Args:
        detail: Why not.
        retry_after: Seconds after which it may be tried again.
    """

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


def explain_decode_error(error: Exception) -> InvalidRequest:
    """Name what msgspec refused, and the field.

    Args:
        error: Of msgspec. It quotes the whole name of an unknown field, of which as much is shown as can be read.
    """
    said = str(error)
    if len(said) > _SAID:
        said = said[: _SAID // 2] + said[-_SAID // 2 :]
    if found := _UNKNOWN_FIELD.match(said):
        return InvalidRequest("unknown field", _shorten(found[1])).below(_shorten(found[2] or ""))
    if found := _MISSING_FIELD.match(said):
        return InvalidRequest("this field is missing", found[1]).below(_shorten(found[2] or ""))
    if not isinstance(error, msgspec.ValidationError):
        return InvalidRequest(f"the body is not valid JSON: {_shorten(said)}", "body")
    found = _AT.match(said)
    what, where = (found[1], found[2]) if found else (said, None)
    return InvalidRequest(_shorten(_TYPES.sub(_name_types, what)), _shorten(where or "body"))


def _name_types(found: re.Match[str]) -> str:
    """Say types as a person does: `float | null` is a number or null."""
    return " or ".join(_WORDS.get(name, name) for name in found[1].split(" | "))


def hide_details(reason: str) -> str:
    """Return a reason without the folders and addresses of this machine."""
    return _FOLDERS.sub("", _IN_BRACKETS.sub("", reason))


def _shorten(text: str) -> str:
    shown = text[: _SHOWN + 1].encode("ascii", "backslashreplace").decode()
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
