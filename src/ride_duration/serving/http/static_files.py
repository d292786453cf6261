"""The page for people: static files, held in memory."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

_TYPES = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}

#: The page runs its own scripts alone, speaks to this service alone, and is not framed by other pages.
CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class PageFile(NamedTuple):
    """A file of the page, with its headers."""

    content: bytes
    headers: list[tuple[bytes, bytes]]


def load_page_files(docs: bytes) -> dict[str, PageFile]:
    """Load all files of the page by the path at which they are served.

    Args:
        docs: The page /docs.
    """
    folder = files("ride_duration.serving") / "page"
    named = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
    served = {"/" if name == "index.html" else f"/page/{name}": _file(name, content) for name, content in named.items()}
    return {**served, "/docs": _file("docs.html", docs)}


def _file(name: str, content: bytes) -> PageFile:
    return PageFile(
        content,
        [
            (b"content-type", _TYPES[name.rpartition(".")[2]]),
            (b"content-length", str(len(content)).encode()),
            (b"etag", b'"' + sha256(content).hexdigest()[:16].encode() + b'"'),
            (b"cache-control", b"no-cache"),
            (b"content-security-policy", CONTENT_SECURITY_POLICY),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"permissions-policy", b"geolocation=(), camera=(), microphone=()"),
        ],
    )
