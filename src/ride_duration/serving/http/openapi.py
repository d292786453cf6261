"""The OpenAPI document: what each route takes and returns, with examples, and every way in which it refuses."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import Any, NamedTuple

import msgspec

from ride_duration.serving.http.guard import find_needed_scope
from ride_duration.serving.schemas import prediction as schemas
from ride_duration.serving.schemas import status
from ride_duration.serving.schemas.problems import Problem

_COMPONENTS = (
    schemas.Ride,
    schemas.Prediction,
    schemas.Batch,
    schemas.Predictions,
    schemas.Actual,
    schemas.Actuals,
    schemas.Accepted,
    schemas.Stream,
    schemas.StreamPredictions,
    schemas.Version,
    schemas.Why,
    schemas.Deployed,
    Problem,
    status.Health,
    status.Ready,
    status.Versions,
    status.Models,
    status.Live,
    status.Monitoring,
    status.ZoneReports,
)

_RIDE = {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 40}

EXAMPLES: dict[type, dict[str, Any]] = {
    schemas.Ride: {
        "zones": _RIDE,
        "before the ride": {"PULocationID": 132, "DOLocationID": 230, "pickup_datetime": "2021-03-01T17:30:00-05:00"},
        "positions": {
            "pickup": {"latitude": 40.6413, "longitude": -73.7781},
            "dropoff": {"latitude": 40.758, "longitude": -73.9855},
            "ride_id": 4711,
        },
    },
    schemas.Batch: {
        "one": {"rides": [_RIDE | {"ride_id": "4711"}]},
        "what if": {"rides": [_RIDE | {"pickup_datetime": "2021-03-01T17:30:00"}], "what_if": True},
    },
    schemas.Actual: {"one": {"ride_id": "4711", "duration": 31.5}},
    schemas.Actuals: {"many": {"actuals": [{"ride_id": "4711", "dropoff_datetime": "2021-02-03T09:01:30"}]}},
    schemas.Stream: {
        "one": {  # the ride 256 from zone 130 to 205, 3.66 miles
            "Records": [
                {
                    "kinesis": {
                        "data": "eyJyaWRlIjogeyJQVUxvY2F0aW9uSUQiOiAxMzAsICJET0xvY2F0aW9uSUQiOiAyMDUs"
                        "ICJ0cmlwX2Rpc3RhbmNlIjogMy42Nn0sICJyaWRlX2lkIjogMjU2fQ=="
                    }
                }
            ]
        }
    },
    schemas.Version: {"promotion": {"version": 2, "why": "longer rides are fairer"}},
    schemas.Why: {"rollback": {"why": "too long to JFK since Monday"}},
}

EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "example": True,
    "description": "Whether to say what time of day, distance and place contribute, in minutes relative to a typical "
    "ride.",
}

#: Statuses with which any request may be refused.
_ALWAYS = (403, 429, 500, 503)

#: The same for requests with a body.
_WITH_BODY = (408, 413, 415, 422)

_REFUSALS = {
    401: "An API key is missing, revoked or invalid.",
    403: "The API key lacks the scope, or the request comes from another site's page, or by another site's name.",
    404: "There is no such version.",
    408: "The request arrived too slowly.",
    409: "The registry refuses.",
    413: "The body is too large.",
    415: "The body is compressed.",
    422: "A field cannot be used; `errors` names it.",
    429: "Too many requests of one client.",
    500: "Something went wrong here.",
    503: "Not at the moment: no model yet, too many requests, or answers cannot be logged.",
}

_AGAIN = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
_WHICH_KEY = {"WWW-Authenticate": {"description": "How to send a key.", "schema": {"const": "Bearer"}}}


class Operation(NamedTuple):
    """What the document says of a route.

    Attributes:
        method: GET or POST.
        path: For instance /predict.
        summary: One line.
        returns: Schema of the response's body; `str` for plain text, None to leave the route out of the document.
        takes: Schemas of the request's body, one of which it has; empty where it has none.
        status: Of a response that is not a refusal.
        query: Parameters of the query.
        refusals: Statuses with which this route may refuse, beside those of all.
    """

    method: str
    path: str
    summary: str
    returns: type | None
    takes: tuple[type, ...] = ()
    status: int = 200
    query: tuple[dict[str, Any], ...] = ()
    refusals: tuple[int, ...] = ()


def make_document(operations: list[Operation], *, keys_required: bool) -> dict[str, Any]:
    """Return the document of the whole service.

    Args:
        operations: Those of all routes.
        keys_required: Whether all routes need a key, or those of operators alone.
    """
    paths: dict[str, Any] = {}
    for operation in operations:
        needs_key = find_needed_scope(operation.path, required=keys_required) is not None
        paths[operation.path] = {operation.method.lower(): _describe(operation, needs_key)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "How long does a New York taxi ride take?",
            "description": "Minutes from pick-up to drop-off, with an interval that holds nine rides of ten.",
            "version": installed_version("ride_duration"),
        },
        "paths": paths,
        "components": _components(),
    }


def _describe(operation: Operation, needs_key: bool) -> dict[str, Any]:
    statuses = {*_ALWAYS, *operation.refusals, *(_WITH_BODY if operation.takes else ()), *((401,) if needs_key else ())}
    kind = operation.returns
    content = (
        {"text/plain": {"schema": {"type": "string"}}}
        if kind is None or kind is str
        else {"application/json": {"schema": _reference(kind)}}
    )
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation.path.strip("/").replace("/", "_"),
        "responses": {
            str(operation.status): {"description": "Answered", "content": content},
            **{str(refusal): _describe_problem(refusal) for refusal in sorted(statuses)},
        },
    }
    if operation.takes:
        described["requestBody"] = _describe_body(operation.takes)
    if operation.query:
        described["parameters"] = list(operation.query)
    if needs_key:
        described["security"] = [{"key": []}]
    return described


def _describe_body(kinds: tuple[type, ...]) -> dict[str, Any]:
    references = [_reference(kind) for kind in kinds]
    content = {
        "schema": references[0] if len(references) == 1 else {"anyOf": references},
        "examples": {name: {"value": value} for kind in kinds for name, value in EXAMPLES[kind].items()},
    }
    return {"required": schemas.Why not in kinds, "content": {"application/json": content}}


def _describe_problem(refusal: int) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": _reference(Problem)}}
    headers = _AGAIN if refusal in (429, 503) else _WHICH_KEY if refusal == 401 else {}
    return {"description": _REFUSALS[refusal], "content": problem, **({"headers": headers} if headers else {})}


def _components() -> dict[str, Any]:
    """Return the schemas that the document refers to, and how a key is sent."""
    _, components = msgspec.json.schema_components(_COMPONENTS, ref_template="#/components/schemas/{name}")
    ends = (("PULocationID", "pickup"), ("DOLocationID", "dropoff"))
    components["Ride"]["allOf"] = [{"oneOf": [_require(name) for name in either]} for either in ends]
    components["Actual"]["oneOf"] = [_require("duration"), _require("dropoff_datetime")]
    key = {"type": "http", "scheme": "bearer", "description": "`kedro service keys add NAME --scope ...`"}
    return {"schemas": components, "securitySchemes": {"key": key}}


def _require(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
