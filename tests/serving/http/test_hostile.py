"""Whatever some clients do, the service stays up, keeps its memory, and answers the others; more of it in the soak."""

import json
import re
import select
from collections.abc import Iterator

import pytest

from ride_duration.serving.api_keys import add_key
from tests.serving.conftest import Models
from tests.support.serving.costly import MOST, costliest, refusal
from tests.support.serving.hostile import POST, RIDE, Bystander, deaf, dribble, everything, flood, garbage, pipeline
from tests.support.serving.odd import seconds_open
from tests.support.serving.service import Running
from tests.support.store.samples import until

#: Megabytes that the service may have.
MEMORY = 250

#: Seconds without an answer after which a bystander is held up, on any machine, whatever else it does. (The soak
#: measures how long bystanders really wait.)
TIMEOUT_SECONDS = 10.0


@pytest.fixture(scope="module")
def impatient(models: Models) -> Iterator[Running]:
    """A service that gives a request half a second to arrive, and an idle connection one."""
    limits = {"body_seconds": 0.5, "keep_alive_seconds": 1}
    with Running(models.project, models.champion().name, limits=limits) as running:
        yield running
        assert running.memory < MEMORY
        assert running.get("/ready").status == 200


def test_who_dribbles_is_sent_away_and_holds_up_nobody(impatient: Running) -> None:
    with Bystander(impatient) as bystander:
        answers = dribble(impatient, 100, 0.9)
    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
    assert bystander.answered > 10
    assert bystander.worst < TIMEOUT_SECONDS
    problem = json.loads(answers[0].partition(b"\r\n\r\n")[2])
    assert problem["status"] == 408
    with impatient.connect() as silent:
        assert silent.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_every_connection_ends_whatever_it_says(impatient: Running) -> None:
    before = impatient.open_files
    took = seconds_open(impatient, 2, TIMEOUT_SECONDS)
    assert max(took.values()) < TIMEOUT_SECONDS, took
    until(lambda: impatient.open_files < before + 20)  # but for files of its own


def test_no_refusal_takes_long(impatient: Running) -> None:
    cost, request = costliest(impatient, seed=1, count=100)
    assert cost <= MOST, request


@pytest.mark.parametrize("path", ["/actuals", "/stream"])
def test_a_long_name_is_not_written_for_each_element_below_it(impatient: Running, path: str) -> None:
    body = b'{"Records": [{"kinesis": {"data": "", "%b": [%bNaN]}}]}' % (b"x" * 500_000, b"1," * 240_000)
    assert refusal(impatient, (POST % len(body)).replace(b"/predict", path.encode()) + body).cost < MOST


def test_who_reads_no_answers_is_cut_off_and_takes_nobodys_place(impatient: Running) -> None:
    with Bystander(impatient) as bystander:
        before = impatient.open_files
        held = deaf(impatient, 80)
        until(lambda: impatient.open_files >= before + 80)
        until(lambda: impatient.open_files < before + 40)  # others that ask come and go meanwhile
    assert bystander.answered > 10
    assert bystander.worst < TIMEOUT_SECONDS
    for connection in held:
        connection.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_far_too_large_is_refused_and_not_kept(service: Running, chunked: bool) -> None:
    with Bystander(service) as bystander:
        answers = flood(service, 4, 20, chunked=chunked)
    assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 413 Request Entity Too Large"}
    assert bystander.worst < TIMEOUT_SECONDS
    assert service.memory < MEMORY


def test_bodies_that_arrive_together_have_a_limit(service: Running) -> None:
    held = [service.connect() for _ in range(60)]
    for connection in held:
        connection.sendall(POST % 1_000_000 + b" " * 900_000)
    with Bystander(service) as bystander:
        refused = [connection for connection in held if select.select([connection], [], [], 0.02)[0]]
    assert len(refused) >= 60 - 36  # 32 MB of 0.9 MB each
    assert all(connection.recv(1000).startswith(b"HTTP/1.1 503 ") for connection in refused)
    assert bystander.worst < TIMEOUT_SECONDS
    assert service.memory < MEMORY
    for connection in held:
        connection.close()


def test_a_header_without_end_is_refused(service: Running) -> None:
    with service.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n")
        try:
            for number in range(1000):
                connection.sendall(b"x-%d: %s\r\n" % (number, b"a" * 10_000))
        except OSError:
            return  # refused, and closed
        assert connection.recv(1000).startswith(b"HTTP/1.1 431 ")


def test_garbage_is_refused(service: Running) -> None:
    with Bystander(service) as bystander:
        garbage(service, 200)
    assert bystander.worst < TIMEOUT_SECONDS
    with service.connect() as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # TLS
        head, _, body = everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request")
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 400


def test_pipelined_requests_are_answered_in_their_order(service: Running) -> None:
    rides = [json.dumps({"PULocationID": 10, "DOLocationID": 50, "ride_id": number}).encode() for number in range(50)]
    with service.connect() as connection:
        connection.sendall(b"".join(POST % len(ride) + ride for ride in rides))
        received = b""
        while received.count(b"model_version") < len(rides):
            received += connection.recv(65_536)
    told = [json.loads(part[: part.index(b"}") + 1])["ride_id"] for part in received.split(b"\r\n\r\n")[1:]]
    assert told == list(range(50))


