"""The routes, and the OpenAPI document that is made of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ride_duration.serving import wire
from ride_duration.serving.problems import MEDIA_TYPE, Refused
from ride_duration.serving.service import decoded

if TYPE_CHECKING:
    from ride_duration.serving.operations import Operations
    from ride_duration.serving.service import Service

log = logging.getLogger(__name__)

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
)

_EXAMPLES: dict[type, Any] = {
    wire.Ride: {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 40},
    wire.Batch: {"rides": [{"PULocationID": 10, "DOLocationID": 50, "trip_distance": 40, "ride_id": "4711"}]},
    wire.Actual: {"ride_id": "4711", "duration": 31.5},
    wire.Actuals: {"actuals": [{"ride_id": "4711", "dropoff_datetime": "2021-02-03T09:01:30"}]},
    wire.Version: {"version": 2, "why": "longer rides are fairer"},
    wire.Why: {"why": "too long to JFK since Monday"},
}

_EXPLAIN = {
    "name": "explain",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "Whether to say what time of day, distance and place add.",
}

Handler = Callable[[Request], Awaitable[Any]]


def api(service: Service, operations: Operations, *, keys_required: bool) -> FastAPI:
    """The application behind `app.App`, which has read the body and let the request pass.

    Args:
        service: Answers rides.
        operations: Everything else.
        keys_required: Whether all routes need a key, or those of operators alone.
    """
    app = FastAPI(
        title="How long does a New York taxi ride take?",
        version=installed_version("ride_duration"),
        description="Minutes from pick-up to drop-off, with an interval that holds nine rides of ten.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    routes = _Routes(app, keys_required)

    async def predict(request: Request) -> wire.Prediction:
        said = request.query_params
        if unknown := [name for name in said if name != "explain"]:
            raise Refused(422, "there is no such parameter", unknown[0][:100])
        explain = said.get("explain", "false")
        if explain not in ("true", "false"):
            raise Refused(422, "say true or false", "explain")
        body = await request.body()
        return await (service.predict_and_explain(body) if explain == "true" else service.predict(body))

    async def predict_batch(request: Request) -> wire.Predictions:
        return await service.predict_batch(await request.body())

    async def stream(request: Request) -> wire.StreamPredictions:
        return await service.stream(await request.body())

    async def actuals(request: Request) -> wire.Accepted:
        return await service.actuals(await request.body())

    async def deploy(request: Request) -> wire.Deployed:
        asked = decoded(await request.body(), wire.Version)
        return await operations.deploy(asked.version, asked.why, request.scope["ride_duration.by"])

    async def rollback(request: Request) -> wire.Deployed:
        body = await request.body()
        asked = decoded(body, wire.Why) if body else wire.Why()
        return await operations.rollback(asked.why, request.scope["ride_duration.by"])

    routes.post("/predict", predict, wire.Ride, wire.Prediction, "Minutes of one ride", parameters=[_EXPLAIN])
    routes.post("/predict/batch", predict_batch, wire.Batch, wire.Predictions, "Minutes of up to 1,000 rides")
    routes.post("/stream", stream, wire.Stream, wire.StreamPredictions, "Minutes of a stream's records")
    routes.post("/actuals", actuals, (wire.Actual, wire.Actuals), wire.Accepted, "What really happened", status=202)
    routes.post("/deployments", deploy, wire.Version, wire.Deployed, "Make a version the champion", operator=True)
    routes.post("/deployments/rollback", rollback, wire.Why, wire.Deployed, "Back to the one before", operator=True)
    for path, handler, summary in (
        ("/health", operations.health, "Whether the process runs"),
        ("/ready", operations.ready, "Whether rides can be answered and logged"),
        ("/version", operations.version, "What runs here"),
        ("/models", operations.models, "Who answers which share of the rides"),
        ("/live", operations.live, "How it goes at the moment"),
        ("/zones", operations.zones, "Where the taxi zones are"),
    ):
        routes.get(path, handler, summary)

    async def metrics(_: Request) -> Response:
        return Response(operations.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(_: Request) -> Response:
        return _json(app.openapi())

    app.get("/metrics", summary="For Prometheus", response_class=Response, responses=_plain())(metrics)
    app.get("/openapi.json", include_in_schema=False)(openapi)
    app.add_exception_handler(HTTPException, _http_problem)
    document = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_components(document())
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
    return app


class _Routes:
    def __init__(self, app: FastAPI, keys_required: bool) -> None:
        self._app = app
        self._keys_required = keys_required

    def post(
        self,
        path: str,
        handler: Handler,
        takes: type | tuple[type, ...],
        gives: type,
        summary: str,
        *,
        status: int = 200,
        operator: bool = False,
        parameters: list[dict[str, Any]] | None = None,
    ) -> None:
        kinds = takes if isinstance(takes, tuple) else (takes,)
        schemas = [_ref(kind) for kind in kinds]
        content: dict[str, Any] = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
        content["examples"] = {kind.__name__: {"value": _EXAMPLES[kind]} for kind in kinds if kind in _EXAMPLES}
        extra: dict[str, Any] = {
            "requestBody": {"required": takes is not wire.Why, "content": {"application/json": content}},
            **({"parameters": parameters} if parameters else {}),
            **({"security": [{"key": []}]} if operator or self._keys_required else {}),
        }
        statuses = [413, 422, 429, 503, *([401, 403] if operator or self._keys_required else [])]
        self._app.post(
            path,
            summary=summary,
            status_code=status,
            response_class=Response,
            openapi_extra=extra,
            responses={status: _answered(gives), **dict.fromkeys((*statuses, *((404, 409) * operator)), _PROBLEM)},
        )(_encoded(handler, status))

    def get(self, path: str, call: Callable[[], Any], summary: str) -> None:
        async def handler(_: Request) -> Any:
            return call()

        codes = [429, *([503] if path == "/ready" else []), *([401] if self._keys_required else [])]
        self._app.get(
            path,
            summary=summary,
            response_class=Response,
            responses={
                200: {"content": {"application/json": {"schema": {"type": "object"}}}},
                **dict.fromkeys(codes, _PROBLEM),
            },
        )(_encoded(handler, 200))


def _ref(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _answered(kind: type) -> dict[str, Any]:
    return {"description": "Answered", "content": {"application/json": {"schema": _ref(kind)}}}


def _plain() -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 429: _PROBLEM}


_PROBLEM: dict[str, Any] = {
    "description": "Refused",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _encoded(handler: Handler, status: int) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return _json(await handler(request), status)
        except Refused as refused:
            return problem_response(refused)
        except Exception:
            log.exception("%s failed", request.url.path)
            return problem_response(Refused(500, "something went wrong here; the service's log says what"))

    return endpoint


def _json(answer: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


def problem_response(refused: Refused) -> Response:
    """A refusal as a response."""
    return Response(refused.body(), refused.status, refused.headers, MEDIA_TYPE.decode())


async def _http_problem(_: Request, error: Any) -> Response:
    """Routes that do not exist, and methods that they do not have."""
    details = {404: "there is nothing here; /openapi.json lists what there is", 405: "this method is not for this path"}
    response = problem_response(Refused(error.status_code, details.get(error.status_code, error.detail)))
    response.headers.update(error.headers or {})
    return response


def _with_components(document: dict[str, Any]) -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(_COMPONENTS, ref_template="#/components/schemas/{name}")
    ends = (("PULocationID", "pickup"), ("DOLocationID", "dropoff"))
    schemas["Ride"]["allOf"] = [{"oneOf": [{"required": [name]} for name in either]} for either in ends]
    schemas["Actual"]["oneOf"] = [{"required": ["duration"]}, {"required": ["dropoff_datetime"]}]
    components = document.setdefault("components", {})
    components["schemas"] = schemas
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return document
