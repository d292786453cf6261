"""`kedro store`: a backup of a running service is put back whole, old rows go, a ride is forgotten."""

import json
import os
import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ride_duration.playback.service_process import find_free_port
from ride_duration.store import PredictionLog
from tests.conftest import Project
from tests.support.store.postgres import Postgres
from tests.support.store.samples import kept, prediction


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A running server."""
    server = Postgres()
    yield server
    server.end()


@pytest.fixture
def released(finished: Project, tmp_path: Path) -> Project:
    """A copy of a finished project: version 1 is champion."""
    return Project.copy_of(finished, tmp_path / "project")


def store_url(project: Project) -> str:
    return f"sqlite:///{project.data('serving/predictions.db')}"


def ask(port: int, ride: str) -> None:
    """Ask for one answer; it is acknowledged when this returns."""
    body = json.dumps({"ride_id": ride, "PULocationID": 10, "DOLocationID": 50}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def rides(url: str) -> set[str]:
    """Ids of the rides that are logged."""
    from sqlalchemy import text

    from ride_duration.store.database import open_reading_engine

    with open_reading_engine(url).connect() as connection:
        return set(connection.scalars(text("SELECT ride_id FROM predictions")))


def test_a_backup_of_a_running_service_is_put_back_whole(released: Project, postgres: Postgres, tmp_path: Path) -> None:
    port, asked, stop = find_free_port(), [], threading.Event()
    service = released.start("kedro", "service", "start", "--env", "test", "--port", str(port))

    def keep_asking() -> None:
        while not stop.is_set():
            ride = f"ride-{len(asked)}"
            ask(port, ride)
            asked.append(ride)

    try:
        _wait_until_ready(port)
        asking = threading.Thread(target=keep_asking)
        asking.start()
        while len(asked) < 50:
            assert asking.is_alive()
            time.sleep(0.01)
        before = set(asked)
        ended = released.kedro("store", "backup", str(tmp_path / "backup"), "--env=test")
        stop.set()
        asking.join()
        running = released.kedro("store", "restore", str(tmp_path / "backup"), "--env=test", "--replace")
    finally:
        stop.set()
        service.terminate()
        service.communicate(timeout=60)
    assert ended.code == 0, ended.err
    assert "registry: copied" in ended.out
    assert running.code == 1
    assert "is running here" in running.err
    models = released.kedro("models", "list", "--env=test").out
    history = released.kedro("models", "history", "--env=test").out

    shutil.rmtree(released.data("serving"))  # a lost disk
    shutil.rmtree(released.data("mlflow"))
    ended = released.kedro("store", "restore", str(tmp_path / "backup"), "--env=test")
    assert ended.code == 0, ended.err
    assert released.kedro("models", "list", "--env=test").out == models
    assert released.kedro("models", "history", "--env=test").out == history
    log = PredictionLog(store_url(released), released.data("serving"), instance="following")
    log.close(patience=30.0)  # brings in what only a journal had
    assert before <= rides(store_url(released))
    assert len(kept(store_url(released))) == len(set(kept(store_url(released))))

    again = released.kedro("store", "restore", str(tmp_path / "backup"), "--env=test")
    assert again.code == 1
    assert "is there already; --replace sets it aside" in again.err
    again = released.kedro("store", "restore", str(tmp_path / "backup"), "--env=test", "--replace")
    assert again.code == 0, again.err
    aside = released.data("serving/predictions.db.before-restore")
    assert f"set aside: {aside}" in again.out
    assert before <= rides(f"sqlite:///{aside}")
    assert released.kedro("models", "list", "--env=test").out == models

    # A laptop's store moves to PostgreSQL.
    outgrown = postgres.database()
    parameters = released.root / "conf/test/parameters_serving.yml"
    parameters.write_text(f"serving: {{store: '{outgrown}'}}\n")
    ended = released.kedro("store", "restore", str(tmp_path / "backup"), "--env=test", "--replace")
    assert ended.code == 0, ended.err
    PredictionLog(outgrown, released.data("serving"), instance="following").close(patience=30.0)
    assert before <= rides(outgrown)


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_backup_that_is_not_whole_changes_nothing(released: Project, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    assert released.kedro("store", "backup", str(folder), "--env=test").code == 0
    twice = released.kedro("store", "backup", str(folder), "--env=test")
    assert twice.code == 1
    assert "is there already; name a folder that is not" in twice.err
    database = folder / "registry/mlflow.db"
    whole = bytearray(database.read_bytes())
    whole[len(whole) // 2] ^= 1
    database.write_bytes(whole)
    before = released.data("mlflow/mlflow.db").read_bytes()
    ended = released.kedro("store", "restore", str(folder), "--env=test", "--replace")
    assert ended.code == 1
    assert "registry/mlflow.db is not what was backed up; nothing was changed" in ended.err
    assert released.data("mlflow/mlflow.db").read_bytes() == before
    nothing = released.kedro("store", "restore", str(tmp_path / "nothing"), "--env=test")
    assert nothing.code == 1
    assert "is not a backup" in nothing.err
    assert "Traceback" not in nothing.err


def test_there_is_nothing_to_back_up(project: Project, tmp_path: Path) -> None:
    ended = project.kedro("store", "backup", str(tmp_path / "backup"))
    assert ended.code == 1
    assert "there is nothing to back up here yet" in ended.err
    assert not (tmp_path / "backup").exists()
    assert not list(tmp_path.glob(".backup*"))


def test_what_is_old_goes_and_what_is_not_stays(project: Project) -> None:
    log = PredictionLog(store_url(project), project.data("serving"))
    now = time.time()
    log.append([prediction("old", "old", now - 500 * 86_400.0)])  # its pick-up was in 2021
    log.close(patience=30.0)
    month = project.data("07_model_output/scored_trips/taxi_type=green/year=2021/month=02/part-0.parquet")
    month.parent.mkdir(parents=True)
    month.write_bytes(b"")
    newer = project.data("07_model_output/scored_trips/taxi_type=green/year=2021/month=03/part-0.parquet")
    newer.parent.mkdir(parents=True)
    newer.write_bytes(b"")
    os.utime(month, (now - 500 * 86_400.0,) * 2)
    ended = project.kedro("store", "prune", "--keep=400d", "--dry-run")
    assert ended.code == 0, ended.err
    assert "predictions: 1" in ended.out
    assert "scored months and files set aside: 1" in ended.out
    assert kept(store_url(project)) == ["old"]
    ended = project.kedro("store", "prune", "--keep=400d")
    assert ended.code == 0, ended.err
    assert kept(store_url(project)) == []
    assert not month.exists()
    assert newer.exists()


@pytest.mark.parametrize("keep", ["400", "89d", "-400d", "400 d", "a year"])
def test_too_little_is_not_kept(project: Project, keep: str) -> None:
    ended = project.kedro("store", "prune", f"--keep={keep}")
    assert ended.code == 1
    assert f"--keep {keep} cannot be used; give a number of days, 90 at least" in ended.err


def test_a_ride_is_forgotten(project: Project) -> None:
    log = PredictionLog(store_url(project), project.data("serving"))
    log.append([prediction("one", "1"), prediction("two", "2")])
    log.close(patience=30.0)
    ended = project.kedro("store", "forget", "1")
    assert ended.code == 0, ended.err
    assert "predictions: 1" in ended.out
    assert kept(store_url(project)) == ["two"]
    again = project.kedro("store", "forget", "1")
    assert again.code == 1
    assert "nothing is logged about a ride 1" in again.err
