"""Refusals: RFC 9457 problem details that name the field and leak nothing."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from ride_duration.errors import RideDurationError
from ride_duration.serving.wire import Fault, Problem

MEDIA_TYPE = b"application/problem+json"

_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?(.*)`)?$")
_MISSING_FIELD = re.compile(r"Object missing required field `(.*?)`(?: - at `\$\.?(.*)`)?$")
_AT = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


class Refused(RideDurationError):  # noqa: N818 what happened to the request
    """A request that is not answered.

    Args:
        status: Of HTTP.
        detail: What, where, what to do.
        field: The field of the body that is at fault, if one is.
        retry_after: Seconds after which it may be tried again, if it may.
    """

    def __init__(self, status: int, detail: str, field: str = "", retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.retry_after = retry_after

    def below(self, place: str) -> Refused:
        """The same for a field inside another."""
        field = ".".join(part for part in (place, self.field) if part)
        return Refused(self.status, self.detail, field, self.retry_after)

    def body(self) -> bytes:
        """As JSON."""
        faults = [Fault(self.field, self.detail)] if self.field else []
        title = HTTPStatus(self.status).phrase
        return msgspec.json.encode(Problem("about:blank", title, self.status, self.detail, faults))


def not_understood(error: Exception) -> Refused:
    """What msgspec refused, naming the field."""
    said = str(error)
    if found := _UNKNOWN_FIELD.match(said):
        return Refused(422, "there is no such field", _shortened(found[1])).below(found[2] or "")
    if found := _MISSING_FIELD.match(said):
        return Refused(422, "this field is missing", found[1]).below(found[2] or "")
    if not isinstance(error, msgspec.ValidationError):
        return Refused(422, f"the body is no JSON: {_shortened(said)}", "body")
    found = _AT.match(said)
    what, where = (found[1], found[2]) if found else (said, None)
    return Refused(422, _shortened(what.replace("`", "")), _shortened(where or "body"))


def _shortened(text: str) -> str:
    shown = text.encode("ascii", "backslashreplace").decode()
    return shown if len(shown) <= 200 else shown[:200] + "..."
