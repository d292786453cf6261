"""The service's start: seconds from `kedro service start` to the first answer, and the memory that it takes.

`python benchmarks/measure_start.py [--times 5] [--env tlc]`, in a project that has a champion; on Linux, since memory
is read from `/proc`. Prints the median and the worst of the starts: until Kedro has written the service's settings,
until the first answer, and the resident memory then, after 2,000 more answers, and at its peak.
"""

import argparse
import http.client
import re
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

RIDE = b'{"PULocationID": 10, "DOLocationID": 50, "trip_distance": 40}'
MORE = 2_000


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def first_answer(process: subprocess.Popen[str], port: int) -> http.client.HTTPConnection:
    while process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            if ask(connection) == 200:
                return connection
        except OSError:
            time.sleep(0.005)
    sys.exit("The service has ended; `kedro service start` says why.")


def ask(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/predict", RIDE)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def is_the_service(process: subprocess.Popen[str]) -> bool:
    return b"ride_duration.serving" in Path(f"/proc/{process.pid}/cmdline").read_bytes()


def megabytes(process: subprocess.Popen[str], what: str) -> float:
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def measure(env: list[str]) -> tuple[float, float, float, float, float]:
    port = free_port()
    kedro = str(Path(sys.executable).with_name("kedro"))
    command = [kedro, "service", "start", "--port", str(port), "--params=serving.instance=measure_start", *env]
    began = time.perf_counter()
    with subprocess.Popen(command, text=True) as process:
        try:
            while process.poll() is None and not is_the_service(process):
                time.sleep(0.005)
            configured = time.perf_counter() - began
            connection = first_answer(process, port)
            answered = time.perf_counter() - began
            after_one = megabytes(process, "VmRSS")
            for _ in range(MORE):
                ask(connection)
            return configured, answered, after_one, megabytes(process, "VmRSS"), megabytes(process, "VmHWM")
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--env", default=None)
    arguments = parser.parse_args()
    env = ["--env", arguments.env] if arguments.env else []
    starts = [measure(env) for _ in range(arguments.times)]
    columns = ("configured, s", "first answer, s", "memory then, MB", f"after {MORE:,} more, MB", "most, MB")
    print(f"{'':24} {'median':>8} {'worst':>8}")
    for name, values in zip(columns, zip(*starts, strict=True), strict=True):
        print(f"{name:24} {statistics.median(values):8.2f} {max(values):8.2f}")


if __name__ == "__main__":
    main()