BATCH = json.dumps({"rides": [json.loads(RIDE)] * 300}).encode()
HEAVY = (POST % len(BATCH)).replace(b"/predict", b"/predict/batch") + BATCH
BAD_CHUNK = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nno number\r\n"


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\r\n", b"GET http:// HTTP/1.1\r\n\r\n", BAD_CHUNK])
@pytest.mark.parametrize("good", [1, 3])
def test_a_request_is_answered_although_garbage_follows(service: Running, garbage: bytes, good: int) -> None:
    with service.connect() as connection:
        connection.sendall(HEAVY * good + garbage)
        answers = everything(connection)
    statuses = re.findall(rb"HTTP/1\.1 (\d{3} )", answers)
    assert statuses == [b"200 "] * good + [b"400 "]
    assert answers.count(b'"duration"') == 300 * good
    assert json.loads(answers.rpartition(b"\r\n\r\n")[2])["status"] == 400


@pytest.mark.parametrize("half", [b"GET /hea", POST % 100])
def test_a_request_is_answered_although_the_next_one_is_too_slow(impatient: Running, half: bytes) -> None:
    key = f"Bearer {add_key(impatient.folder / 'api_keys.json', repr(half), ('operate',))}"
    until(lambda: impatient.post("/deployments", {}, Authorization=key).status == 422)
    decision = (POST % 16).replace(
        b"/predict", b"/deployments"
    ) + b'{"version": 999}'  # takes MLflow more than a second
    with impatient.connect() as connection:
        connection.sendall(decision.replace(b"host:", b"authorization: %b\r\nhost:" % key.encode()) + half)
        answers = everything(connection)
    assert [part[:4] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"404 ", b"408 "]


def test_what_the_protocol_refuses_is_counted_once(impatient: Running) -> None:
    def counted() -> dict[str, float]:
        lines = impatient.get("/metrics").content.decode().splitlines()
        return {name: float(n) for name, _, n in (line.rpartition(" ") for line in lines) if "requests_total{" in name}

    def answers_to(content: bytes) -> int:
        with impatient.connect() as connection:
            connection.sendall(content)
            return int(everything(connection).split(b" ", 2)[1])

    before = counted()
    assert answers_to(b"\x16\x03\x01\r\n") == 400
    assert answers_to(b"GET /hea") == 408
    assert answers_to(POST % 100 + b"{") == 408
    after = counted()
    changed = {name: n - before.get(name, 0) for name, n in after.items() if n != before.get(name, 0)}
    assert changed == {
        'ride_duration_requests_total{route="other",status="400"}': 1,
        'ride_duration_requests_total{route="other",status="408"}': 1,
        'ride_duration_requests_total{route="/predict",status="408"}': 1,
        'ride_duration_requests_total{route="/metrics",status="200"}': 1,
    }


def test_too_many_pipelined_requests_are_refused(service: Running) -> None:
    assert b"HTTP/1.1 400 " in pipeline(service, 150)
    pipeline(service, 20_000)
    assert service.memory < MEMORY


def test_who_has_said_everything_still_gets_the_answer(service: Running) -> None:
    assert pipeline(service, 1).startswith(b"HTTP/1.1 200 ")
    assert b'"duration"' in pipeline(service, 3)
    with service.connect() as connection:  # half a request, and no more
        connection.sendall(POST % len(RIDE) + RIDE[:-1])
    with service.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert b'{"status":"ok"}' in everything(connection)


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: h2c\r\n"


@pytest.mark.parametrize("piece", [1, 60, 150, len(POST + UPGRADE), 100_000])
def test_who_would_rather_speak_another_protocol_is_answered_in_this_one(service: Running, piece: int) -> None:
    plain = POST % len(RIDE) + RIDE
    wished = plain.replace(b"\r\n\r\n", b"\r\n" + UPGRADE + b"\r\n")
    chunked = (
        b"POST /predict HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n"
        + UPGRADE
        + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(RIDE), RIDE)
    )
    socket = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    content = wished + plain + wished + chunked + socket + socket + wished + last
    with service.connect() as connection:
        for start in range(0, len(content), piece):
            connection.sendall(content[start : start + piece])
        answers = everything(connection)
    assert answers.replace(b"HTTP/1.1 100 Continue", b"").count(b"HTTP/1.1 ") == answers.count(b"HTTP/1.1 200 ") == 8
    assert answers.count(b'"duration"') == 5
    assert answers.count(b'{"status":"ok"}') == 3


def test_who_asks_for_another_protocol_is_given_this_one_and_goes_on(service: Running) -> None:
    wished = (POST % len(RIDE)).replace(b"\r\n\r\n", b"\r\n" + UPGRADE + b"\r\n")
    with service.connect() as connection:
        for _ in range(3):
            connection.sendall(wished)
            connection.sendall(RIDE)
            received = b""
            while not received.endswith(b"}"):
                received += connection.recv(10_000)
            assert received.startswith(b"HTTP/1.1 200 ")


def test_unknown_ways_of_speaking_are_refused(service: Running) -> None:
    for line in (
        b"BREW / HTTP/1.1",
        b"GET / HTTP/9.9",
        b"CONNECT a:443 HTTP/1.1",
        b"GET http:// HTTP/1.1",
        b"OPTIONS *",
    ):
        with service.connect() as connection:
            connection.sendall(line + b"\r\nhost: localhost\r\n\r\n")
            status = int(connection.recv(1000).split(b" ", 2)[1])
        assert 400 <= status < 500, line
    with service.connect() as connection:
        upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: a\r\n"
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + upgrade + b"\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    for smuggled in (
        b"content-length: 5\r\ncontent-length: 6\r\n\r\n{}   ",
        b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"content-length: -1\r\n\r\n",
        b"content-length: 99999999999999999999999\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    ):
        with service.connect() as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nhost: localhost\r\n" + smuggled)
            assert connection.recv(1000).startswith(b"HTTP/1.1 400 "), smuggled
