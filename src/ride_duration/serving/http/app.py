"""The ASGI application: admits requests, scores single rides at once, and hands the rest to the routes."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

import msgspec

from ride_duration.serving.http.docs_page import write_docs_page
from ride_duration.serving.http.guard import UNLIMITED, BodyReader, ConcurrencyLimiter, Guard
from ride_duration.serving.http.problem_details import HttpProblem, to_problem
from ride_duration.serving.http.routes import Request, describe_routes, make_routes
from ride_duration.serving.http.static_files import load_page_files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ride_duration.serving.handlers.operations import OperationsHandler
    from ride_duration.serving.handlers.predict import PredictHandler
    from ride_duration.serving.inference.metrics import Metrics
    from ride_duration.serving.settings import ServiceSettings

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Headers = list[tuple[bytes, bytes]]

log = logging.getLogger(__name__)

_SECURITY = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
_JSON = (b"content-type", b"application/json")

#: What a second thread does beside the single rides: many rides, and reasons (`/predict` with a query).
_IN_WORKER = ("/predict", "/predict/batch", "/stream")

#: What operators decide, one decision after the other, each of which takes seconds, and how many may wait.
_DECISIONS, _WAITING_DECISIONS = ("/deployments", "/deployments/rollback"), 8

_OTHER_METHOD = "this method is not for this path"


class App:
    """The service as an ASGI application.

    Args:
        settings: Of the service.
        predict: Scores rides and takes actuals.
        operations: Does everything else.
        metrics: Observe each request.
    """

    def __init__(
        self, settings: ServiceSettings, predict: PredictHandler, operations: OperationsHandler, metrics: Metrics
    ) -> None:
        self._bodies = BodyReader(settings.limits)
        self._limiter = ConcurrencyLimiter(settings.limits.concurrency)
        in_worker = ConcurrencyLimiter(settings.limits.batches)
        self._limiters = {
            **dict.fromkeys(_IN_WORKER, in_worker),
            **dict.fromkeys(_DECISIONS, ConcurrencyLimiter(_WAITING_DECISIONS)),
            **dict.fromkeys(UNLIMITED, ConcurrencyLimiter(math.inf)),
        }
        self._predict = predict.predict
        self._metrics = metrics
        self._routes = make_routes(predict, operations, keys_required=settings.keys_required)
        self._page = load_page_files(write_docs_page(describe_routes(self._routes, settings.keys_required)))
        self._guard = Guard(settings, self._routes.keys() | self._page.keys())

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = time.monotonic()
        path = scope["path"]
        try:
            status = await self._answer(scope, receive, send, path, started)
        except Exception as error:
            problem = to_problem(error)
            if problem is None:
                log.exception("%s %s failed", scope["method"], path)
                problem = HttpProblem(500, "something went wrong here; the service's log says what")
            status = await _send(send, problem.status, problem.body(), problem.headers)
        now = time.monotonic()
        route = path if path in self._routes else "page" if path in self._page else "other"
        self._metrics.observe_request(route, status, now - started, now)

    def note_refusal(self, status: int) -> None:
        """Count a request that the protocol refused."""
        self._metrics.observe_request("other", status, 0.0, time.monotonic())

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send, path: str, now: float) -> int:
        by = self._guard.admit(scope, now)
        body = await self._bodies.read(scope, receive)
        if body is None:
            return int(scope["state"].get("refused", 499))  # by the protocol, or else the client went away
        if path in self._page:
            return await self._send_page(scope, send, path)
        method, query = scope["method"], scope["query_string"]
        if path == "/predict" and method == "POST" and not query:
            with self._limiter:
                content = msgspec.json.encode(await self._predict(body))
            return await _send(send, 200, content, [_JSON])  # a client that does not read takes no place of others
        route = self._routes[path]
        if method not in route.allow.split(", "):
            raise HttpProblem(405, _OTHER_METHOD, allow=route.allow)
        with self._limiters.get(path, self._limiter):
            content = await route.call(Request(body, query, by))
        return await _send(send, route.operation.status, content, [(b"content-type", route.content_type)])

    async def _send_page(self, scope: dict[str, Any], send: Send, path: str) -> int:
        if scope["method"] not in ("GET", "HEAD"):
            raise HttpProblem(405, _OTHER_METHOD, allow="GET, HEAD")
        file = self._page[path]
        known = next((value for name, value in scope["headers"] if name == b"if-none-match"), None)
        if known is not None and (b"etag", known) in file.headers:
            unchanged = [header for header in file.headers if header[0] != b"content-length"]
            await send({"type": "http.response.start", "status": 304, "headers": unchanged})
            await send({"type": "http.response.body", "body": b""})
            return 304
        await send({"type": "http.response.start", "status": 200, "headers": file.headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else file.content})
        return 200


async def _send(send: Send, status: int, content: bytes, headers: Headers) -> int:
    """Send a whole response; uvicorn leaves the body out for HEAD."""
    length = (b"content-length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length, *_SECURITY]})
    await send({"type": "http.response.body", "body": content})
    return status
