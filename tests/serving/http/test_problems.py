"""What is refused, and how: by problem details (RFC 9457) that name the field and tell nothing of the inside."""

import gzip
import json
from typing import Any

import pytest

from tests.support.serving.hostile import everything
from tests.support.serving.service import Reply, Running

RIDE: dict[str, Any] = {"PULocationID": 10, "DOLocationID": 50}
DEEP = "[" * 10_000


def refused(reply: Reply, status: int, *fields: str) -> str:
    """The detail of a refusal, after a look at its form."""
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    problem = reply.json
    assert set(problem) <= {"type", "title", "status", "detail", "errors"}
    assert problem["status"] == status
    assert reply.fields == list(fields)
    for inside in ("Traceback", ".py", "/home", "/tmp", "msgspec", "ride_duration.", "Object "):
        assert inside not in problem["detail"]
    return str(problem["detail"])


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ('"PULocationID": 0', "PULocationID"),
        ('"PULocationID": 266', "PULocationID"),
        ('"PULocationID": -1', "PULocationID"),
        ('"PULocationID": 10.5', "PULocationID"),
        ('"PULocationID": "ten"', "PULocationID"),
        ('"PULocationID": true', "PULocationID"),
        ('"PULocationID": null', "PULocationID"),
        ('"PULocationID": 1e999', "PULocationID"),
        ('"PULocationID": NaN', "PULocationID"),
        ('"PULocationID": [[10]]', "PULocationID"),
        ('"trip_distance": NaN', "trip_distance"),
        ('"trip_distance": Infinity', "trip_distance"),
        ('"trip_distance": -Infinity', "trip_distance"),
        ('"trip_distance": 1e999', "trip_distance"),
        ('"trip_distance": -0.1', "trip_distance"),
        ('"trip_distance": "3"', "trip_distance"),
        ('"trip_distance": true', "trip_distance"),
        (f'"trip_distance": {DEEP}', "trip_distance"),
        ('"pickup_datetime": "yesterday"', "pickup_datetime"),
        ('"pickup_datetime": "2021-02-30T08:30:00"', "pickup_datetime"),
        ('"pickup_datetime": "2021-02-03T24:00:00"', "pickup_datetime"),
        ('"pickup_datetime": "2021-02-03"', "pickup_datetime"),
        ('"pickup_datetime": "2008-12-31T23:59:59"', "pickup_datetime"),
        ('"pickup_datetime": "2040-01-01T00:00:00Z"', "pickup_datetime"),
        ('"pickup_datetime": "0001-01-01T00:00:00+14:00"', "pickup_datetime"),
        ('"pickup_datetime": "9999-12-31T23:59:59-14:00"', "pickup_datetime"),
        ('"pickup_datetime": 1612341000', "pickup_datetime"),
        ('"ride_id": true', "ride_id"),
        ('"ride_id": "4711\\n"', "ride_id"),
        ('"trip_distance": 1000001', "trip_distance"),
        ('"ride_id": 1.5', "ride_id"),
        ('"ride_id": -1', "ride_id"),
        ('"ride_id": 9223372036854775808', "ride_id"),
        ('"ride_id": ""', "ride_id"),
        ('"ride_id": "a b"', "ride_id"),
        ('"ride_id": "\\u0000"', "ride_id"),
        ('"ride_id": "é"', "ride_id"),
        (f'"ride_id": "{"x" * 101}"', "ride_id"),
        ('"pickup": {"latitude": 40.7, "longitude": -74}', "pickup"),  # given twice
        ('"trip_distanc": 3', "trip_distanc"),
        (f'"deep": {DEEP}', "deep"),
        ('"line\\nfeed`": 1', "line\nfeed`"),
    ],
)
def test_a_bad_field_is_named(service: Running, said: str, field: str) -> None:
    body = f'{{"PULocationID": 10, "DOLocationID": 50, {said}}}'.encode()
    [named] = service.post("/predict", body).fields
    assert named.replace("\\n", "\n") == field
    assert refused(service.post("/predict", body), 422, named)
    many = service.post("/predict/batch", b'{"rides": [{"PULocationID": 1, "DOLocationID": 2}, ' + body + b"]}")
    assert refused(many, 422, f"rides[1].{named}")


