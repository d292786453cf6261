"""Says what runs in a project: `python -m ride_duration.in_use DATA`, before its files are deleted.

Whatever runs holds a lock on a file below `data/`: a run, a decision about models, a service. The module needs nothing
but Python, so that it works where the environment is broken.
"""

import fcntl
import os
import sys
import time
import uuid
from pathlib import Path

#: A service holds it beside the lock of its own folder, which may lie elsewhere; several may do so at once.
SERVICES = ".services.lock"

#: Each run locks a file of its own in this folder below `data/`, which says what it reads and writes.
RUNS = ".runs"

#: Tells this process from one of the same number in another container that has the same name.
PROCESS = uuid.uuid4().hex[:12]

#: File in that folder with what tells it from the same path on another machine, or in another container.
_IDENTITY = "identity"

#: Another process that looks at the same time holds the lock for a moment, too.
_LOOKS = 5

#: A run of an earlier commit locks `.run.lock`.
_WHO = {
    RUNS: "a `kedro run`",
    ".run.lock": "a `kedro run`",
    ".registry.lock": "a command that decides about models",
    SERVICES: "a service",
}


def hold(data: Path, name: str) -> int:
    """Hold a lock that others may hold as well, until the process ends or the descriptor is closed.

    Args:
        data: The project's folder of data.
        name: Of the lock's file.

    Returns:
        The descriptor.

    Raises:
        OSError: The file cannot be made.
    """
    data.mkdir(parents=True, exist_ok=True)
    fd = os.open(data / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return fd


def run_lock(data: Path, host: str, pid: str, process: str = "") -> Path:
    """Path of the file that a run locks as long as its process lives; earlier commits know no `process`."""
    return data / RUNS / f"{host}-{pid}{f'-{process}' if process else ''}.lock"


def folder_identity(data: Path, given: str = "") -> str:
    """Return what tells a project's data from those at the same path elsewhere; it is drawn once, or given.

    Args:
        data: The project's folder of data.
        given: Taken if there is none yet: runs in folders of their own belong to the project that started them.

    Raises:
        OSError: The file cannot be made.
    """
    path = data / RUNS / _IDENTITY
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = path.with_name(f".{_IDENTITY}-{os.getpid()}-{PROCESS}")
        drawn.write_text(given or uuid.uuid4().hex)
        try:
            os.link(drawn, path)
        except FileExistsError:  # another process was quicker
            pass
        finally:
            drawn.unlink()
    return path.read_text()


def find_locks(data: Path) -> "list[Path]":
    """List the locked files below a folder."""
    return [path for path in sorted(data.rglob("*.lock")) if is_held(path)]


def main(data: Path) -> int:
    """Print what runs; 1 if anything does."""
    for path in find_locks(data):
        known = RUNS if path.parent.name == RUNS else path.name
        who = _WHO.get(known, f"the service {path.parent.name}" if path.name == ".lock" else "something")
        sys.stderr.write(f"{who} is running here (it holds {path}); stop it first\n")
    return int(bool(find_locks(data)))


def is_held(path: Path) -> bool:
    """Whether a process holds a lock on a file; False if there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not any(_is_free(fd) for _ in range(_LOOKS))
    finally:
        os.close(fd)


def _is_free(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.001)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
