"""The routes, and the OpenAPI document that is made of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ride_duration.serving.http.guard import find_needed_scope
from ride_duration.serving.http.openapi import ALWAYS, EXPLAIN, WITH_BODY, answers, request_body, text, with_components
from ride_duration.serving.schemas import prediction as wire
from ride_duration.serving.schemas import status as reports
from ride_duration.serving.schemas.decoding import decode_body
from ride_duration.serving.schemas.problems import MEDIA_TYPE, Refused

if TYPE_CHECKING:
    from ride_duration.serving.handlers.operations import OperationsHandler
    from ride_duration.serving.handlers.predict import PredictHandler

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Any]]


def api(service: PredictHandler, operations: OperationsHandler, *, keys_required: bool) -> FastAPI:
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
        asked = decode_body(await request.body(), wire.Version)
        return await operations.deploy(asked.version, asked.why, request.scope["ride_duration.by"])

    async def rollback(request: Request) -> wire.Deployed:
        body = await request.body()
        asked = decode_body(body, wire.Why) if body else wire.Why()
        return await operations.rollback(asked.why, request.scope["ride_duration.by"])

    taken = (wire.Actual, wire.Actuals)
    routes.post("/predict", predict, (wire.Ride,), wire.Prediction, "Minutes of one ride", parameters=(EXPLAIN,))
    routes.post("/predict/batch", predict_batch, (wire.Batch,), wire.Predictions, "Minutes of up to 1,000 rides")
    routes.post("/stream", stream, (wire.Stream,), wire.StreamPredictions, "Minutes of a stream's records")
    routes.post("/actuals", actuals, taken, wire.Accepted, "What really happened", status=202)
    refusals = (404, 409)
    routes.post("/deployments", deploy, (wire.Version,), wire.Deployed, "Promote a version", refusals=refusals)
    routes.post("/deployments/rollback", rollback, (wire.Why,), wire.Deployed, "Undo a promotion", refusals=refusals)
    for path, handler, gives, summary in (
        ("/health", operations.health, reports.Health, "Whether the process runs"),
        ("/ready", operations.ready, reports.Ready, "Whether rides can be answered and logged"),
        ("/version", operations.version, reports.Versions, "What runs here"),
        ("/models", operations.models, reports.Models, "Who answers which share of the rides"),
        ("/live", operations.live, reports.Live, "How it goes at the moment"),
        ("/zones", operations.zones, reports.ZoneReports, "Where the taxi zones are"),
    ):
        routes.get(path, handler, gives, summary)
    routes.get_text("/metrics", operations.metrics, "text/plain; version=0.0.4; charset=utf-8", "For Prometheus")

    async def openapi(_: Request) -> Response:
        return _json(app.openapi())

    app.get("/openapi.json", include_in_schema=False)(openapi)
    app.add_exception_handler(HTTPException, _http_problem)
    document = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = with_components(document())
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
        takes: tuple[type, ...],
        gives: type,
        summary: str,
        *,
        status: int = 200,
        parameters: tuple[dict[str, Any], ...] = (),
        refusals: tuple[int, ...] = (),
    ) -> None:
        statuses = (*ALWAYS, *WITH_BODY, *refusals)
        more = {"requestBody": request_body(takes), **({"parameters": list(parameters)} if parameters else {})}
        described = self._described(path, summary, lambda every: answers(status, gives, every), statuses, more)
        self._app.post(path, status_code=status, **described)(_encoded(handler, status))

    def get(self, path: str, call: Callable[[], Any], gives: type, summary: str) -> None:
        async def handler(_: Request) -> Any:
            return call()

        described = self._described(path, summary, lambda every: answers(200, gives, every), ALWAYS)
        self._app.get(path, **described)(_encoded(handler, 200))

    def get_text(self, path: str, call: Callable[[], bytes], kind: str, summary: str) -> None:
        async def handler(_: Request) -> Response:
            return Response(call(), media_type=kind)

        self._app.get(path, **self._described(path, summary, text, ALWAYS))(handler)

    def _described(
        self,
        path: str,
        summary: str,
        told: Callable[[tuple[int, ...]], dict[int | str, dict[str, Any]]],
        statuses: tuple[int, ...],
        more: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        key = find_needed_scope(path, required=self._keys_required) is not None
        return {
            "summary": summary,
            "operation_id": path.strip("/").replace("/", "_"),
            "response_class": Response,
            "responses": told((*statuses, *((401,) * key))),
            "openapi_extra": {**(more or {}), **({"security": [{"key": []}]} if key else {})},
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
    """Methods that a route does not have; paths without a route do not come here."""
    response = problem_response(Refused(error.status_code, "this method is not for this path"))
    response.headers["allow"] = error.headers["Allow"].replace("GET", "GET, HEAD")  # which is answered like it
    return response
