"""Clients that mean harm, and one that only wants its answers."""

from __future__ import annotations

import random
import selectors
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

from tests.support.serving.service import Running

RIDE = b'{"PULocationID": 10, "DOLocationID": 50}'
POST = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"


class Bystander:
    """Asks again and again while others attack; use it as a context.

    Attributes:
        worst: Of its answers, how long the slowest took (seconds).
        answered: How many it got.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.worst = 0.0
        self.answered = 0
        self.failed: Exception | str | None = None

    def __enter__(self) -> Bystander:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        assert self.failed is None, f"a bystander was refused: {self.failed}\n{self._running.said}"

    def _ask(self) -> None:
        while not self._stop.wait(0.005):
            began = time.monotonic()
            try:
                reply = self._running.post("/predict", RIDE)
            except OSError as error:
                self.failed = error
                return
            self.worst = max(self.worst, time.monotonic() - began)
            self.answered += 1
            if reply.status != 200:
                self.failed = str(reply)
                return


def dribble(running: Running, connections: int, seconds: float) -> list[bytes]:
    """Send a byte at a time, on each connection, half of them of a header, half of a body; what came back on each."""
    header = b"POST /predict HTTP/1.1\r\nhost: localhost\r\n" + b"x-slow: " + b"a" * 100_000
    body = POST % 100_000 + b" " * 100_000
    held = [(running.connect(), header if number % 2 else body) for number in range(connections)]
    sent = [0] * connections
    for number, (connection, content) in enumerate(held):
        connection.setblocking(False)
        sent[number] = connection.send(content[: 60 if number % 2 else len(POST % 100_000)])
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for number, (connection, content) in enumerate(held):
            with suppress(OSError):
                sent[number] += connection.send(content[sent[number] : sent[number] + 1])
        time.sleep(0.05)
    return [_received(connection) for connection, _ in held]


def _received(connection: socket.socket) -> bytes:
    with connection, suppress(OSError):
        return connection.recv(10_000)
    return b""


def flood(running: Running, connections: int, megabytes: int, *, chunked: bool) -> list[bytes]:
    """Send bodies that are far too large, at the same time; what came back on each."""
    piece = b" " * 65_536
    if chunked:
        begin = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
        piece = b"%x\r\n%b\r\n" % (len(piece), piece)
    else:
        begin = POST % (megabytes * 1_000_000)
    left = {running.connect(): megabytes * 1_000_000 for _ in range(connections)}
    answers = []
    with selectors.DefaultSelector() as selector:
        for connection in left:
            connection.sendall(begin)
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_WRITE)
        while left:
            for key, _ in selector.select(30):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                try:
                    left[connection] -= connection.send(piece)
                except BlockingIOError:
                    continue
                except OSError:
                    left[connection] = 0
                if left[connection] <= 0:
                    selector.unregister(connection)
                    del left[connection]
                    connection.settimeout(30)
                    answers.append(_received(connection))
    return answers


def garbage(running: Running, connections: int, seed: int = 1) -> None:
    """Send bytes that are nothing, or nearly HTTP, and go away."""
    dice = random.Random(seed)
    good = POST % len(RIDE) + RIDE
    for number in range(connections):
        if number % 2:
            content = bytearray(good * 3)
            for _ in range(dice.randint(1, 5)):
                content[dice.randrange(len(content))] = dice.randrange(256)
        else:
            content = bytearray(dice.randbytes(dice.randint(1, 2000)))
        with running.connect() as connection, suppress(OSError):
            connection.sendall(content)
            if dice.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(0.05)
                connection.recv(1000)


def deaf(running: Running, connections: int) -> list[socket.socket]:
    """Ask for much, many times, and read nothing."""
    held = []
    for _ in range(connections):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", running.port))
        connection.sendall(b"GET /zones HTTP/1.1\r\nhost: localhost\r\n\r\n" * 99)
        held.append(connection)
    return held


def pipeline(running: Running, requests: int) -> bytes:
    """Send so many requests at once; all that came back until the connection was closed."""
    with running.connect() as connection:
        with suppress(OSError):  # it was closed meanwhile
            connection.sendall((POST % len(RIDE) + RIDE) * requests)
            connection.shutdown(socket.SHUT_WR)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """What comes until the service closes the connection."""
    received = b""
    with suppress(ConnectionError):
        while part := connection.recv(65_536):
            received += part
    return received
