"""The OpenAPI document: what each route takes and gives, with examples, and every way in which it refuses."""

from __future__ import annotations

from typing import Any

import msgspec

from ride_duration.serving.schemas import prediction as wire
from ride_duration.serving.schemas import status as reports

_COMPONENTS = (
    wire.Ride,
    wire.Prediction,
    wire.Batch,
    wire.Predictions,
    wire.Actual,
    wire.Actuals,
    wire.Accepted,
    wire.Stream,
    wire.StreamPredictions,
    wire.Version,
    wire.Why,
    wire.Deployed,
    wire.Problem,
    reports.Health,
    reports.Ready,
    reports.Versions,
    reports.Models,
    reports.Live,
    reports.ZoneReports,
)

_RIDE = {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 40}

EXAMPLES: dict[type, dict[str, Any]] = {
    wire.Ride: {
        "zones": _RIDE,
        "before the ride": {"PULocationID": 132, "DOLocationID": 230, "pickup_datetime": "2021-03-01T17:30:00-05:00"},
        "positions": {
            "pickup": {"latitude": 40.6413, "longitude": -73.7781},
            "dropoff": {"latitude": 40.758, "longitude": -73.9855},
            "ride_id": 4711,
        },
    },
    wire.Batch: {
        "one": {"rides": [_RIDE | {"ride_id": "4711"}]},
        "what if": {"rides": [_RIDE | {"pickup_datetime": "2021-03-01T17:30:00"}], "what_if": True},
    },
    wire.Actual: {"one": {"ride_id": "4711", "duration": 31.5}},
    wire.Actuals: {"many": {"actuals": [{"ride_id": "4711", "dropoff_datetime": "2021-02-03T09:01:30"}]}},
    wire.Stream: {
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
    wire.Version: {"promotion": {"version": 2, "why": "longer rides are fairer"}},
    wire.Why: {"rollback": {"why": "too long to JFK since Monday"}},
}

EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "example": True,
    "description": "Whether to say what time of day, distance and place add.",
}

#: Why a request may be refused whatever the route.
ALWAYS = (403, 429, 500, 503)

#: What else may be wrong with one that has a body.
WITH_BODY = (408, 413, 415, 422)

_REFUSALS = {
    401: "An API key is missing, or worth nothing.",
    403: "The key lacks the scope, or another site's page asks, or by another site's name.",
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


def request_body(kinds: tuple[type, ...]) -> dict[str, Any]:
    """What a route takes, as one of these."""
    schemas = [_reference(kind) for kind in kinds]
    content = {
        "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
        "examples": {name: {"value": value} for kind in kinds for name, value in EXAMPLES[kind].items()},
    }
    return {"required": wire.Why not in kinds, "content": {"application/json": content}}


def answers(status: int, kind: type, refusals: tuple[int, ...]) -> dict[int | str, dict[str, Any]]:
    """What a route answers: a kind of thing, or why not."""
    content = {"application/json": {"schema": _reference(kind)}}
    return {status: {"description": "Answered", "content": content}, **refused(refusals)}


def text(refusals: tuple[int, ...]) -> dict[int | str, dict[str, Any]]:
    """What a route answers in plain text."""
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {200: {"description": "Answered", "content": content}, **refused(refusals)}


def refused(statuses: tuple[int, ...]) -> dict[int | str, dict[str, Any]]:
    """Problem details (RFC 9457)."""
    problem = {"application/problem+json": {"schema": _reference(wire.Problem)}}
    told: dict[int | str, dict[str, Any]] = {}
    for status in sorted(statuses):
        headers = _AGAIN if status in (429, 503) else _WHICH_KEY if status == 401 else {}
        told[status] = {
            "description": _REFUSALS[status],
            "content": problem,
            **({"headers": headers} if headers else {}),
        }
    return told


def with_components(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the schemas that it refers to."""
    _, schemas = msgspec.json.schema_components(_COMPONENTS, ref_template="#/components/schemas/{name}")
    ends = (("PULocationID", "pickup"), ("DOLocationID", "dropoff"))
    schemas["Ride"]["allOf"] = [{"oneOf": [_given(name) for name in either]} for either in ends]
    schemas["Actual"]["oneOf"] = [_given("duration"), _given("dropoff_datetime")]
    components = document.setdefault("components", {})
    components["schemas"] = schemas
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "`kedro models keys add NAME --scope ...`"}
    }
    return document


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
