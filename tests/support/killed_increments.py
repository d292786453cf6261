"""Writes a log in parts and computes each in a process that kills itself.

Called by `python -m tests.support.killed_increments STORE_URL MODEL PACKAGE POINT...`.
A point is the number of the statement before which the process is killed, as `kill -9` does. Each process is a fork of
this one, which has no connections open then, so that Python starts once.
"""

import os
import signal
import sys
from typing import Any

from sqlalchemy import Engine, event

from ride_duration.model_package import ModelPackage
from tests.support.logged_rides import LogWriter, disturb, make_log, open_store, run_increment

SEED = 5


def main(store_url: str, model: str, package: str, points: list[int]) -> None:
    """Write, compute and be killed, once for each point."""
    log = disturb(make_log(model, days=4, rides=8, seed=SEED, metered=True), SEED, late=0.3, doubled=0.1, wrong=0.1)
    for number, point in enumerate(points):
        writer = LogWriter(store_url)
        part = slice(len(log) * number // len(points), len(log) * (number + 1) // len(points))
        writer.write([arrival.record for arrival in log[part]])
        writer.close()
        child = os.fork()
        if child == 0:
            _compute_until(store_url, model, package, point)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "ended", os.waitstatus_to_exitcode(status), flush=True)


def _compute_until(store_url: str, model: str, package: str, point: int) -> None:
    left = point

    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    run_increment(open_store(store_url, model), {1: lambda: ModelPackage.load(package)})


if __name__ == "__main__":
    main(*sys.argv[1:4], [int(point) for point in sys.argv[4:]])
