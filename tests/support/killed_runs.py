"""Runs a command of the project in processes that are killed, as `kill -9` does, before one writes to the store.

Called by `python -m tests.support.killed_runs PROJECT STORE POINT,POINT,… COMMAND…` inside the folder of the project. A
point is the number of the change, or commit, before which a process is killed; 0 is never, and one below 0 is a time in
milliseconds. Each process is a fork of this one, which has no connections open then, so that Python starts once. A
line is printed for each: `killed`, or how it ended after how many of them.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from kedro.framework.cli.cli import KedroCLI
from sqlalchemy import Engine, event

import ride_duration.pipelines.monitoring.pipeline  # noqa: F401  what takes seconds to import is there when they begin


def main(project: str, store: str, points: list[int], command: list[str]) -> None:
    """Run the command once for each point."""
    for point in points:
        child = os.fork()
        if child == 0:
            _run(Path(project), store, point, command)
            os._exit(0)
        if point < 0:
            time.sleep(-point / 1000)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print("killed", flush=True)


def _run(project: Path, store: str, point: int, command: list[str]) -> None:
    seen = 0

    def count(engine: Engine) -> None:
        nonlocal seen
        if engine.url.database != store:
            return
        seen += 1
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)

    @event.listens_for(Engine, "before_cursor_execute")
    def count_change(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN")):
            count(connection.engine)

    @event.listens_for(Engine, "commit")
    def count_commit(connection: Any) -> None:
        count(connection.engine)

    try:
        KedroCLI(project_path=project).main(command, prog_name="kedro")
    except SystemExit as ended:
        print("ended", ended.code or 0, seen, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [int(point) for point in sys.argv[3].split(",")], sys.argv[4:])
