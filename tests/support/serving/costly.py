"""Requests that a service refuses, made to cost it time: long, deep, repeated, nearly right; and what each one cost."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from tests.support.serving.hostile import everything
from tests.support.serving.service import Running

#: Milliseconds of a processor that a refusal may take.
MOST = 50.0

_PATHS = ("/predict", "/predict?explain=true", "/predict/batch", "/stream", "/actuals", "/deployments")
_BEGINNINGS = (
    b"",
    b"\xef\xbb\xbf",
    b"{",
    b'{"rides":[',
    b'{"actuals":[',
    b'{"Records":[',
    b'{"Records":[{"kinesis":{"data":"","x":[',
    b'{"Records":[{"kinesis":{"data":"',
    b'{"rides":[{"pickup_datetime":"2021-02-03T08:30"},',
    b'{"actuals":[{"ride_id":1,"dropoff_datetime":"2021-02-03T08:30"},',
    b'{"ride_id":',
    b'{"ride_id":"',
    b'{"trip_distance":',
    b'{"trip_distance":0.',
    b'{"PULocationID":"',
    b'{"pickup_datetime":"2021-02-03T08:30:00.',
    b'{"pickup_datetime":"2021-02-03T08:30',
    b'{"why":"',
    b'{"version":',
    b'{"x":',
    b'{"x":[',
    b'{"',
    b'{"%b":[' % (b"x" * 400_000),
    b'{"Records":[{"kinesis":{"data":"","%b":[' % (b"y" * 400_000),
)
_PIECES = (
    b"{},",
    b'{"PULocationID":1,"DOLocationID":2},',
    b'{"ride_id":1},',
    b'{"kinesis":{"data":""}},',
    b'{"kinesis":{"data":"e30="}},',
    b'"ride_id":1,',
    b'"\\u0072ides":[' + b"{}," * 999 + b"{}],",
    b'"rides":[' + b"{}," * 999 + b"{}],",
    b'"Records":[' + b'{"kinesis":{"data":""}},' * 999 + b'{"kinesis":{"data":""}}],',
    b'"pickup":{"latitude":1,"longitude":1},',
    b'"pickup":null,',
    b'"pickup_datetime":"2021-02-03T08:30",',
    b'_datetime" :',
    b"[",
    b'{"a":',
    b"[],",
    b"1,",
    b"1",
    b"NaN,",
    b"-",
    b"1e9,",
    b'"a":1,',
    b'"",',
    b'"',
    b"`",
    b"` - at `$.",
    b"\\u00e9",
    b"\\ud83d\\ude00",
    b"\\",
    "é".encode(),
    "😀".encode(),
    b"\xff",
    b"\x00",
    b" ",
    b"A",
)
_ENDS = (
    b"",
    b"}",
    b"]}",
    b'"}',
    b'":1}',
    b"NaN]}",
    b"-Infinity}",
    b"NaN]}}]}",
    b'{"a":1}]}',
    b'"ride_id":1,"z":1}',
    b"0}x",
)
_LINES = (b"a:\r\n", b"a: b\r\n", b"upgrade: x\r\n", b"content-encoding: gzip\r\n", b"%b: 1\r\n" % (b"h" * 2000))
_VALUES = (
    b"authorization: Bearer %b\r\n",
    b"origin: %b\r\n",
    b"x-forwarded-for: %b\r\n",
    b"connection: upgrade, %b\r\n",
)
_TARGETS = (b"/%b", b"/predict?%b", b"/page/%b")
_LONG = (b"a", b"%41", b"%zz", b"a&", b"explain=true&", b"/", b"../", b";", b"+", b",")


def requests(seed: int) -> Iterator[bytes]:
    """Make up requests without end, the same for the same seed."""
    dice = random.Random(seed)
    while True:
        if dice.random() < 0.25:
            yield _with_header(dice)
        else:
            body = _body(dice)
            head = f"POST {dice.choice(_PATHS)} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
            yield f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _body(dice: random.Random) -> bytes:
    begin, end = dice.choice(_BEGINNINGS), dice.choice(_ENDS)
    piece = b"".join(dice.choices(_PIECES, k=dice.choice((1, 1, 1, 2, 3))))
    size = min(1_000_000, round(10 ** dice.uniform(2, 6.3))) - len(begin) - len(end)
    body = begin + piece * (max(size, 0) // len(piece)) + end
    if dice.random() < 0.05:
        return body[:450_000].decode("latin-1").encode("utf-16")
    return body


def _with_header(dice: random.Random) -> bytes:
    length = round(10 ** dice.uniform(1, 5.3))
    piece = dice.choice(_LONG)
    long = piece * (length // len(piece))
    target = dice.choice(_TARGETS) % long if dice.random() < 0.4 else b"/nothing"
    lines = b"host: localhost\r\nconnection: close\r\n"
    kind = dice.random()
    if kind < 0.3:
        lines += dice.choice(_VALUES) % long
    elif kind < 0.6:
        line = dice.choice(_LINES)
        lines += line * (length // len(line))
    elif kind < 0.7:
        return b"POST /predict HTTP/1.1\r\n%bcontent-length: %b2\r\n\r\n[]" % (lines, b"0" * length)
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (dice.choice((b"GET", b"POST")), target, lines)


class Refusal(NamedTuple):
    """What a request was answered, and the milliseconds of a processor that the whole service took meanwhile."""

    status: int
    cost: float


def refusal(running: Running, request: bytes) -> Refusal:
    """Send a request on a connection of its own; status 0 if it came to none."""
    before = running.processor_seconds
    with running.connect() as connection:
        with suppress(OSError):  # it is refused before it has been sent
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        answer = everything(connection)
    cost = 1000 * (running.processor_seconds - before)
    return Refusal(int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0, cost)


def costliest(running: Running, seed: int, count: int) -> tuple[float, bytes]:
    """Return what the costliest of so many refusals cost (milliseconds), and its request.

    One that seems to cost too much is sent twice more, since other work of the service may fall into the same moment.
    """
    worst, refused, asked = (0.0, b""), 0, requests(seed)
    while refused < count:
        request = next(asked)
        found = refusal(running, request)
        if found.status and found.status < 400:
            continue
        assert found.status != 500, request[:300]
        refused += 1
        cost = found.cost
        if cost > MOST:
            cost = min(cost, *(refusal(running, request).cost for _ in range(2)))
        worst = max(worst, (cost, request[:300] + b" ... " + request[-100:]))
    return worst
