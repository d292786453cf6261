"""Requests a second of the web service, beside MLflow's own server of the same model and a bare ASGI program.

Run `kedro run` first, or `kedro run --env tlc`; then `python benchmarks/measure_serving.py [--env tlc] [--seconds 8]
[--repeats 5]`. wrk (`make system-deps`) asks each of them by 8 connections, one after the other, in turns; each has one
process and no more. The service has everything on: limits, metrics, intervals, reasons to refuse, and the journal.
The bare program reads the request's body and sends a constant: what uvicorn itself can do on this machine.

Each figure is the median of the repeats. The second table says where the time of one answer goes, measured in one
process without HTTP.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

RIDE = {"PULocationID": 74, "DOLocationID": 236, "trip_distance": 2.4}
MLFLOW_RIDE = RIDE | {"pickup_datetime": "2021-02-03T08:30:00"}
CONNECTIONS = 8
TIMEOUT_SECONDS = 90
BIN = Path(sys.executable).parent

BARE = """
async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"14")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"duration":1}'})
"""


class Measured(NamedTuple):
    """What wrk saw: requests a second, and the 99th percentile of their time in milliseconds."""

    rate: float
    p99: float


class Server(NamedTuple):
    """Where to ask, and what."""

    url: str
    body: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default=None, help="environment whose champion answers; default: simulated months")
    parser.add_argument("--seconds", type=int, default=8, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    wrk = shutil.which("wrk")
    if wrk is None:
        sys.exit("wrk is not installed; `make system-deps` installs it on Debian")
    from ride_duration.model_package import ModelPackage

    settings = settings_of(given.env)
    folder = package_folder(settings)
    with ExitStack() as running, tempfile.TemporaryDirectory() as scratch:
        servers = {
            "bare ASGI": running.enter_context(bare(Path(scratch))),
            "this service": running.enter_context(service(settings, Path(scratch))),
            "mlflow models serve": running.enter_context(mlflow_server(folder)),
        }
        measured: dict[str, list[Measured]] = {name: [] for name in servers}
        for _ in range(given.repeats):
            for name, server in servers.items():
                measured[name].append(ask(wrk, server, given.seconds, Path(scratch)))
    package = ModelPackage.load(folder)
    manifest = package.manifest
    trained = "+".join(manifest["train_data"]) + (", simulated" if manifest["simulated"] else "")
    print(f"\n{settings['model']} ({manifest['model']}, {trained}); {CONNECTIONS} connections, one process each,")
    print(f"{os.cpu_count()} cores shared with wrk; median of {given.repeats} x {given.seconds} s")
    print_rates(measured)
    print_steps(package)


def print_rates(measured: dict[str, list[Measured]]) -> None:
    rates = {name: statistics.median(found.rate for found in each) for name, each in measured.items()}
    print(f"\n{'':24}{'requests/s':>12}{'p99 (ms)':>10}{'to bare ASGI':>14}{'to MLflow':>12}")
    for name, each in measured.items():
        p99 = statistics.median(found.p99 for found in each)
        to_bare, to_mlflow = rates[name] / rates["bare ASGI"], rates[name] / rates["mlflow models serve"]
        print(f"{name:24}{rates[name]:12,.0f}{p99:10.2f}{to_bare:14.3f}{to_mlflow:12.1f}")


def print_steps(package: Any) -> None:
    """Where the time of one answer goes."""
    import msgspec

    from ride_duration.model_package import ModelPackage
    from ride_duration.serving.handlers.predict import decode_body
    from ride_duration.serving.http.guard import Guard
    from ride_duration.serving.inference.counters import Counters
    from ride_duration.serving.inference.deployment import Deployment, Model
    from ride_duration.serving.inference.metrics import Metrics
    from ride_duration.serving.inference.parsing import parse_ride
    from ride_duration.serving.inference.scoring import score_ride
    from ride_duration.serving.schemas.prediction import Ride
    from ride_duration.serving.settings import check_settings
    from ride_duration.store import PredictionLog
    from ride_duration.trips.rides import features_of_ride

    model = Model(ModelPackage(package.contents, 1, 1), "benchmark", time.time())
    deployment = Deployment(model)
    body = json.dumps(RIDE).encode()
    ride = parse_ride(decode_body(body, Ride), deployment, "benchmark-1")
    scored = score_ride(ride, deployment, time.perf_counter())
    metrics = Metrics(Counters())
    scope = {"path": "/predict", "headers": [(b"host", b"localhost"), (b"content-length", b"60")], "client": ("a", 1)}
    when = datetime(2021, 2, 3, 8, 30)
    with tempfile.TemporaryDirectory() as folder:
        log = PredictionLog(f"sqlite:///{folder}/predictions.db", Path(folder))
        guard = Guard(check_settings(settings_of(None) | {"project": folder}), ["/predict"])
        steps = {
            "let it pass: key, origin, rate": lambda: guard.admit(scope, time.monotonic()),
            "decode and check JSON": lambda: decode_body(body, Ride),
            "understand: zones, time, distance": lambda: parse_ride(decode_body(body, Ride), deployment, "benchmark-1"),
            "features alone": lambda: features_of_ride(74, 236, when, 2.4, package.places),
            "answer: features, three graphs, interval": lambda: score_ride(ride, deployment, time.perf_counter()),
            "encode": lambda: msgspec.json.encode(scored.to_prediction()),
            "log: record and journal": lambda: log.append([scored.to_record(time.time())]),
            "metrics": lambda: (metrics.observe_ride(scored), metrics.observe_request("/predict", 200, 0.001, 1.0)),
        }
        print(f"\n{'step (one process, no HTTP)':44}{'microseconds':>12}")
        for name, step in steps.items():
            print(f"{name:44}{timed(step):12.1f}")
        log.close()


def timed(step: Any, times: int = 3_000) -> float:
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(times):
            step()
        best = min(best, (time.perf_counter() - started) / times)
    return best * 1e6


def ask(wrk: str, server: Server, seconds: int, scratch: Path) -> Measured:
    script = scratch / "post.lua"
    body = server.body.replace('"', '\\"')
    script.write_text(f'wrk.method = "POST"\nwrk.body = "{body}"\nwrk.headers["Content-Type"] = "application/json"\n')
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script), server.url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if re.search(r"Non-2xx|Socket errors", said):
        sys.exit(f"{server.url} refused requests:\n{said}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", said).groups()
    return Measured(rate, float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit])


def settings_of(env: str | None) -> dict[str, Any]:
    """The service's settings as `kedro service start` would give them."""
    import msgspec
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(Path.cwd())
    from ride_duration.cli.serving import service_settings

    return dict(msgspec.to_builtins(service_settings(env, {}, {})))


