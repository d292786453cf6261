"""Which code is at hand (the commit, whether files were changed since, the lock file), and who is at work."""

from __future__ import annotations

import getpass
import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ride_duration.errors import RideDurationError

#: Stands for what is not under git, or has no lock file.
UNKNOWN = "unknown"

LOCK = "requirements.lock"


def code_at_hand(project: Path) -> dict[str, str]:
    """Describe the code of a project.

    Returns:
        `git_commit`, `git_dirty` (`true` where files differ from the commit) and `lock_sha256`.
    """
    lock = project / LOCK
    return {
        "git_commit": git(project, "rev-parse", "HEAD") or UNKNOWN,
        "git_dirty": str(bool(git(project, "status", "--porcelain"))).lower(),
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else UNKNOWN,
    }


@contextmanager
def checked_out(project: Path, commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a git worktree, which is removed when the block ends.

    Args:
        project: Folder of the project, anywhere inside its repository.
        commit: The commit's full name.
        folder: Where the worktree shall lie; not there yet.

    Yields:
        Folder of the project in the worktree.

    Raises:
        RideDurationError: There is no repository, or git does not know the commit.
    """
    if not git(project, "rev-parse", "--git-dir"):
        raise RideDurationError(f"{project} is not under git, so no commit can be checked out; leave --checkout away")
    if git(project, "cat-file", "-t", commit) != "commit":
        raise RideDurationError(f"git does not know the commit {commit} here; fetch the branch that holds it")
    try:
        git(project, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(folder), commit)
        if not folder.is_dir() or git(folder, "rev-parse", "HEAD") != commit:
            raise RideDurationError(f"git cannot check {commit} out into {folder}; see `git worktree add` there")
        yield folder / git(project, "rev-parse", "--show-prefix")
    finally:
        git(project, "worktree", "remove", "--force", str(folder))


def git(project: Path, *arguments: str) -> str:
    """What git answers in a folder; nothing where it fails or is not there."""
    try:
        answer = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def author(project: Path) -> str:
    """Who is at work: git's user, or else the operating system's."""
    return git(project, "config", "user.name") or _user()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