def test_a_whole_number_may_be_written_with_a_point(service: Running) -> None:
    body = b'{"PULocationID": 10.0, "DOLocationID": 5e1, "trip_distance": 1E6, "ride_id": 4711.00}'
    told = service.post("/predict", body)
    assert (told.status, told.json["ride_id"]) == (200, 4711)
    assert b'"ride_id":4711,' in told.content
    for wrong in (b"10.5", b"1e3", b"1e30", b"-0.0"):
        refused(service.post("/predict", body.replace(b"10.0", wrong)), 422, "PULocationID")


def test_zone_ids_may_be_strings_as_in_tables_of_the_notes(service: Running) -> None:
    ride = {"PULocationID": "10", "DOLocationID": "50", "trip_distance": 40}
    asked = {"pickup_datetime": "2021-02-03T08:30:00"}
    as_numbers = service.post("/predict", {**ride, "PULocationID": 10, "DOLocationID": 50, **asked})
    assert service.post("/predict", {**ride, **asked}).json["duration"] == as_numbers.json["duration"]
    for wrong in ("0", "266", "010", "10\n", "1_0", "\u0661\u0660", " 10", "", "ten", "1" * 5000):
        refused(service.post("/predict", {**ride, "PULocationID": wrong}), 422, "PULocationID")


def test_null_is_as_good_as_nothing(service: Running) -> None:
    optional = dict.fromkeys(("ride_id", "pickup_datetime", "trip_distance", "pickup", "dropoff"))
    assert service.post("/predict", {"PULocationID": 10, "DOLocationID": 50, **optional}).status == 200
    refused(service.post("/predict", {"PULocationID": None, "DOLocationID": 50}), 422, "PULocationID")
    report = {"ride_id": "null", "duration": 12, "dropoff_datetime": None}
    assert service.post("/actuals", report).status == 202
    refused(service.post("/actuals", {**report, "duration": None}), 422, "duration")


def test_a_compressed_body_is_refused_with_what_to_do(service: Running) -> None:
    body = gzip.compress(json.dumps(RIDE).encode())
    assert "without Content-Encoding" in refused(service.post("/predict", body, **{"Content-Encoding": "gzip"}), 415)
    assert service.post("/predict", RIDE, **{"Content-Encoding": "identity"}).status == 200


def test_a_refusal_is_short_whatever_was_said(service: Running) -> None:
    for key in ("x" * 100_000, "` - at `$." + "x" * 100_000):
        told = service.post("/predict", {"PULocationID": 10, "DOLocationID": 50, key: 1})
        assert refused(told, 422, *told.fields)
        assert len(told.content) < 1_000


@pytest.mark.parametrize(
    ("ride", "field"),
    [
        ({}, "PULocationID"),
        ({"PULocationID": 10}, "DOLocationID"),
        ({"DOLocationID": 10}, "PULocationID"),
        ({"pickup": {}, "DOLocationID": 10}, "pickup.latitude"),
        ({"pickup": {"latitude": 40.7}, "DOLocationID": 10}, "pickup.longitude"),
        ({"pickup": {"latitude": 91, "longitude": -74}, "DOLocationID": 10}, "pickup.latitude"),
        ({"pickup": {"latitude": "40.7", "longitude": -74}, "DOLocationID": 10}, "pickup.latitude"),
        ({"pickup": {"latitude": 40.7, "longitude": -74, "altitude": 3}, "DOLocationID": 10}, "pickup.altitude"),
        ({"pickup": None, "DOLocationID": 10}, "PULocationID"),
    ],
)
def test_an_end_that_is_missing_or_incomplete_is_named(service: Running, ride: dict[str, Any], field: str) -> None:
    refused(service.post("/predict", ride), 422, field)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"no JSON", b"\xff\xfe", b"[]", b"3", b"null", DEEP.encode(), b'{"a":' * 10_000, b"{} {}"]
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/stream", "/actuals"])
def test_what_is_no_json_object_is_refused(service: Running, path: str, body: bytes) -> None:
    reply = service.post(path, body)
    assert refused(reply, 422, *reply.fields)
    assert len(reply.fields) == 1


