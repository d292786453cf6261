"""Load on the service: clients that keep their connections, and remember each ride that was acknowledged."""

import asyncio
import itertools
import json
import threading
import time
from collections import Counter
from types import TracebackType

from tests.support.store.samples import until

_PREFIXES = itertools.count(1)


class Load:
    """Clients that ask one ride after another, until the block ends.

    Args:
        port: Of the service on this machine.
        clients: Connections, each of which asks its next ride once it has an answer.
        pause: Seconds between an answer and the next ride.

    Attributes:
        acknowledged: Ids of the rides that were answered with 200.
        statuses: Answers by status.
        broken: Connections that were refused or ended without an answer, and why.
        truncated: Answers that ended in the middle.
        retry_after: Values of that header on answers with 503.
        slowest: Seconds that the slowest answer took.
    """

    def __init__(self, port: int, clients: int = 8, pause: float = 0.002) -> None:
        self._port, self._clients, self._pause = port, clients, pause
        self._prefix = f"load{next(_PREFIXES)}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask_all()))
        self.acknowledged: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.broken: list[str] = []
        self.truncated: list[str] = []
        self.retry_after: list[str | None] = []
        self.slowest = 0.0

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def more(self, answers: int = 100) -> None:
        """Wait until so many further rides are acknowledged."""
        wanted = len(self.acknowledged) + answers
        until(lambda: len(self.acknowledged) >= wanted, 30.0)

    async def _ask_all(self) -> None:
        await asyncio.gather(*(self._ask(f"{self._prefix}-{client}") for client in range(self._clients)))

    async def _ask(self, client: str) -> None:
        numbers = itertools.count()
        while not self._stop.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError as error:
                self.broken.append(f"connect: {error}")
                await asyncio.sleep(0.01)
                continue
            try:
                while not self._stop.is_set() and await self._ask_one(reader, writer, f"{client}-{next(numbers)}"):
                    await asyncio.sleep(self._pause)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.broken.append(f"{type(error).__name__}: {error}")
            finally:
                writer.close()

    async def _ask_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ride_id: str) -> bool:
        """Ask one ride; whether the connection may be used again."""
        body = json.dumps({"PULocationID": 132, "DOLocationID": 230, "trip_distance": 17.5, "ride_id": ride_id})
        started = time.monotonic()
        writer.write(f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        head = b""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().lower().strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            answer = json.loads(await reader.readexactly(int(headers["content-length"])))
        except (asyncio.IncompleteReadError, OSError) as error:
            if head or getattr(error, "partial", b""):
                self.truncated.append(ride_id)
            raise
        self.slowest = max(self.slowest, time.monotonic() - started)
        status = int(first.split()[1])
        self.statuses[status] += 1
        if status == 200:
            assert answer["ride_id"] == ride_id
            self.acknowledged.append(ride_id)
        elif status == 503:
            self.retry_after.append(headers.get("retry-after"))
            await asyncio.sleep(0.01)
        return headers.get("connection") != "close"
