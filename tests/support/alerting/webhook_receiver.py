"""A receiver of webhooks: keeps what it was sent, and answers as the test wants it."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request."""

    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]


class WebhookReceiver:
    """Listens on a free port until `stop`.

    Attributes:
        status: What it answers from now on.
        requests: All that came, in order.
        pause: Is waited for before each answer.
    """

    def __init__(self, port: int = 0) -> None:
        self.status = 200
        self.requests: list[Received] = []
        self.pause = threading.Event()
        self.pause.set()
        self.came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.status
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver.came:
                    receiver.requests.append(Received(headers, body, status))
                    receiver.came.notify_all()
                receiver.pause.wait(60)
                self.send_response(status)
                if status in (301, 302, 307):
                    self.send_header("Location", f"{receiver.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def acknowledged(self) -> list[Received]:
        return [request for request in self.requests if request.status < 300]

    def wait_for(self, count: int, seconds: float = 60.0) -> list[Received]:
        """Return the requests, as soon as so many have come."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= count, seconds), self.requests
            return list(self.requests)

    def stop(self) -> None:
        self.pause.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
