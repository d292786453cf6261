"""The ASGI application: lets requests pass, answers single rides at once, and hands the rest to the routes."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

import msgspec

from ride_duration.serving.http.guard import UNLIMITED, BodyReader, ConcurrencyLimiter, Guard
from ride_duration.serving.http.routes import api
from ride_duration.serving.http.static_files import load_page_files
from ride_duration.serving.schemas.problems import MEDIA_TYPE, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ride_duration.serving.handlers.operations import OperationsHandler
    from ride_duration.serving.handlers.predict import PredictHandler
    from ride_duration.serving.inference.metrics import Metrics
    from ride_duration.serving.settings import ServiceSettings

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

_SECURITY = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
_JSON = (b"content-type", b"application/json")

#: What one thread does beside the single rides: many rides, and reasons (`/predict` with a query).
_ASIDE = ("/predict", "/predict/batch", "/stream")

#: What operators decide, one decision after the other, each of which takes seconds, and how many may wait.
_DECISIONS, _WAITING_DECISIONS = ("/deployments", "/deployments/rollback"), 8


class App:
    """The service as ASGI.

    Args:
        settings: Of the service.
        service: Answers rides.
        operations: Everything else.
        metrics: Are told of each request.
    """

    def __init__(
        self, settings: ServiceSettings, service: PredictHandler, operations: OperationsHandler, metrics: Metrics
    ) -> None:
        self._bodies = BodyReader(settings.limits)
        self._waiting = ConcurrencyLimiter(settings.limits.concurrency)
        aside = ConcurrencyLimiter(settings.limits.batches)
        self._waiting_at = {
            **dict.fromkeys(_ASIDE, aside),
            **dict.fromkeys(_DECISIONS, ConcurrencyLimiter(_WAITING_DECISIONS)),
            **dict.fromkeys(UNLIMITED, ConcurrencyLimiter(math.inf)),
        }
        self._service = service
        self._metrics = metrics
        self._routes = api(service, operations, keys_required=settings.keys_required)
        self._paths = {route.path for route in self._routes.routes if hasattr(route, "path")}
        self._page = load_page_files()
        self._guard = Guard(settings, self._paths | self._page.keys())

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = time.monotonic()
        path = scope["path"]
        try:
            status = await self._answer(scope, receive, send, path, started)
        except Refused as refused:
            status = await self._refuse(refused, send)
        except Exception:
            log.exception("%s %s failed", scope["method"], path)
            status = await self._refuse(Refused(500, "something went wrong here; the service's log says what"), send)
        now = time.monotonic()
        route = path if path in self._paths else "page" if path in self._page else "other"
        self._metrics.request(route, status, now - started, now)

    def refused(self, status: int) -> None:
        """The protocol refused a request."""
        self._metrics.request("other", status, 0.0, time.monotonic())

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send, path: str, now: float) -> int:
        scope["ride_duration.by"] = self._guard.admit(scope, now)
        body = await self._bodies.read(scope, receive)
        if body is None:
            return int(scope["state"].get("refused", 499))  # by the protocol, or else the client went away
        if path in self._page:
            return await self._send_page(scope, send, path)
        if path == "/predict" and scope["method"] == "POST" and not scope["query_string"]:
            with self._waiting:
                content = msgspec.json.encode(await self._service.predict(body))
            return await _send(send, 200, content, [_JSON])  # who does not read its answer takes nobody's place
        with self._waiting_at.get(path, self._waiting):
            routed = await self._by_routes(scope, body, receive)
        for message in routed:
            await send(message)
        return int(routed[0]["status"])

    async def _by_routes(self, scope: dict[str, Any], body: bytes, receive: Receive) -> list[dict[str, Any]]:
        """What the routes would send; to HEAD the same as to GET, of which uvicorn leaves the body out."""
        messages: list[dict[str, Any]] = []
        given = False

        async def whole_body() -> dict[str, Any]:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def noted(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_SECURITY]
            messages.append(message)

        asked = scope | {"method": "GET"} if scope["method"] == "HEAD" else scope
        await self._routes(asked, whole_body, noted)  # type: ignore[arg-type]
        return messages

    async def _send_page(self, scope: dict[str, Any], send: Send, path: str) -> int:
        if scope["method"] not in ("GET", "HEAD"):
            raise Refused(405, "this method is not for this path", allow="GET, HEAD")
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

    @staticmethod
    async def _refuse(refused: Refused, send: Send) -> int:
        headers = [(name.encode(), value.encode()) for name, value in refused.headers.items()]
        headers.append((b"content-type", MEDIA_TYPE))
        return await _send(send, refused.status, refused.body(), headers)


async def _send(send: Send, status: int, content: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    length = (b"content-length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length, *_SECURITY]})
    await send({"type": "http.response.body", "body": content})
    return status
