"""Connections that say something odd, or nothing, and then wait; all of them must end in time."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable
from contextlib import suppress

from tests.support.serving.service import Running

_HOST = b"host: localhost\r\n"
_GET = b"GET /health HTTP/1.1\r\n" + _HOST
_POST = b"POST /predict HTTP/1.1\r\n" + _HOST
_UPGRADE = b"connection: Upgrade, close\r\nupgrade: x\r\n"

#: What each kind of connection sends before it waits.
KINDS = {
    "nothing": b"",
    "line ends": b"\r\n\r\n",
    "half a header": b"GET /hea",
    "a header without its end": _GET,
    "half a body": _POST + b"content-length: 100\r\n\r\n{",
    "half a chunk": _POST + b"transfer-encoding: chunked\r\n\r\n5\r\n{",
    "a trailer without its end": _POST + b"transfer-encoding: chunked\r\n\r\n0\r\na: b\r\n",
    "a wish to continue": _POST + b"content-length: 100\r\nexpect: 100-continue\r\n\r\n",
    "an upgrade": _GET + b"connection: upgrade\r\nupgrade: x\r\n\r\n",
    "an upgrade and close": _GET + _UPGRADE + b"\r\n",
    "an upgrade and close, and half a body": _POST + _UPGRADE + b"content-length: 100\r\n\r\n{",
    "an upgrade of HTTP/1.0": b"GET /health HTTP/1.0\r\n" + _HOST + b"connection: upgrade\r\nupgrade: x\r\n\r\n",
    "a websocket": _GET + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: a\r\n\r\n\x81\x85",
    "h2c": _GET + b"connection: upgrade, http2-settings\r\nhttp2-settings: AA\r\nupgrade: h2c\r\n\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/0.9": b"GET /health\r\n",
    "HTTP/1.0": b"GET /health HTTP/1.0\r\n\r\n",
    "close, and half of another request": _GET + b"connection: close\r\n\r\nGET /hea",
    "several requests": (_GET + b"\r\n") * 5,
    "several requests and line ends": (_GET + b"\r\n") * 5 + b"\r\n\r\n",
    "several requests and half of another": (_GET + b"\r\n") * 5 + b"GET /hea",
}


def seconds_open(running: Running, each: int, most: float, kinds: Iterable[str] = KINDS) -> dict[str, float]:
    """Return for how long the last connection of each kind stayed open, and of each that has said that it ends.

    Seconds count from what was sent, or from the last answer to a whole request: a client may wait for its turn.

    Args:
        running: The service.
        each: Connections of each kind.
        most: Seconds after which those that are still open count as infinitely long.
        kinds: Names of those that are tried.
    """
    tried = {name: (KINDS[name], False) for name in kinds}
    tried |= {f"{name}, half-closed": (KINDS[name], True) for name in kinds}
    took = dict.fromkeys(tried, 0.0)
    with selectors.DefaultSelector() as selector:
        for name, (content, half_closed) in tried.items():
            for _ in range(each):
                connection = running.connect()
                with suppress(OSError):  # it is refused already
                    connection.sendall(content)
                    if half_closed:
                        connection.shutdown(socket.SHUT_WR)
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ, (name, time.monotonic()))
        until = time.monotonic() + most
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(0.1):
                name, began = key.data
                received = _receive(key.fileobj)
                if received and b"HTTP/1.1 200" in received:
                    selector.modify(key.fileobj, selectors.EVENT_READ, (name, time.monotonic()))
                elif received == b"":
                    took[name] = max(took[name], time.monotonic() - began)
                    selector.unregister(key.fileobj)
        for key in list(selector.get_map().values()):
            took[key.data[0]] = float("inf")
            key.fileobj.close()  # type: ignore[union-attr]
    return took


def _receive(connection: object) -> bytes | None:
    """Return what there is; nothing, and close the connection, if it has ended; None if there is nothing yet."""
    assert isinstance(connection, socket.socket)
    try:
        received = connection.recv(65_536)
    except BlockingIOError:
        return None
    except OSError:
        received = b""
    if not received:
        connection.close()
    return received
