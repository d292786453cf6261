"""What comes before and around a body has limits, and what HTTP/1.1 demands of a request is demanded."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.serving.hostile import POST, RIDE, everything
from tests.support.serving.service import Running

LIMIT = 32_768
GET = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
CHUNKED = b"POST /predict HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = CHUNKED + b"%x\r\n%b\r\n0\r\n" % (len(RIDE), RIDE)


def status_of(service: Running, *pieces: bytes) -> int:
    """Send the pieces one by one, until the service answers or takes no more."""
    with service.connect() as connection:
        with suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
        return int(everything(connection).split(b" ", 2)[1])


def in_pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[begin : begin + size] for begin in range(0, len(content), size))


@pytest.mark.parametrize(
    "trailers",
    [
        pytest.param(b"a: " + b"b" * 100 * LIMIT, id="one without an end"),
        pytest.param(b"a: %b\r\n" % (b"b" * 4000) * 1000, id="large ones"),
        pytest.param(b"a:b\r\n" * 600_000, id="small ones"),
        pytest.param(b"a:" + b" " * 100 * LIMIT, id="one of spaces"),
    ],
)
@pytest.mark.parametrize("begin", [WHOLE, CHUNKED + b"0\r\n"], ids=["a ride", "no body"])
def test_trailers_have_the_limit_of_a_header(service: Running, begin: bytes, trailers: bytes) -> None:
    before = service.memory
    assert status_of(service, begin, trailers) == 431
    assert service.memory < before + 20


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(CHUNKED + b"1;a=" + b"b" * 100 * LIMIT, id="an extension without an end"),
        pytest.param(CHUNKED + b"1;%b\r\n \r\n" % (b"a" * 5000) * 100, id="many extensions"),
    ],
)
def test_extensions_of_chunks_have_a_limit(service: Running, content: bytes) -> None:
    assert status_of(service, content) == 431


def test_a_body_in_many_small_chunks_with_trailers_is_answered(service: Running) -> None:
    spaces = b"1;a=b\r\n \r\n" * 20_000
    content = CHUNKED + spaces + WHOLE.removeprefix(CHUNKED) + b"x-digest: %b\r\n" % (b"a" * 20_000) * 1 + b"\r\n"
    assert status_of(service, content) == 200
    assert status_of(service, *in_pieces(content, 50_000)) == 200


def test_trailers_are_not_taken_for_headers(service: Running) -> None:
    last = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    with service.connect() as connection:
        connection.sendall(WHOLE.replace(b"connection: close\r\n", b"") + b"host: evil\r\norigin: http://evil\r\n\r\n")
        received = b""
        while not received.endswith(b"}"):
            received += connection.recv(10_000)
        connection.sendall(last)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert everything(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("size", [1000, 8192, 10**6])
@pytest.mark.parametrize(
    ("line", "status"),
    [
        pytest.param(b"x: %b\r\n" % (b"a" * (LIMIT - 150)), 200, id="a header within the limit"),
        pytest.param(b"x: %b\r\n" % (b"a" * LIMIT), 431, id="a header beyond it"),
        pytest.param(b"x: %b\r\n" % (b"a" * 4000) * 8 + b"x: %b\r\n" % (b"a" * 1000), 431, id="many beyond it"),
        pytest.param(b"a:b\r\n" * 8000, 431, id="small ones beyond it"),
    ],
)
def test_every_piece_of_a_header_counts(service: Running, line: bytes, status: int, size: int) -> None:
    assert status_of(service, *in_pieces(GET + line + b"\r\n", size)) == status


@pytest.mark.parametrize("size", [1000, 10**6])
@pytest.mark.parametrize(("length", "status"), [(8192, 200), (8193, 414), (16_000, 414)])
def test_every_piece_of_an_address_counts(service: Running, length: int, status: int, size: int) -> None:
    address = b"/health?" + b"a" * (length - 8)
    assert status_of(service, *in_pieces(GET.replace(b"/health", address) + b"\r\n", size)) == status


@pytest.mark.parametrize(
    ("hosts", "version", "status"),
    [
        (b"", b"1.1", 400),
        (b"", b"1.0", 200),
        (b"Host: localhost\r\nhost: localhost\r\n", b"1.1", 400),
        (b"Host: localhost\r\nhost: evil\r\n", b"1.0", 400),
        (b"Host: localhost\r\n", b"1.1", 200),
    ],
)
def test_a_request_needs_one_host(service: Running, hosts: bytes, version: bytes, status: int) -> None:
    request = b"GET /health HTTP/%b\r\n%bconnection: close\r\n\r\n" % (version, hosts)
    assert status_of(service, request) == status
    upgrade = b"connection: upgrade\r\nupgrade: x\r\n"
    if status == 400:
        assert status_of(service, request.replace(b"connection: close\r\n", upgrade)) == 400


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip\r\ntransfer-encoding: chunked", b"identity"])
def test_other_transfer_codings_are_not_supported(service: Running, coding: bytes) -> None:
    assert status_of(service, WHOLE.replace(b"chunked", coding) + b"\r\n") == 501
    assert status_of(service, WHOLE.replace(b"chunked", b"Chunked ") + b"\r\n") == 200


def test_what_is_refused_before_an_answer_does_not_take_its_place(service: Running) -> None:
    with service.connect() as connection:
        connection.sendall(POST % len(RIDE) + RIDE + WHOLE + b"a: " + b"b" * 2 * LIMIT)
        answers = everything(connection)
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"431"]
