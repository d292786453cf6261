"""Whose run it is: two containers may have the same host name, path and process id."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ride_duration.in_use import PROCESS, RUNS, folder_identity, run_lock
from ride_duration.mlflow_reader import StoredRun
from ride_duration.mlflow_store import owner_tags
from ride_duration.runs.ownership import is_own_interrupted


@pytest.fixture
def mine(tmp_path: Path) -> dict[str, str]:
    """Tags of a run of this process."""
    return owner_tags(tmp_path)


def is_own(tags: dict[str, str], project: Path, *, is_own_store: bool = False) -> bool:
    """Whether a RUNNING run with these tags may be closed."""
    return is_own_interrupted(StoredRun("a", "RUNNING", 0, "", {}, {}, tags), project, is_own_store=is_own_store)


@pytest.fixture
def held(tmp_path: Path, mine: dict[str, str]) -> Iterator[dict[str, str]]:
    """Tags of a run of another process that goes on, with the same number as this one."""
    path = run_lock(tmp_path / "data", mine["host"], mine["pid"], "another")
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    yield {**mine, "process": "another"}
    os.close(fd)


def test_interrupted_runs_of_the_project_are_its_own(tmp_path: Path, mine: dict[str, str]) -> None:
    assert mine["process"] == PROCESS
    assert is_own(mine, tmp_path)
    assert is_own({**mine, "process": "ended", "pid": "1"}, tmp_path)
    below = {**mine, "process": "ended", "project": str(tmp_path / "isolated"), "pid": "1"}
    assert is_own(below, tmp_path)


def test_a_container_of_the_same_name_path_and_process_id_ends_nothing_of_another(
    tmp_path: Path, mine: dict[str, str]
) -> None:
    other = {**mine, "folder": "of another container", "process": "another"}
    assert not is_own(other, tmp_path)
    assert not is_own({**other, "pid": "1"}, tmp_path)
    assert not is_own({**other, "project": str(tmp_path / "isolated")}, tmp_path)


def test_containers_of_the_same_name_on_one_folder_see_who_runs(tmp_path: Path, held: dict[str, str]) -> None:
    for is_own_store in (False, True):
        assert not is_own(held, tmp_path, is_own_store=is_own_store)
        assert is_own({**held, "process": "ended"}, tmp_path, is_own_store=is_own_store)


def test_runs_of_earlier_commits_are_known_by_host_project_and_process_id(tmp_path: Path, mine: dict[str, str]) -> None:
    former = {name: mine[name] for name in ("host", "project")} | {"pid": "1"}
    assert is_own(former, tmp_path)
    path = run_lock(tmp_path / "data", mine["host"], "1")
    assert path.name == f"{mine['host']}-1.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert not is_own(former, tmp_path)
    assert not is_own({**former, "host": "elsewhere"}, tmp_path)


def test_a_folder_has_one_identity_and_gives_it_to_runs_in_folders_of_their_own(tmp_path: Path) -> None:
    first = folder_identity(tmp_path / "a")
    assert folder_identity(tmp_path / "a") == first
    assert folder_identity(tmp_path / "a", given="other") == first
    assert folder_identity(tmp_path / "b") != first
    assert folder_identity(tmp_path / "c", given=first) == first
    assert [path.name for path in (tmp_path / "a" / RUNS).iterdir()] == ["identity"]
