"""What `kedro service start` leaves to the service."""

import json
import os
import stat

import pytest

from tests.conftest import Project


def test_settings_with_passwords_are_the_owners_alone(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    store = "postgresql+psycopg://taxi:secret@db/log"
    monkeypatch.setenv("RIDE_DURATION_STORE", store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    monkeypatch.setattr(os, "execv", lambda *_: None)  # it would take this process's place
    ended = project.kedro("service", "start", "--env", "production", "--params=serving.instance=blue")
    assert ended.code == 0, ended.err
    file = project.data("serving/blue/settings.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = json.loads(file.read_text())
    assert (written["store"], written["instance"]) == (store, "blue")
    assert written["release_command"] == "kedro run --env production"


def test_settings_that_are_not_a_group_are_named(project: Project) -> None:
    file = project.root / "conf/local/parameters.yml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("serving: 5\n")
    ended = project.kedro("service", "start")
    assert ended.code == 1
    assert "Error: serving is 5; write " in ended.err
    assert "store, " in ended.err
