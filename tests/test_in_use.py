"""`make clean` deletes nothing while anything runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from ride_duration.in_use import SERVICES, find_locks, hold
from tests.conftest import REPOSITORY


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make clean` needs of a checkout whose environment is broken, and a file that it deletes."""
    for file in ("Makefile", "src/ride_duration/__init__.py", "src/ride_duration/in_use.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / file, tmp_path / file)
    for file in (".venv/bin/python", "data/serving/9696/.lock", "data/01_raw/month.parquet", "data/made"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("not what it should be")
    return tmp_path


def clean(checkout: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "clean", f"PYTHON={sys.executable} -S"]  # which has no packages
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, timeout=60)


def left(checkout: Path) -> set[str]:
    data = {path.relative_to(checkout).as_posix() for path in (checkout / "data").rglob("*") if path.is_file()}
    return data | ({".venv"} if (checkout / ".venv").exists() else set())


@pytest.mark.parametrize(
    ("lock", "who"),
    [
        (".run.lock", "a `kedro run` is running here"),
        (".runs/host-12.lock", "a `kedro run` is running here"),
        (".registry.lock", "a command that decides about models is running here"),
        ("serving/9696/.lock", "the service 9696 is running here"),
    ],
)
def test_make_clean_refuses_while_something_runs(checkout: Path, lock: str, who: str) -> None:
    before = left(checkout)
    with filelock.FileLock(checkout / "data" / lock):
        ended = clean(checkout)
    assert ended.returncode != 0
    assert who in ended.stderr
    assert "Traceback" not in ended.stderr
    assert left(checkout) - {f"data/{lock}"} == before - {f"data/{lock}"}
    assert clean(checkout).returncode == 0
    assert left(checkout) == {"data/01_raw/month.parquet"}


def test_services_hold_a_lock_together(tmp_path: Path) -> None:
    held = [hold(tmp_path / "data", SERVICES) for _ in range(2)]
    os.close(held[0])
    assert find_locks(tmp_path) == [tmp_path / "data" / SERVICES]
    os.close(held[1])
    assert find_locks(tmp_path) == []
