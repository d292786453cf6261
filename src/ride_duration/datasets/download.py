"""Downloads that resume where they stopped, retry with growing pauses, and appear whole or not at all."""

import logging
import os
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ride_duration.errors import RideDurationError

log = logging.getLogger(__name__)

_CHUNK = 1 << 16
_TIMEOUT = (10, 60)
# What a server asks for in Retry-After may be a day: the message says so, and the user decides.
_RETRY = Retry(
    total=3,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
    respect_retry_after_header=False,
)
_ATTEMPTS = 4

#: So many bytes of a refusal are read, for the words by which storage and CloudFront differ, in lower case.
_REFUSAL = 4096
_BY_HAND = "put the file there by hand"
_LIMITED = (b"request blocked", b"too much traffic", b"rate limit", b"too many requests", b"slow down", b"slowdown")


def download(url: str, path: Path, retry: Retry | None = None) -> None:
    """Fetch `url` into `path`.

    What has arrived so far lies in `<path>.part` until the file is whole, so that a later call, after a lost
    connection or a kill, asks only for the rest.

    Args:
        url: HTTP or HTTPS.
        path: Where the file shall lie.
        retry: How often, and after which pauses, a request is repeated; default: three times.

    Raises:
        RideDurationError: The server has no such file or cannot be reached.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry or _RETRY))
        for attempt in range(1, _ATTEMPTS + 1):
            before = _size(part)
            try:
                _fetch_rest(session, url, part)
                break
            except requests.RequestException as error:
                if _size(part) == before or attempt == _ATTEMPTS:
                    raise RideDurationError(
                        f"{path.name} is not in {path.parent} and cannot be downloaded from {url} "
                        f"({type(error).__name__}); put the file there by hand, or run again with a network"
                    ) from error
                log.info("%s: the connection was lost; resuming", path.name)
    os.replace(part, path)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _fetch_rest(session: requests.Session, url: str, part: Path) -> None:
    have = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        if have and answer.status_code == requests.codes.requested_range_not_satisfiable:
            if answer.headers.get("Content-Range") == f"bytes */{have}":
                return
            part.unlink()
            raise requests.exceptions.ChunkedEncodingError("the file on the server has changed")
        if answer.status_code >= requests.codes.bad_request:
            raise RideDurationError(
                f"{part.name.removesuffix('.part')} is not in {part.parent} and {_explain_refusal(answer, url)}"
            )
        resumed = answer.status_code == requests.codes.partial_content
        total = int(answer.headers.get("Content-Length", 0)) + (have if resumed else 0)
        _write(answer, part, "ab" if resumed else "wb", have if resumed else 0, total)
    if total and part.stat().st_size != total:
        raise requests.exceptions.ChunkedEncodingError("the body ended early")


def _explain_refusal(answer: requests.Response, url: str) -> str:
    """Say what an HTTP status means; the TLC's servers answer 403 both to unknown months and to too many requests."""
    status, body = f"HTTP {answer.status_code}", answer.raw.read(_REFUSAL, decode_content=True).lower()
    later = answer.headers.get("Retry-After")
    wait = f"in {later} seconds" if later and later.isdigit() else f"after {later}" if later else "in an hour"
    if answer.status_code == requests.codes.not_found or b"accessdenied" in body or b"nosuchkey" in body:
        return f"{url} has no such file ({status}); months appear there about two months late"
    if later or answer.status_code == requests.codes.too_many_requests or any(words in body for words in _LIMITED):
        return f"{url} turns requests from here away for now ({status}); run again {wait}, or {_BY_HAND}"
    if answer.status_code == requests.codes.forbidden:
        return (
            f"{url} is refused without a reason ({status}): either it has no such file, as months appear there about "
            f"two months late, or it turns requests from here away for now; run again in an hour, or {_BY_HAND}"
        )
    return f"cannot be downloaded from {url} ({status}); run again later, or {_BY_HAND}"


def _write(answer: requests.Response, part: Path, mode: str, done: int, total: int) -> None:
    name, shown = part.name.removesuffix(".part"), -1
    with part.open(mode) as file:
        for chunk in answer.iter_content(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            tenth = 10 * done // total if total else shown
            if tenth > shown:
                shown = tenth
                log.info("downloading %s: %d of %d MB", name, done >> 20, total >> 20)