@pytest.mark.parametrize("path", ["/predict", "/predict?explain=true"])
def test_a_byte_order_mark_is_ignored(service: Running, path: str) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(RIDE).encode()
    assert service.post(path, body).status == 200
    assert service.post("/actuals", b'\xef\xbb\xbf{"actuals": [{"ride_id": 1, "duration": 3}]}').status == 202
    refused(service.post(path, body.replace(b"50", b"NaN")), 422, "DOLocationID")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_another_encoding_is_named(service: Running, encoding: str) -> None:
    body = json.dumps(RIDE).encode(encoding)
    for path in ("/predict", "/predict/batch", "/stream", "/actuals"):
        said = refused(service.post(path, body), 422, "body")
        assert said == f"the body is {encoding[:6].upper()}; send JSON as UTF-8"


@pytest.mark.parametrize("offset", ["", "Z", "-05:00"])
def test_seconds_may_be_left_out(service: Running, offset: str) -> None:
    ride = {**RIDE, "pickup_datetime": f"2021-02-03T08:30{offset}"}
    full = service.post("/predict", {**ride, "pickup_datetime": f"2021-02-03T08:30:00{offset}"}).json["duration"]
    assert service.post("/predict", ride).json["duration"] == full
    assert service.post("/predict/batch", {"rides": [ride, ride]}).json["predictions"][1]["duration"] == full
    report = {"ride_id": 1, "dropoff_datetime": f"2021-02-03T08:45{offset}"}
    assert service.post("/actuals", {"actuals": [report, report]}).status == 202
    refused(
        service.post("/predict", {**ride, "trip_distance": '"pickup_datetime":"2021-02-03T08:30"'}),
        422,
        "trip_distance",
    )
    for wrong in ("2021-02-03T08", "2021-02-03T08:3", "2021-02-03T24:30", "2021-02-03T08:30:", "2021-02-30T08:30"):
        refused(service.post("/predict", {**ride, "pickup_datetime": wrong + offset}), 422, "pickup_datetime")


def test_a_list_that_is_far_too_long_or_given_again_and_again_is_refused_by_its_name(service: Running) -> None:
    for path, name, element in (
        ("/predict/batch", "rides", b"{}"),
        ("/actuals", "actuals", b'{"ride_id":1}'),
        ("/stream", "Records", b'{"kinesis":{"data":""}}'),
    ):
        body = b'{"%b":[%b]}' % (name.encode(), b",".join([element] * 40_000))
        assert refused(service.post(path, body), 422, name) == "Expected array of length <= 1000"
        part = b'"%b":[%b]' % (name.encode(), b",".join([element] * 1000))
        refused(service.post(path, b"{" + b",".join([part] * 20) + b"}"), 422, name)


def test_ids_may_be_full_of_brackets(service: Running) -> None:
    rides = [{**RIDE, "ride_id": f"{number}{'{' * 90}"} for number in range(1000)]
    assert len(service.post("/predict/batch", {"rides": rides}).json["predictions"]) == 1000


@pytest.mark.parametrize(
    ("target", "lines", "status"),
    [
        (b"/" + b"a" * 20_000, b"", 414),
        (b"/predict?" + b"a&" * 20_000, b"", 414),
        (b"/health", b"a: b\r\n" * 20_000, 431),
        (b"/health", b"content-length: %b2\r\n" % (b"0" * 5000), 200),
        (b"/health", b"content-length: %b\r\n" % (b"0" * 5000 + b"1" * 18), 413),
    ],
)
def test_headers_have_a_size(service: Running, target: bytes, lines: bytes, status: int) -> None:
    with service.connect() as connection:
        connection.sendall(b"GET %b HTTP/1.1\r\nhost: localhost\r\n%b\r\n[]" % (target, lines))
        assert connection.recv(1000).startswith(b"HTTP/1.1 %d " % status)


def test_of_a_field_given_twice_the_last_counts(service: Running) -> None:
    told = service.post("/predict", b'{"PULocationID": 999, "PULocationID": 10, "DOLocationID": 50}')
    assert told.status == 422  # each is looked at
    body = b'{"PULocationID": 10, "DOLocationID": 50, "ride_id": 1, "ride_id": 2}'
    assert service.post("/predict", body).json["ride_id"] == 2


def test_there_is_nothing_elsewhere(service: Running) -> None:
    for path in ("/nothing", "/predict/", "/page/nothing.js", "/page/../settings.json", "//predict", "/docs/", "/%00"):
        refused(service.get(path), 404)
        refused(service.post(path, RIDE), 404)


