"""Which code is at hand, and commits checked out beside it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ride_duration.errors import RideDurationError
from ride_duration.provenance import changed_files, checked_out, code_at_hand, git, why_unknown
from ride_duration.runs.reproduction.checks import changes_here


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
    assert code_at_hand(tmp_path) == dict.fromkeys(("git_commit", "git_dirty", "lock_sha256"), "unknown")
    assert why_unknown(tmp_path) is None


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


@pytest.fixture
def of_somebody_else(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean project in a repository that belongs to somebody else, in which git refuses to look."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    return repository


def test_a_repository_of_somebody_else_is_unknown_and_not_clean(of_somebody_else: Path) -> None:
    here = code_at_hand(of_somebody_else)
    assert (here["git_commit"], here["git_dirty"]) == ("unknown", "unknown")
    assert changed_files(of_somebody_else) is None
    why = str(why_unknown(of_somebody_else))
    assert "dubious ownership" in why
    assert "`git config --global --add safe.directory" in why
    assert "not known" in changes_here(of_somebody_else)[0]
    assert "dubious ownership" in changes_here(of_somebody_else)[0]


def test_a_commit_of_a_repository_of_somebody_else_cannot_be_checked_out(of_somebody_else: Path) -> None:
    with pytest.raises(RideDurationError, match=r"dubious ownership.*safe\.directory.*--checkout"):
        checked_out(of_somebody_else, "0123abcd", of_somebody_else / "code").__enter__()


def test_a_clean_and_a_changed_project_are_told_apart(repository: Path) -> None:
    assert code_at_hand(repository)["git_dirty"] == "false"
    (repository / "file.txt").write_text("third")
    assert code_at_hand(repository)["git_dirty"] == "true"
    assert changed_files(repository) == ["project/file.txt"]
    assert why_unknown(repository) is None


def test_a_project_that_its_repository_ignores_is_unknown(repository: Path) -> None:
    (repository.parent / ".gitignore").write_text("build/\n")
    other = repository.parent / "build/project"
    shutil.copytree(repository, other)
    assert code_at_hand(other)["git_commit"] == "unknown"


def test_a_hook_of_another_repository_does_not_redirect_git(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_at_hand(repository)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere/.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert code_at_hand(repository) == before


def test_in_a_shallow_clone_an_earlier_commit_is_missing_and_it_says_why(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    source = f"file://{repository.parent}"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", source, str(clone)], check=True)
    earlier = git(repository, "rev-parse", "HEAD~1")
    assert code_at_hand(clone / "project")["git_dirty"] == "false"
    with pytest.raises(RideDurationError, match="this clone is shallow: `git fetch --unshallow`"):
        checked_out(clone, earlier, tmp_path / "code").__enter__()
