"""Admission of requests: API keys, rates, sizes."""

from __future__ import annotations

import logging
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ride_duration.errors import RideDurationError
from ride_duration.serving.api_keys import FEEDBACK, OPERATE, PREDICT, Key, hash_key, read_keys
from ride_duration.serving.http.problem_details import HttpProblem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ride_duration.serving.settings import RequestLimits, ServiceSettings

log = logging.getLogger(__name__)

#: The scope that a key needs, by path; paths that are not listed need the strictest.
_ANY = ""
_NEEDED = {
    "/predict": PREDICT,
    "/predict/batch": PREDICT,
    "/stream": PREDICT,
    "/actuals": FEEDBACK,
    "/deployments": OPERATE,
    "/deployments/rollback": OPERATE,
    "/models": _ANY,
    "/live": _ANY,
    "/monitoring": _ANY,
    "/version": _ANY,
    "/metrics": _ANY,
}
_OPEN = ("/", "/health", "/ready", "/zones", "/openapi.json", "/docs")
_OPEN_BELOW = "/page/"

#: Probes and Prometheus, whose requests are not limited.
UNLIMITED = ("/health", "/ready", "/metrics")

#: Names under which a browser finds its own machine. A page under another name that leads here (DNS rebinding) passes
#: for one of this service.
_THIS_MACHINE = re.compile(rb"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)

#: Clients whose rate is remembered; beyond it those that were quiet for longest are forgotten.
_CLIENTS = 10_000

#: Characters of a client's name behind a proxy, which anybody may have written, that are remembered.
_NAME = 100

#: Of a length, which may have thousands of digits, those that are read.
_DIGITS = 20

#: Of the largest bodies, how many may be arriving at a time.
_LARGEST = 32

#: Seconds between looks at the file of keys.
_KEYS_SECONDS = 1.0


class Guard:
    """Admits requests.

    Args:
        settings: Of the service.
        served: All paths, exactly as they are requested; no others are admitted.

    Raises:
        RideDurationError: Keys are required and there are none.
    """

    def __init__(self, settings: ServiceSettings, served: Iterable[str]) -> None:
        self._required = settings.keys_required
        self._needed = {path: find_needed_scope(path, required=self._required) for path in served}
        self._needed_elsewhere = _ANY if self._required else None
        self._file = settings.keys_path
        self._limits = settings.limits
        self._behind_proxy = settings.behind_proxy
        self._buckets: dict[str, tuple[float, float]] = {}
        self._keys: dict[str, Key] = read_keys(self._file)
        self._read_at = time.monotonic()
        if self._required and not self._keys:
            raise RideDurationError(
                f"a service that others reach needs API keys, and there are none in {self._file}; "
                "`kedro service keys add NAME --scope predict` makes one"
            )

    def admit(self, scope: dict[str, Any], now: float) -> str:
        """Admit a request.

        Args:
            scope: ASGI's.
            now: `time.monotonic()`.

        Returns:
            Name of its API key; empty if it needs none.

        Raises:
            HttpProblem: It has no key or an invalid one, comes from another site's page or by another site's name,
                its client sends too many, or its path is not found.
        """
        key = origin = host = forwarded = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                key = value
            elif name == b"origin":
                origin = value
            elif name == b"host":
                host = value
            elif name == b"x-forwarded-for":
                forwarded = value
        if origin is not None and origin.partition(b"://")[2] != host:
            raise HttpProblem(403, "pages of other sites may not use this service")
        if host and not self._required and not _is_this_machine(host):
            raise HttpProblem(
                403,
                "without API keys the service answers under names of its own machine alone: use 127.0.0.1 or localhost,"
                " or set `serving.require_keys` to true",
            )
        client = scope["client"][0] if scope["client"] else ""
        if self._behind_proxy and forwarded is not None:
            client = forwarded.rpartition(b",")[2].strip()[:_NAME].decode("latin-1")
        path = scope["path"]
        try:
            name = self._check_key(path, key, now)
        except HttpProblem:
            self._count(client, now)  # guessing keys is limited, too
            raise
        if path not in UNLIMITED:
            self._count(name or client, now)
        if path not in self._needed:
            raise HttpProblem(404, "not found; /openapi.json lists the routes")
        return name

    def _check_key(self, path: str, key: bytes | None, now: float) -> str:
        needed = self._needed.get(path, self._needed_elsewhere)
        if needed is None:
            return ""
        if now - self._read_at > _KEYS_SECONDS:
            self._read_keys(now)
        scheme, _, given = (key or b"").partition(b" ")
        found = self._keys.get(hash_key(given.strip().decode("latin-1"))) if scheme.lower() == b"bearer" else None
        if found is None:
            scope = f" with the scope `{needed}`" if needed else ""
            what = "missing" if key is None else "revoked or invalid"
            raise HttpProblem(401, f"{what} API key; send an API key{scope} as the header `Authorization: Bearer KEY`")
        if needed and needed not in found.scopes:
            raise HttpProblem(403, f"the API key of '{found.name}' lacks the scope `{needed}`")
        return found.name

    def _read_keys(self, now: float) -> None:
        self._read_at = now
        try:
            self._keys = read_keys(self._file)
        except RideDurationError as error:
            log.error("the keys stay what they were: %s", error)

    def _count(self, client: str, now: float) -> None:
        """Take a token from the client's bucket, which fills at the rate that is allowed."""
        rate, burst = self._limits.requests_per_second, self._limits.burst
        tokens, before = self._buckets.pop(client, (float(burst), now))
        tokens = min(burst, tokens + (now - before) * rate)
        if len(self._buckets) >= _CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        if tokens < 1.0:
            self._buckets[client] = (tokens, now)
            raise HttpProblem(
                429, f"more than {rate:g} requests a second", retry_after=max(1, round((1 - tokens) / rate))
            )
        self._buckets[client] = (tokens - 1.0, now)


@lru_cache(maxsize=32)
def _is_this_machine(name: bytes) -> bool:
    return _THIS_MACHINE.fullmatch(name) is not None


def find_needed_scope(path: str, *, required: bool) -> str | None:
    """Return the scope that an API key needs at a path: empty if any key will do, None if none is needed.

    Args:
        path: Of a route or a file of the page.
        required: Whether the service requires keys; operators need one always.
    """
    if path in _OPEN or path.startswith(_OPEN_BELOW):
        return None
    needed = _NEEDED.get(path, OPERATE)
    return needed if required or needed == OPERATE else None


class ConcurrencyLimiter:
    """Limits the requests that are answered at the same time; a context for each of them.

    Args:
        most: Requests that are admitted; another one is refused.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._taken = 0

    def __enter__(self) -> None:
        if self._taken >= self._most:
            raise HttpProblem(503, f"{self._taken} requests of this kind are waiting already", retry_after=1)
        self._taken += 1

    def __exit__(self, *_: object) -> None:
        self._taken -= 1


class BodyReader:
    """Reads the bodies of requests.

    Args:
        limits: How large one may be; all that arrive at a time may be as large as so many of the largest.
    """

    def __init__(self, limits: RequestLimits) -> None:
        self._each = limits.body_bytes
        self._together = _LARGEST * limits.body_bytes
        self._arrived = 0

    async def read(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes | None:
        """Return the body of a request; None if the client went away, or was too slow for `protocol`.

        Raises:
            HttpProblem: It is too large or compressed, or too much is arriving.
        """
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value.lstrip(b"0")[:_DIGITS] or b"0") > self._each:
                raise self._too_large()
            if name == b"content-encoding" and value.lower() != b"identity":
                raise HttpProblem(
                    415, "compressed bodies are not accepted; send the JSON as it is, without Content-Encoding"
                )
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
            if len(body) > self._each:
                raise self._too_large()
            return body
        return await self._parts(message, receive)

    async def _parts(self, message: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes | None:
        parts, size = [], 0
        try:
            while message["type"] == "http.request":
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                self._arrived += len(part)
                if size > self._each:
                    raise self._too_large()
                if self._arrived > self._together:
                    raise HttpProblem(503, "too much is arriving at the moment", retry_after=1)
                if not message.get("more_body"):
                    return b"".join(parts)
                message = await receive()
            return None
        finally:
            self._arrived -= size

    def _too_large(self) -> HttpProblem:
        return HttpProblem(413, f"a request may have {self._each:,} bytes")
