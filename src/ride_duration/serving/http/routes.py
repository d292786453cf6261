"""The routes: which path and method does what, and what each takes and returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from ride_duration.serving.http.openapi import EXPLAIN, Operation, make_document
from ride_duration.serving.schemas import prediction as schemas
from ride_duration.serving.schemas import status
from ride_duration.serving.schemas.decoding import decode_body
from ride_duration.serving.schemas.problems import InvalidRequest

if TYPE_CHECKING:
    from ride_duration.serving.handlers.operations import OperationsHandler
    from ride_duration.serving.handlers.predict import PredictHandler

_JSON = b"application/json"
_DOCUMENT = "/openapi.json"


class Request(NamedTuple):
    """What a route needs of a request.

    Attributes:
        body: As it was sent.
        query: As it was sent, without the question mark.
        by: Name of the API key; empty if none was needed.
    """

    body: bytes
    query: bytes
    by: str


class Route(NamedTuple):
    """One method of one path.

    Attributes:
        operation: What the OpenAPI document says of it.
        call: Returns the content of the response.
        content_type: Of the response.
    """

    operation: Operation
    call: Callable[[Request], Awaitable[bytes]]
    content_type: bytes = _JSON

    @property
    def allow(self) -> str:
        """Return the methods of the path, for the header `Allow`; HEAD is answered like GET."""
        return "GET, HEAD" if self.operation.method == "GET" else self.operation.method


def make_routes(predict: PredictHandler, operations: OperationsHandler, *, keys_required: bool) -> dict[str, Route]:
    """Return the routes by path; /openapi.json describes them.

    Args:
        predict: Scores rides and takes actuals.
        operations: Does everything else.
        keys_required: Whether all routes need a key, or those of operators alone.
    """
    routes = [*_post_routes(predict, operations), *_get_routes(operations)]
    named = {route.operation.path: route for route in routes}
    document = msgspec.json.encode(describe_routes(named, keys_required))

    async def openapi(_: Request) -> bytes:
        return document

    described = Route(Operation("GET", _DOCUMENT, "", None), openapi)
    return {**named, _DOCUMENT: described}


def describe_routes(routes: dict[str, Route], keys_required: bool) -> dict[str, Any]:
    """Return the OpenAPI document of routes."""
    operations = [route.operation for path, route in routes.items() if path != _DOCUMENT]
    return make_document(operations, keys_required=keys_required)


def _post_routes(predict: PredictHandler, operations: OperationsHandler) -> list[Route]:
    async def predict_one(request: Request) -> schemas.Prediction:
        if _wants_reasons(request.query):
            return await predict.predict_and_explain(request.body)
        return await predict.predict(request.body)

    async def deploy(request: Request) -> schemas.Deployed:
        chosen = decode_body(request.body, schemas.Version)
        return await operations.deploy(chosen.version, chosen.why, request.by)

    async def rollback(request: Request) -> schemas.Deployed:
        given = decode_body(request.body, schemas.Why) if request.body else schemas.Why()
        return await operations.rollback(given.why, request.by)

    def route(path: str, summary: str, takes: tuple[type, ...], returns: type, call: Any, **more: Any) -> Route:
        async def encode(request: Request) -> bytes:
            return msgspec.json.encode(await call(request))

        return Route(Operation("POST", path, summary, returns, takes, **more), encode)

    def with_body(call: Callable[[bytes], Awaitable[Any]]) -> Callable[[Request], Awaitable[Any]]:
        return lambda request: call(request.body)

    reported, refusals = (schemas.Actual, schemas.Actuals), (404, 409)
    batch, stream = with_body(predict.predict_batch), with_body(predict.stream)
    return [
        route("/predict", "Minutes of one ride", (schemas.Ride,), schemas.Prediction, predict_one, query=(EXPLAIN,)),
        route("/predict/batch", "Minutes of up to 1,000 rides", (schemas.Batch,), schemas.Predictions, batch),
        route("/stream", "Minutes of a stream's records", (schemas.Stream,), schemas.StreamPredictions, stream),
        route("/actuals", "What really happened", reported, schemas.Accepted, with_body(predict.actuals), status=202),
        route("/deployments", "Promote a version", (schemas.Version,), schemas.Deployed, deploy, refusals=refusals),
        route(
            "/deployments/rollback", "Undo a promotion", (schemas.Why,), schemas.Deployed, rollback, refusals=refusals
        ),
    ]


def _get_routes(operations: OperationsHandler) -> list[Route]:
    def route(path: str, summary: str, returns: type, call: Callable[[], Any]) -> Route:
        async def encode(_: Request) -> bytes:
            return msgspec.json.encode(call())

        return Route(Operation("GET", path, summary, returns), encode)

    async def metrics(_: Request) -> bytes:
        return operations.metrics()

    return [
        route("/health", "Whether the process runs", status.Health, operations.health),
        route("/ready", "Whether rides can be answered and logged", status.Ready, operations.ready),
        route("/version", "What runs here", status.Versions, operations.version),
        route("/models", "Who answers which share of the rides", status.Models, operations.models),
        route("/live", "How it goes at the moment", status.Live, operations.live),
        route("/monitoring", "Whether the model is still right", status.Monitoring, operations.monitoring),
        route("/zones", "Where the taxi zones are", status.ZoneReports, operations.zones),
        Route(
            Operation("GET", "/metrics", "For Prometheus", str), metrics, b"text/plain; version=0.0.4; charset=utf-8"
        ),
    ]


def _wants_reasons(query: bytes) -> bool:
    """Read the only parameter there is: `explain`.

    Raises:
        InvalidRequest: It is neither true nor false, or there is another one.
    """
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    if unknown := next((name for name in given if name != "explain"), None):
        raise InvalidRequest("unknown parameter", unknown[:100])
    explain = given.get("explain", "false")
    if explain not in ("true", "false"):
        raise InvalidRequest("must be true or false", "explain")
    return explain == "true"
