"""Which code is at hand, and commits checked out beside it."""

import subprocess
from pathlib import Path

import pytest

from ride_duration.errors import RideDurationError
from ride_duration.provenance import checked_out, code_at_hand, git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project inside a repository with two commits, in which a file of the first is another."""
    project = tmp_path / "repository/project"
    project.mkdir(parents=True)
    for arguments in (["init", "--quiet"], ["config", "user.name", "Ada"], ["config", "user.email", "ada@example.com"]):
        subprocess.run(["git", *arguments], cwd=project.parent, check=True)
    for text in ("first", "second"):
        (project / "file.txt").write_text(text)
        for arguments in (["add", "--all"], ["-c", "commit.gpgsign=false", "commit", "-qnm", text]):
            subprocess.run(["git", *arguments], cwd=project, check=True)
    return project


def test_without_a_git_program_git_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git(tmp_path, "rev-parse", "HEAD") == ""
    assert code_at_hand(tmp_path) == {"git_commit": "unknown", "git_dirty": "false", "lock_sha256": "unknown"}


def interrupted(repository: Path, folder: Path) -> None:
    with checked_out(repository, git(repository, "rev-parse", "HEAD~1"), folder) as code:
        assert code == folder / "project"
        assert (code / "file.txt").read_text() == "first"
        raise KeyboardInterrupt


def test_a_commit_is_checked_out_beside_and_removed(repository: Path, tmp_path: Path) -> None:
    (repository / "file.txt").write_text("not committed")
    with pytest.raises(KeyboardInterrupt):
        interrupted(repository, tmp_path / "code")
    assert not (tmp_path / "code").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert (repository / "file.txt").read_text() == "not committed"


def test_a_commit_that_git_does_not_know_is_named(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(RideDurationError, match="does not know the commit 0123abcd"):
        checked_out(repository, "0123abcd", tmp_path / "code").__enter__()


def test_without_a_repository_nothing_can_be_checked_out(tmp_path: Path) -> None:
    with pytest.raises(RideDurationError, match="not under git"):
        checked_out(tmp_path, "0123abcd", tmp_path / "code").__enter__()


def test_where_a_worktree_cannot_lie_it_says_so(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "code").write_text("in the way")
    with pytest.raises(RideDurationError, match="cannot check"):
        checked_out(repository, git(repository, "rev-parse", "HEAD"), tmp_path / "code").__enter__()
