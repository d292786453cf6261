"""`deploy/blue_green.sh`: what fails changes nothing, and nobody who asks for rides notices."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml

from ride_duration.serving.api_keys import add_key
from ride_duration.serving.control.registry_process import TIMEOUT_SECONDS
from tests.conftest import REPOSITORY
from tests.serving.under_load.blue_green import SCRIPT, BlueGreen, blue_green
from tests.serving.under_load.load import Load
from tests.serving.under_load.processes import ServiceProcess
from tests.serving.under_load.trials import Pair
from tests.support.serving.hostile import everything
from tests.support.store.samples import until

TEMPLATE = SCRIPT.with_name("nginx.conf.template")

pytestmark = [pytest.mark.needs("nginx", "curl")]


@pytest.fixture(scope="module")
def script(pair: Pair) -> Iterator[BlueGreen]:
    """Deployed once, so that green is live."""
    with blue_green(pair.project, pair.name) as script:
        assert "green is live" in script.deploy()
        yield script


def check_fails(script: BlueGreen, said: str, *command: str, **given: Any) -> None:
    process = script.process("green")
    with Load(script.port) as load:
        load.more()
        done = script("deploy", *command, **given)
        load.more()
    assert done.returncode == 1
    assert said in done.stderr
    assert "Nothing has changed: green is live and runs" in done.stderr
    assert set(load.statuses) == {200}
    assert not load.broken
    assert script.process("green") == process
    assert script("status").returncode == 0


def test_a_service_that_cannot_start_changes_nothing(script: BlueGreen) -> None:
    check_fails(script, "nothing.json cannot be read", *script.command("nothing.json"))


def test_a_service_that_is_never_ready_changes_nothing(script: BlueGreen) -> None:
    check_fails(script, "blue was not ready after 1 s", "--", "sleep", "100", patience=1)


def test_a_service_that_answers_no_ride_changes_nothing(script: BlueGreen, pair: Pair) -> None:
    port = script.services["blue"].port
    locked = ServiceProcess(pair.project, pair.name, script.folder, instance="locked", port=port, require_keys=True)
    locked.write_settings()
    add_key(script.folder / "keys.json", "dispatch", ("predict",))
    check_fails(script, "missing API key", *script.command("locked.json"))


def test_a_service_without_keys_is_not_shown_to_others(script: BlueGreen) -> None:
    check_fails(script, "blue answers without an API key", *script.command(), listen="{port}")


def test_a_taken_port_is_named(script: BlueGreen) -> None:
    blue, green = (script.services[colour].port for colour in ("blue", "green"))
    script.services["blue"].port = green
    try:
        check_fails(script, f"something listens on 127.0.0.1:{green} already", *script.command())
    finally:
        script.services["blue"].port = blue


def test_a_second_one_at_the_same_time_is_refused(script: BlueGreen) -> None:
    with (script.folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = script("deploy")
    assert done.returncode == 1
    assert "another blue_green.sh is at work" in done.stderr


def test_a_killed_service_is_noticed_and_started_again(script: BlueGreen) -> None:
    os.kill(script.process("green"), signal.SIGKILL)
    until(lambda: "green is live and does not run" in script("status").stdout)
    assert script("status").returncode == 1
    with pytest.raises(HTTPError) as refused:
        urlopen(f"http://127.0.0.1:{script.port}/ready")
    assert refused.value.code == 502
    assert refused.value.headers["Content-Type"] == "application/problem+json"
    assert refused.value.headers["Retry-After"] == "2"
    assert "green is live and runs" in script("start", *script.command()).stdout
    process = script.process("green")
    assert script("start", *script.command()).returncode == 0
    assert script.process("green") == process


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"\x16\x03\x01\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),  # without Host
        (b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 20_000), 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %b\r\n\r\n" % (b"x" * 20_000), 431),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n", 413),
        (b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: odd\r\n\r\n", 501),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 505),
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),  # the service's own
        (b"GET /.problem HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
    ],
)
def test_nginx_refuses_like_the_service(script: BlueGreen, said: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", script.port), 10) as connection:
        connection.sendall(said)
        head, _, body = everything(connection).partition(b"\r\n\r\n")
    assert int(head.split(b" ", 2)[1]) == status
    assert b"\r\nContent-Type: application/problem+json" in head.replace(b"content-type", b"Content-Type")
    problem = json.loads(body)
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"]
    assert problem["detail"]


def test_nginx_waits_longer_than_a_decision_takes() -> None:
    waits = re.search(r"location /deployments \{[^}]*proxy_read_timeout (\d+)s;", TEMPLATE.read_text())
    assert waits is not None
    assert int(waits[1]) > TIMEOUT_SECONDS


def test_nginx_closes_idle_connections_before_the_service_does() -> None:
    seconds = re.findall(r"upstream \w+ \{[^}]*keepalive_timeout (\d+)s;", TEMPLATE.read_text())
    settings = yaml.safe_load((REPOSITORY / "conf/base/parameters_serving.yml").read_text())
    assert len(seconds) == 2
    assert max(map(int, seconds)) < settings["serving"]["limits"]["keep_alive_seconds"]


def test_a_service_that_wants_keys_is_asked_with_one(pair: Pair) -> None:
    with blue_green(pair.project, pair.name, require_keys=True) as script:
        key = add_key(script.folder / "keys.json", "dispatch", ("predict",))
        assert "green is live" in script.deploy(key)
        assert "green does not answer through nginx" in script("start", key="another").stderr


def test_it_explains_itself() -> None:
    done = subprocess.run([SCRIPT, "--help"], capture_output=True, text=True, check=True)
    assert "Examples:" in done.stdout
