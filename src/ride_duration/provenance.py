"""The code that runs (the commit, whether files were changed since, the lock file), and the user."""

from __future__ import annotations

import getpass
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ride_duration.errors import NotFound, RideDurationError

#: Stands for what is not under git, or what git does not say, or has no lock file.
UNKNOWN = "unknown"

LOCK = "requirements.lock"

#: They would point git to another repository than the one that the project lies in; git sets them for its hooks.
_REDIRECTING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")

_NO_REPOSITORY = "not a git repository"


class GitFailed(RideDurationError):  # noqa: N818  a state of the repository
    """Git answers nothing in a folder; the text says why, in git's own words."""


def code_at_hand(project: Path) -> dict[str, str]:
    """Describe the code of a project.

    Returns:
        `git_commit`, `git_dirty` (`true` where files differ from the commit) and `lock_sha256`; each is `unknown` where
        it cannot be known.
    """
    lock = project / LOCK
    commit = dirty = UNKNOWN
    if git(project, "ls-files", "."):  # the project may lie, ignored, in a repository of something else
        commit, changes = git(project, "rev-parse", "HEAD") or UNKNOWN, changed_files(project)
        dirty = UNKNOWN if changes is None or commit == UNKNOWN else str(bool(changes)).lower()
    return {
        "git_commit": commit,
        "git_dirty": dirty,
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else UNKNOWN,
    }


def changed_files(project: Path) -> list[str] | None:
    """List the files of a project that differ from its commit, untracked ones among them; None if unknown."""
    try:
        return [line.split(maxsplit=1)[-1] for line in ask_git(project, "status", "--porcelain").splitlines()]
    except GitFailed:
        return None


def why_unknown(project: Path) -> str | None:
    """Explain why git says nothing of a project's code, where there is a repository and something can be done about it.

    Returns:
        One sentence, for instance about a repository that belongs to somebody else; None where git answers, or where
        there is no repository or no git.
    """
    try:
        ask_git(project, "status", "--porcelain")
    except GitFailed as error:
        return None if _NO_REPOSITORY in str(error) or isinstance(error.__cause__, OSError) else str(error)
    return None


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
    try:
        ask_git(project, "rev-parse", "--git-dir")
    except GitFailed as error:
        missing = _NO_REPOSITORY in str(error)
        reason = f"{project} is not under git" if missing else str(error)
        raise GitFailed(f"{reason}, so no commit can be checked out; leave --checkout away") from error
    if git(project, "cat-file", "-t", commit) != "commit":
        shallow = git(project, "rev-parse", "--is-shallow-repository") == "true"
        how = "this clone is shallow: `git fetch --unshallow`" if shallow else "fetch the branch that holds it"
        raise NotFound(f"git does not know the commit {commit} here; {how}")
    try:
        git(project, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(folder), commit)
        if not folder.is_dir() or git(folder, "rev-parse", "HEAD") != commit:
            raise RideDurationError(f"git cannot check {commit} out into {folder}; see `git worktree add` there")
        yield folder / git(project, "rev-parse", "--show-prefix")
    finally:
        git(project, "worktree", "remove", "--force", str(folder))


def git(project: Path, *arguments: str) -> str:
    """Return what git answers in a folder; empty where it fails or is not there."""
    try:
        return ask_git(project, *arguments)
    except GitFailed:
        return ""


def ask_git(project: Path, *arguments: str) -> str:
    """Return what git answers in a folder.

    Raises:
        GitFailed: It fails, or is not there; says why.
    """
    environ = {name: value for name, value in os.environ.items() if name not in _REDIRECTING}
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=project,
            env=environ | {"LC_ALL": "C"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise GitFailed(f"git cannot be started ({error.strerror})") from error
    if answer.returncode:
        raise GitFailed(f"git says nothing of {project} ({_reason(answer.stderr)})")
    return answer.stdout.strip()


def _reason(said: str) -> str:
    """Return the reason that git gives, and the command that it recommends, if it does."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    first = lines[0].removeprefix("fatal: ").rstrip(":.") if lines else "without a reason"
    command = next((line for line in lines[1:] if line.startswith("git ")), None)
    return f"{first}; `{command}` allows it" if command else first


def author(project: Path) -> str:
    """Return the name of git's user, or else of the operating system's."""
    return git(project, "config", "user.name") or _user()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
