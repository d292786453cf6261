"""Runs that read or write the same datasets of a project go one at a time."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kedro.framework.hooks import hook_impl

from ride_duration.atomic import lock_folder
from ride_duration.clock import local_time
from ride_duration.errors import RideDurationError
from ride_duration.in_use import PROCESS, RUNS, is_held, run_lock

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

#: Datasets that are named in a message; more are counted.
_FEW = 3


class RunLockHook:
    """Lets runs into a project's `data/` side by side as long as none writes what another one reads or writes.

    A run locks a file of its own below `data/.runs`, in which it says which datasets it reads and writes. The lock ends
    with the process. Parameters, data in memory, and datasets with a lock of their own (`HAS_OWN_LOCK`) are left out.
    """

    def __init__(self) -> None:
        self._data = Path.cwd() / "data"
        self._held: int | None = None
        self._path: Path | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._data = context.project_path / "data"

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        self._release()  # what a run in this process left when it was interrupted
        reads, writes = (_locked_names(names, catalog) for names in (pipeline.inputs(), pipeline.all_outputs()))
        own = run_lock(self._data, socket.gethostname(), str(os.getpid()), PROCESS)
        with lock_folder(self._data / RUNS):
            self._check_others(own, reads, writes)
            self._held, self._path = os.open(own, os.O_RDWR | os.O_CREAT, 0o644), own
            fcntl.flock(self._held, fcntl.LOCK_EX)  # but for a moment, when another looks, it is free
            run = f"process {os.getpid()}, since {local_time():%H:%M:%S}: {shlex.join(sys.argv)}"
            own.write_text(json.dumps({"run": run, "reads": sorted(reads), "writes": sorted(writes)}))

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        self._release()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        self._release()

    def _check_others(self, own: Path, reads: set[str], writes: set[str]) -> None:
        for path in sorted((self._data / RUNS).glob("*.lock")):
            if path == own or not is_held(path):  # of a process that has ended
                path.unlink()
                continue
            other = json.loads(path.read_text())
            both = sorted((writes & {*other["reads"], *other["writes"]}) | (reads & {*other["writes"]}))
            if both:
                named = ", ".join(both[:_FEW]) + (f" and {len(both) - _FEW} more" if len(both) > _FEW else "")
                raise RideDurationError(
                    f"another run is writing to {self._data} ({other['run']}), and both need {named}; "
                    "wait until it has ended, or use a second copy of the project"
                )

    def _release(self) -> None:
        if self._held is not None and self._path is not None:
            with lock_folder(self._path.parent):
                self._path.unlink(missing_ok=True)
                os.close(self._held)
            self._held = self._path = None


def _locked_names(names: set[str], catalog: DataCatalog) -> set[str]:
    """Return the names of datasets that are kept, without what follows an `@`."""
    data = {name for name in names if name != "parameters" and not name.startswith("params:")}
    kept = {name for name in data if name in catalog and not _needs_no_lock(catalog, name)}
    return {name.partition("@")[0] for name in kept}


def _needs_no_lock(catalog: DataCatalog, name: str) -> bool:
    from kedro.io import MemoryDataset

    dataset = catalog[name]
    return isinstance(dataset, MemoryDataset) or getattr(dataset, "HAS_OWN_LOCK", False)