def package_folder(settings: dict[str, Any]) -> Path:
    from ride_duration.registry.reader import RegistryReader

    reader = RegistryReader(Path(settings["project"]), settings["tracking"], settings["model"])
    champion = reader.champion()
    if champion is None:
        sys.exit(f"{settings['model']} has no champion yet; `kedro run` releases one")
    return reader.released(champion).folder


@contextmanager
def bare(scratch: Path) -> Iterator[Server]:
    (scratch / "bare.py").write_text(BARE)
    port = free_port()
    command = [str(BIN / "uvicorn"), "bare:app", "--port", str(port), "--no-access-log", "--log-level", "error"]
    with started([*command, "--app-dir", str(scratch)], f"http://127.0.0.1:{port}/"):
        yield Server(f"http://127.0.0.1:{port}/", json.dumps(RIDE))


@contextmanager
def service(settings: dict[str, Any], scratch: Path) -> Iterator[Server]:
    port = free_port()
    own = {"port": port, "folder": str(scratch / "serving"), "store": f"sqlite:///{scratch}/predictions.db"}
    file = scratch / "settings.json"
    file.write_text(json.dumps(settings | own))
    with started(
        [sys.executable, "-m", "ride_duration.serving", "--settings", str(file)], f"http://127.0.0.1:{port}/ready"
    ):
        yield Server(f"http://127.0.0.1:{port}/predict", json.dumps(RIDE))


@contextmanager
def mlflow_server(package: Path) -> Iterator[Server]:
    port = free_port()
    model = package.parent.parent
    command = [str(BIN / "mlflow"), "models", "serve", "--model-uri", str(model), "--env-manager", "local"]
    with started([*command, "--port", str(port), "--workers", "1"], f"http://127.0.0.1:{port}/ping"):
        yield Server(f"http://127.0.0.1:{port}/invocations", json.dumps({"dataframe_records": [MLFLOW_RIDE]}))


@contextmanager
def started(command: list[str], ready: str) -> Iterator[None]:
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment, start_new_session=True)
        try:
            until = time.monotonic() + TIMEOUT_SECONDS
            while not answers(ready):
                if process.poll() is not None or time.monotonic() > until:
                    said.seek(0)
                    sys.exit(f"{' '.join(command)} did not start:\n{said.read().decode()}")
                time.sleep(0.1)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
