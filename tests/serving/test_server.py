"""The service starts with a clear word or not at all, and stops without losing what it was asked."""

import importlib.util
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
import yaml

from ride_duration.errors import RideDurationError
from ride_duration.playback.service_process import find_free_port
from ride_duration.serving.api_keys import add_key
from ride_duration.serving.settings import ServiceSettings, check_settings
from tests.conftest import REPOSITORY, Project
from tests.registry.store import SETTINGS
from tests.serving.conftest import Models
from tests.support.serving.hostile import POST, RIDE, everything
from tests.support.serving.service import LIMITS, Running

TIMEOUT_SECONDS = 60


def served(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ride_duration.serving", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)


def test_settings_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    assert served().returncode == 2
    ended = served("--settings", str(file))
    assert (ended.returncode, ended.stderr) == (
        1,
        f"Error: the settings {file} cannot be read: No such file or directory\n",
    )
    file.write_text('{"project": "/", "colour": "blue"}')
    ended = served("--settings", str(file))
    assert ended.returncode == 1
    assert "unknown field `colour`" in ended.stderr


def test_kedro_names_the_setting_that_cannot_be_used(project: Project) -> None:
    ended = project.kedro("service", "start", "--params", "serving.durability=paper")
    assert ended.code == 1
    assert "the service cannot be started: Invalid enum value 'paper' - at serving.durability" in ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"limits": {**LIMITS, "burst": "many"}}, "Expected int, got str - at serving.limits.burst"),
        ({"limits": {**LIMITS, "requests_per_second": 0}}, "Expected float > 0.0 - at serving.limits.requests_per"),
        ({"colour": "blue"}, "unknown field colour"),
        ({"port": None}, "serving.port"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    settings = {**Running(tmp_path, "any").settings, **given}
    with pytest.raises(RideDurationError, match=words):
        check_settings(settings)


def test_kedro_says_what_to_install(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "uvicorn" else find(name, *rest)
    )
    ended = project.kedro("service", "start")
    assert ended.code == 1
    assert "pip install 'ride_duration[serving]'" in ended.out + ended.err


def test_kedro_makes_lists_and_removes_keys(project: Project) -> None:
    made = project.kedro("service", "keys", "add", "dispatch", "--scope", "predict", "--scope", "feedback")
    assert made.code == 0
    [key] = made.out.split()
    assert key not in (project.root / "conf/local/api_keys.json").read_text()
    assert "dispatch: predict, feedback" in project.kedro("service", "keys", "list").out
    assert project.kedro("service", "keys", "remove", "dispatch").code == 0
    again = project.kedro("service", "keys", "remove", "dispatch")
    assert (again.code, "there is no key named 'dispatch'" in again.out + again.err) == (1, True)


def _first_answer(process: subprocess.Popen[str], url: str) -> requests.Response:
    until = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            return requests.get(url, timeout=5)
        except requests.ConnectionError:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.05)


def test_kedro_service_start_from_an_empty_project_to_ctrl_c(project: Project) -> None:
    port = find_free_port()
    process = project.start("kedro", "service", "start", "--port", str(port))
    try:
        ready = _first_answer(process, f"http://127.0.0.1:{port}/ready")
        assert ready.status_code == 503
        assert "`kedro run` makes one" in ready.json()["detail"]
        other = served("--settings", str(project.data(f"serving/{port}/settings.json")))
        assert other.returncode == 1
        assert f"Error: the service cannot listen on 127.0.0.1:{port} (Address already in use)" in other.stderr
        assert "choose another --port" in other.stderr
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, said
    assert "no model loaded yet" in said
    assert f"Open http://127.0.0.1:{port} in a browser" in said
    assert "Traceback" not in said


def test_an_address_of_another_machine_is_refused_with_advice(models: Models) -> None:
    running = Running(models.project, models.champion().name, host="192.0.2.1", require_keys=False)
    add_key(running.folder / "api_keys.json", "dispatch", ("predict",))
    running.launch()
    assert running.process.wait(TIMEOUT_SECONDS) == 1
    assert "cannot listen on 192.0.2.1" in running.said
    assert "choose a --host that is an address of this machine" in running.said


def test_what_was_asked_before_the_signal_is_answered_and_kept(models: Models) -> None:
    registry = models.champion()
    running = Running(models.project, registry.name)
    running.start()
    with running.connect() as connection:
        connection.sendall(POST % len(RIDE) + RIDE[:10])
        while running.get("/live").json["requests"] < 1:
            pass
        running.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + TIMEOUT_SECONDS
        while _listens(running):
            assert time.monotonic() < until
            time.sleep(0.01)
        connection.sendall(RIDE[10:])
        answered = everything(connection)
    assert running.process.wait(TIMEOUT_SECONDS) == 0
    assert answered.startswith(b"HTTP/1.1 200 "), answered
    told = json.loads(answered.partition(b"\r\n\r\n")[2])
    with sqlite3.connect(running.folder / "predictions.db") as database:
        kept = database.execute("SELECT ride_id, duration, model FROM predictions").fetchall()
    assert kept == [(told["ride_id"], told["duration"], registry.name)]
    assert "Traceback" not in running.said
    assert running.said.endswith("every prediction that was acknowledged is kept.\n")


def _listens(running: Running) -> bool:
    try:
        running.connect().close()
    except OSError:
        return False
    return True


def test_a_signal_while_the_service_starts_is_heeded(models: Models) -> None:
    with socket.create_server(("127.0.0.1", 0)) as registry:  # accepts, and says nothing
        tracking = {"uri": f"http://127.0.0.1:{registry.getsockname()[1]}", "artifacts": SETTINGS["artifacts"]}
        running = Running(models.project, "any", tracking=tracking)
        running.launch()
        registry.settimeout(TIMEOUT_SECONDS)
        asked, _ = registry.accept()
        running.process.send_signal(signal.SIGTERM)
        asked.close()
    assert running.process.wait(TIMEOUT_SECONDS) == 0
    assert "Traceback" not in running.said


def test_the_defaults_of_the_service_are_those_of_the_configuration() -> None:
    given = yaml.safe_load((REPOSITORY / "conf/base/parameters_serving.yml").read_text())["serving"]
    assert msgspec.to_builtins(ServiceSettings(project="", model="")).items() >= given.items()


def test_a_package_that_is_not_there_is_named(tmp_path: Path) -> None:
    ended = served("--package", str(tmp_path / "none"))
    assert (ended.returncode, ended.stderr) == (1, f"Error: --package: there is no folder {tmp_path / 'none'}\n")