@pytest.mark.parametrize(
    ("path", "allowed"), [("/predict", "POST"), ("/models", "GET, HEAD"), ("/metrics", "GET, HEAD"), ("/", "GET, HEAD")]
)
def test_other_methods_are_refused_with_those_that_are_allowed(service: Running, path: str, allowed: str) -> None:
    for method in {"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "GET"} - set(allowed.split(", ")):
        reply = service.ask(method, path, RIDE if method == "POST" else None)
        refused(reply, 405)
        assert reply.headers["allow"] == allowed


def test_head_is_answered_like_get_without_the_body(service: Running) -> None:
    for path in ("/health", "/ready", "/version", "/models", "/zones", "/openapi.json", "/nothing", "/page/app.js"):
        head, get = service.ask("HEAD", path), service.get(path)
        assert (head.status, head.content) == (get.status, b""), path
        for name in ("content-length", "content-type", "x-content-type-options"):
            assert head.headers[name] == get.headers[name]
    assert int(service.ask("HEAD", "/metrics").headers["content-length"]) > 1000
    head = service.ask("HEAD", "/predict")
    assert (head.status, head.headers["allow"], head.content) == (405, "POST", b"")
    with service.connect() as connection:  # no byte too many
        connection.sendall(b"HEAD /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert everything(connection).endswith(b"\r\n\r\n")


def test_a_body_that_is_too_large_is_refused_before_it_is_read(service: Running) -> None:
    refused(service.post("/predict", b" " * 1_000_001), 413)
    with service.connect() as connection:  # announced, and not sent
        connection.sendall(b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert service.post("/predict", json.dumps(RIDE).encode() + b" " * 900_000).status == 200


def test_actuals_are_refused_like_rides(service: Running) -> None:
    for body, field in (
        ({"ride_id": 1}, "duration"),
        ({"ride_id": 1, "duration": 3, "dropoff_datetime": "2021-02-03T08:30:00"}, "duration"),
        ({"duration": 3}, "ride_id"),
        ({"ride_id": 1, "duration": -1}, "duration"),
        ({"ride_id": 1, "duration": 10_001}, "duration"),
        ({"ride_id": 1, "dropoff_datetime": "1999-01-01T00:00:00"}, "dropoff_datetime"),
        ({"ride_id": 1, "minutes": 3}, "minutes"),
        ({"actuals": [{"ride_id": 1, "duration": 3}, {"ride_id": 2}]}, "actuals[1].duration"),
        ({"actuals": [{"ride_id": 1, "duration": 3}, {"ride_id": 2, "duration": "3"}]}, "actuals[1].duration"),
        ({"actuals": []}, "actuals"),
        ({"actuals": [{"ride_id": 1, "duration": 3}] * 1001}, "actuals"),
        ({"actuals": [], "ride_id": 1}, "ride_id"),
    ):
        reply = service.post("/actuals", body)
        assert (reply.status, reply.fields if field != "ride_id" else [field]) == (422, [field]), body
        refused(reply, 422, *reply.fields)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (rb'{"ride_id": "\ud800"}', "the body is not valid JSON: half of a surrogate pair (byte 13)"),
        (rb'{"ride_id": "\\\uD800x"}', "the body is not valid JSON: half of a surrogate pair (byte 15)"),
        (
            rb'{"ride_id": "\ud800, and more"}',
            "the body is not valid JSON: JSON is malformed: unexpected end of escaped utf",
        ),
        (rb'{"ride_id": "\\ud800', "the body is not valid JSON: Input data was truncated"),
        (rb'{"ride_id": "\ud83d\ude95', "the body is not valid JSON: Input data was truncated"),
        (b'{"ride_id": "ab\xff"}', "the body is not UTF-8: invalid start byte (byte 15)"),
    ],
)
def test_what_is_wrong_with_a_text_is_said_with_its_place(service: Running, body: bytes, said: str) -> None:
    reply = service.post("/predict", body)
    assert (reply.status, reply.json["detail"][: len(said)]) == (422, said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"PULocationID": 10, "DOLocationID": 5, "trip_distance": "4"}, "Expected a number or null, got text"),
        (
            {"PULocationID": 10, "DOLocationID": 5, "trip_distance": True},
            "Expected a number or null, got true or false",
        ),
        ([], "Expected an object, got an array"),
    ],
)
def test_types_are_said_as_a_person_does(service: Running, body: object, said: str) -> None:
    reply = service.post("/predict", body)
    assert (reply.status, reply.json["detail"]) == (422, said)
