"""A real `mlflow server` on a free port, with SQLite and a folder of artifacts of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ride_duration.playback.service_process import find_free_port
from tests.support.tracking_store import provide_tables

#: How long it may take to start, on a busy machine (seconds).
_START_SECONDS = 120


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Start a server that keeps all it has in a folder (`mlflow.db`, `artifacts`); give its address."""
    provide_tables(folder / "mlflow.db")
    port = find_free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--serve-artifacts"]
    command += ["--artifacts-destination", f"{folder}/artifacts"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # No jobs in the background: they take four more processes, which nothing here asks for.
    environment = {**os.environ, "PATH": path, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
