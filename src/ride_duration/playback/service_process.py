"""The service of a simulation: a real one, in a process of its own, that ends with the process that started it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ride_duration.errors import RideDurationError

if TYPE_CHECKING:
    from ride_duration.serving.settings import ServiceSettings

#: Seconds that the service may take to start, to answer, and to bring its journal to the store when it ends. It starts
#: in 5 to 10 on a free machine; two cores that ten programs share take more than a minute.
_START, _ANSWER, _END = 300.0, 120.0, 120.0
_LOOK = 0.02
#: Seconds to wait while the log takes nothing, and how often.
_FULL, _TRIES = 1.0, 60


class ServiceProcess:
    """Runs the service as a context; requests go over one connection.

    Args:
        settings: Of the service; it listens on this machine alone.
        file: The settings as JSON.
        log: What it writes goes to the end of this file.

    Raises:
        RideDurationError: It does not start, refuses a request, or ends too early.
    """

    def __init__(self, settings: ServiceSettings, file: Path, log: Path) -> None:
        self._settings, self._file, self._log = settings, file, log
        self._connection = http.client.HTTPConnection("127.0.0.1", settings.port, timeout=_ANSWER)
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._said_from = log.tell()
            command = [sys.executable, "-m", "ride_duration.serving", "--settings", str(self._file), "--with-parent"]
            # A session of its own: Ctrl-C reaches the simulation alone, which then ends the service.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self._end()
        if kind is None and code:
            raise self._failure("the service did not end well")

    def get(self, path: str) -> Any:
        """Return what the service says."""
        return self._request("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        """Send a body, and return the answer; waits while the log takes no more."""
        return self._request("POST", path, msgspec.json.encode(body))

    def wait_for_log(self) -> None:
        """Wait until everything that was sent is in the store."""
        for _ in range(int(_END / _LOOK)):
            if not self.get("/live")["queue_depth"]:
                return
            time.sleep(_LOOK)
        raise self._failure(f"the store has not caught up in {_END:.0f} s")

    def _request(self, method: str, path: str, content: bytes | None) -> Any:
        for _ in range(_TRIES):
            try:
                self._connection.request(method, path, content, {"Content-Type": "application/json"})
                response = self._connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                raise self._failure(f"the service does not answer ({error or type(error).__name__})") from error
            if response.status < http.HTTPStatus.BAD_REQUEST:
                return msgspec.json.decode(answer)
            if response.status != http.HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(_FULL)
        problem = msgspec.json.decode(answer)
        faults = "".join(f"; {fault['field']}: {fault['detail']}" for fault in problem.get("errors", [])[:1])
        raise self._failure(f"the service refuses {method} {path} ({problem.get('detail') or problem}{faults})")

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _START
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise self._failure("the service did not start")
            try:
                self._connection.request("GET", "/ready")
                response = self._connection.getresponse()
                answer = msgspec.json.decode(response.read())
            except (OSError, http.client.HTTPException):
                self._connection.close()
                time.sleep(_LOOK)
                continue
            if response.status == http.HTTPStatus.OK:
                return
            raise RideDurationError(f"the service cannot answer rides: {answer.get('detail')}")
        raise self._failure(f"the service did not start within {_START:.0f} s")

    def _end(self) -> int:
        """End it, and return its exit code."""
        self._connection.close()
        self._process.terminate()
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            return self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()  # what it had acknowledged is in its journal
            return self._process.wait()

    def _failure(self, what: str) -> RideDurationError:
        with self._log.open("rb") as log:
            log.seek(self._said_from)
            lines = log.read().decode(errors="replace").strip().splitlines()
        said = lines[-1].removeprefix("Error: ") if lines else "it said nothing"
        return RideDurationError(f"{what}: {said}\n  {self._log} says more")


def find_free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
