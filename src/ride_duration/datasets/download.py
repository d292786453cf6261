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
_RETRY = Retry(total=3, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False)
_ATTEMPTS = 4


def download(url: str, path: Path) -> None:
    """Fetch `url` into `path`.

    What has arrived so far lies in `<path>.part` until the file is whole, so that a later call, after a lost
    connection or a kill, asks only for the rest.

    Raises:
        RideDurationError: The server has no such file or cannot be reached.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
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
        if answer.status_code in (requests.codes.not_found, requests.codes.forbidden):
            raise RideDurationError(
                f"{part.name.removesuffix('.part')} is not in {part.parent} and {url} has no such file "
                f"(HTTP {answer.status_code}); months appear there about two months late"
            )
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        total = int(answer.headers.get("Content-Length", 0)) + (have if resumed else 0)
        _write(answer, part, "ab" if resumed else "wb", have if resumed else 0, total)
    if total and part.stat().st_size != total:
        raise requests.exceptions.ChunkedEncodingError("the body ended early")


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
