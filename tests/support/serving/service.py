"""The real service in a process of its own, and a client that says exactly what is sent and what came back."""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from coverage import Coverage

from ride_duration.playback.service_process import find_free_port
from tests.registry.store import SETTINGS

TIMEOUT_SECONDS = 60.0
LIMITS = {
    "body_bytes": 1_000_000,
    "body_seconds": 10.0,
    "requests_per_second": 1e6,
    "burst": 1_000_000,
    "concurrency": 64,
    "batches": 16,
}
ROLLOUT = {
    "stages": [{"share": 1.0, "days": 0.001, "predictions": 100, "actuals": 1}],
    "limits": {
        "requests": 100,
        "error_rate": 0.01,
        "p99_ms": 50,
        "worse_rmse": None,
        "guard_rides": 500,
        "guard_worse_rmse": 0.25,
    },
}

REPOSITORY = Path(__file__).parents[3]
#: What pytest measures in its own process, measured in the service's, too; both are added up at the end.
COVERAGE = [
    *("-m", "coverage", "run", "--parallel-mode", f"--rcfile={REPOSITORY / 'pyproject.toml'}"),
    f"--data-file={REPOSITORY / '.coverage'}",
]

_numbers = itertools.count(1)


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [fault["field"] for fault in self.json.get("errors", [])]


class Running:
    """A service that runs; use it as a context.

    Args:
        project: Folder of a project with a registry.
        model: Name of the registered model.
        covered: Whether it counts for the coverage of the tests, if that is measured; it is slower then.
        given: Settings that differ from those of a test.

    Attributes:
        port: Where it listens.
        log: What it writes.
        settings: As it was told.
    """

    def __init__(
        self,
        project: Path,
        model: str,
        *,
        limits: dict[str, float] | None = None,
        covered: bool = False,
        **given: Any,
    ) -> None:
        folder = f"data/serving-{next(_numbers)}"
        self.port = given.pop("port", None) or find_free_port()
        self.settings: dict[str, Any] = {
            "project": str(project),
            "model": model,
            "tracking": SETTINGS,
            "port": self.port,
            "store": f"sqlite:///{folder}/predictions.db",
            "folder": folder,
            "journal_bytes": 10_000_000,
            "registry_seconds": 0.05,
            "api_keys": f"{folder}/api_keys.json",
            "require_keys": False,
            "behind_proxy": False,
            "limits": {**LIMITS, **(limits or {})},
            "rollout": ROLLOUT,
            **given,
        }
        self.folder = project / self.settings["folder"]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "service.log"
        self.process: subprocess.Popen[bytes]
        self._coverage = COVERAGE if covered and Coverage.current() is not None else []

    def __enter__(self) -> Running:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(self) -> None:
        """Start it, also once more, and wait until it listens."""
        self.launch()
        until = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < until:
            assert self.process.poll() is None, self.said
            try:
                assert self.ask("GET", "/health").status == 200
            except OSError:
                time.sleep(0.01)
            else:
                return
        self.process.kill()
        raise AssertionError(f"the service does not listen:\n{self.said}")

    def launch(self) -> None:
        """Start it, and do not wait."""
        file = self.folder / "settings.json"
        file.write_text(json.dumps(self.settings))
        with self.log.open("ab") as log:
            command = [sys.executable, *self._coverage, "-m", "ride_duration.serving", "--settings", str(file)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(how)
        try:
            return self.process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the service did not stop:\n{self.said}") from None

    @property
    def said(self) -> str:
        """The end of what it has written so far."""
        return self.log.read_text()[-5000:] if self.log.exists() else ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def memory(self) -> float:
        """Megabytes that it has in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000

    @property
    def processor_seconds(self) -> float:
        """How long it has worked on any processor, in all its threads."""
        return time.clock_gettime((~self.process.pid << 3) | 2)  # as Linux numbers the clocks of other processes

    @property
    def open_files(self) -> int:
        """How many files and connections it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def connect(self, timeout: float = TIMEOUT_SECONDS) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        """One request on a connection of its own; a body that is not bytes is sent as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, content, headers or {})
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, told, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, None, _headers(headers))

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        return self.ask("POST", path, body, _headers(headers))

    def until(self, path: str, holds: Any) -> Any:
        """Ask until the answer is as it should be; the answer."""
        end = time.monotonic() + TIMEOUT_SECONDS
        while True:
            reply = self.get(path)
            told = reply.json if "json" in reply.headers["content-type"] else reply.content.decode()
            if holds(told):
                return told
            assert time.monotonic() < end, f"{path} stays at {told}\n{self.said}"
            time.sleep(0.01)


def _headers(given: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items()}
