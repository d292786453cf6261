"""Refusals as HTTP: RFC 9457 problem details that name the field and reveal nothing of the inside."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from ride_duration.errors import DecisionRefused, NotFound, RegistryUnavailable, RideDurationError
from ride_duration.serving.schemas.problems import Fault, InvalidRequest, Problem, ServiceUnavailable

MEDIA_TYPE = b"application/problem+json"

#: Seconds after which a decision may be tried again that the registry could not take.
_REGISTRY_SECONDS = 10


class HttpProblem(RideDurationError):  # noqa: N818 what happened to the request
    """A request that is refused.

    Args:
        status: Of HTTP.
        detail: What is wrong, where, and what to do.
        field: The field of the body that is at fault; empty if none is.
        retry_after: Seconds after which the request may be sent again; None if that would not help.
        allow: The methods that the path has, if this was another one.
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

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that tell a client how to do better, and the type of the body."""
        named = {
            b"retry-after": str(self.retry_after or ""),
            b"allow": self.allow,
            b"www-authenticate": "Bearer" if self.status == 401 else "",
        }
        return [*((name, value.encode()) for name, value in named.items() if value), (b"content-type", MEDIA_TYPE)]

    @property
    def title(self) -> str:
        """Return the phrase of the status."""
        return HTTPStatus(self.status).phrase

    def body(self) -> bytes:
        """Return the problem details as JSON."""
        faults = [Fault(self.field, self.detail)] if self.field else []
        return msgspec.json.encode(Problem("about:blank", self.title, self.status, self.detail, faults))


def to_problem(error: Exception) -> HttpProblem | None:
    """Return how an error is reported to clients; None for an error that is a fault of the service."""
    problem = None
    match error:
        case HttpProblem():
            problem = error
        case InvalidRequest():
            problem = HttpProblem(422, error.detail, error.field)
        case ServiceUnavailable():
            problem = HttpProblem(503, str(error), retry_after=error.retry_after)
        case RegistryUnavailable():
            detail = "the registry cannot be reached; the service's log says more"
            problem = HttpProblem(503, detail, retry_after=_REGISTRY_SECONDS)
        case NotFound():
            problem = HttpProblem(404, str(error), "version")  # the only thing that requests name
        case DecisionRefused():
            problem = HttpProblem(409, str(error))
    return problem
