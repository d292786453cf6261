"""Refusals: RFC 9457 problem details that name the field and leak nothing."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from ride_duration.errors import RideDurationError
from ride_duration.serving.schemas.prediction import Fault, Problem

MEDIA_TYPE = b"application/problem+json"

_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?(.*)`)?$", re.DOTALL)
_MISSING_FIELD = re.compile(r"Object missing required field `(.*?)`(?: - at `\$\.?(.*)`)?$")
_AT = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)

#: Characters of a name or a message of msgspec that are shown, and that are looked at.
_SHOWN, _SAID = 200, 1000

#: What drivers say, with hosts and ports.
_IN_BRACKETS = re.compile(r" \(.*\)")

#: Of an absolute path, all but the last part.
_FOLDERS = re.compile(r"(?<![^\s(\"'])/(?:[^/\n]+/)+")


class Refused(RideDurationError):  # noqa: N818 what happened to the request
    """A request that is not answered.

    Args:
        status: Of HTTP.
        detail: What, where, what to do.
        field: The field of the body that is at fault, if one is.
        retry_after: Seconds after which it may be tried again, if it may.
        allow: The methods that the path has, if this was another.
    """

    def __init__(
        self, status: int, detail: str, field: str = "", retry_after: int | None = None, allow: str = ""
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.retry_after = retry_after
        self.allow = allow

    def below(self, place: str) -> Refused:
        """The same for a field inside another."""
        field = ".".join(part for part in (place, self.field) if part)
        return Refused(self.status, self.detail, field, self.retry_after)

    @property
    def headers(self) -> dict[str, str]:
        """What a client must know to do better."""
        told = {"retry-after": str(self.retry_after or ""), "allow": self.allow}
        told["www-authenticate"] = "Bearer" if self.status == 401 else ""
        return {name: value for name, value in told.items() if value}

    @property
    def title(self) -> str:
        """Of the status."""
        return HTTPStatus(self.status).phrase

    def body(self) -> bytes:
        """As JSON."""
        faults = [Fault(self.field, self.detail)] if self.field else []
        return msgspec.json.encode(Problem("about:blank", self.title, self.status, self.detail, faults))


def explain_decode_error(error: Exception) -> Refused:
    """Name what msgspec refused, and the field.

    Args:
        error: Of msgspec; it has the whole name of a field that there is not, of which as much is shown as is read.
    """
    said = str(error)
    if len(said) > _SAID:
        said = said[: _SAID // 2] + said[-_SAID // 2 :]
    if found := _UNKNOWN_FIELD.match(said):
        return Refused(422, "there is no such field", _shortened(found[1])).below(_shortened(found[2] or ""))
    if found := _MISSING_FIELD.match(said):
        return Refused(422, "this field is missing", found[1]).below(_shortened(found[2] or ""))
    if not isinstance(error, msgspec.ValidationError):
        return Refused(422, f"the body is no JSON: {_shortened(said)}", "body")
    found = _AT.match(said)
    what, where = (found[1], found[2]) if found else (said, None)
    return Refused(422, _shortened(what.replace("`", "")), _shortened(where or "body"))


def hide_details(reason: str) -> str:
    """A reason for those who have no business with the folders and addresses of this machine."""
    return _FOLDERS.sub("", _IN_BRACKETS.sub("", reason))


def _shortened(text: str) -> str:
    shown = text[: _SHOWN + 1].encode("ascii", "backslashreplace").decode()
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
