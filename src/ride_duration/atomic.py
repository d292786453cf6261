"""Changes to files that are whole or not at all, one after the other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for the same folder, which is made if it is not there.

    Whoever reads a file, changes what it says and writes it does all of it in one block, or the change of somebody else
    gets lost. The lock ends with the process; it leaves nothing behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, which takes its place when the block ends without an error.

    The caller sees to it that no other process writes the same file at the same time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_private(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read, whole or not at all; the caller has locked the folder."""
    with replaced_whole(path) as partial:
        partial.unlink(missing_ok=True)  # what a kill left may be readable to others
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)


def free_name(path: Path) -> Path:
    """A name that no file has, as near to this one as possible."""
    turn, free = 1, path
    while os.path.lexists(free):
        turn += 1
        free = path.with_name(f"{path.name}.{turn}")
    return free


def set_aside(path: Path) -> Path:
    """Give a file or folder another name, the next that is free: it is not deleted."""
    return path.rename(free_name(path.with_name(f"{path.name}.before-restore")))
