"""What rides are answered with."""

import base64
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import requests

from ride_duration.model_package import Rides
from tests.serving.conftest import Models
from tests.support.serving.packages import LOWER, SCALE, UPPER, minutes
from tests.support.serving.service import Running

WHEN = "2021-02-03T08:30:00"
RIDE: dict[str, Any] = {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 40, "pickup_datetime": WHEN}
BAISLEY_PARK = {"latitude": 40.6783, "longitude": -73.7898}


def test_the_references_own_client_gets_a_float_that_changes_with_distance(service: Running) -> None:
    ride = {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 40}
    answered = requests.post(f"{service.url}/predict", json=ride, timeout=60)
    assert answered.status_code == 200
    assert answered.headers["content-type"] == "application/json"
    told = answered.json()
    assert isinstance(told["duration"], float)
    assert told["model_version"] == "1"
    nearer = requests.post(f"{service.url}/predict", json=ride | {"trip_distance": 20}, timeout=60).json()
    assert told["duration"] - nearer["duration"] == pytest.approx(SCALE * 3 * 20, abs=1.0)  # an hour may begin between


def test_an_answer_is_whole(service: Running) -> None:
    told = service.post("/predict", RIDE | {"ride_id": "4711"}).json
    expected = minutes(10, 50, datetime.fromisoformat(WHEN), 40)
    assert told.pop("duration") == pytest.approx(expected, rel=1e-5)
    assert told.pop("lower") == pytest.approx(LOWER * expected, rel=1e-5)
    assert told.pop("upper") == pytest.approx(UPPER * expected, rel=1e-5)
    assert told == {"model_version": "1", "ride_id": "4711", "variant": "champion", "distance_used": True}


@pytest.mark.parametrize("ride_id", ["4711", 4711, 0, 2**63 - 1, "!~" * 50])
def test_a_ride_id_comes_back_as_it_was_given(service: Running, ride_id: str | int) -> None:
    told = service.post("/predict", RIDE | {"ride_id": ride_id}).json["ride_id"]
    assert (told, type(told)) == (ride_id, type(ride_id))


def test_rides_without_an_id_get_ids_of_their_own(service: Running) -> None:
    answered = service.post("/predict/batch", {"rides": [RIDE] * 100}).json["predictions"]
    assert len({told["ride_id"] for told in answered}) == 100


@pytest.mark.parametrize(
    ("miles", "used"),
    [(0.1, False), (15, True), (40, True), (100.0, False), (100.5, False), (1e6, False), (0, False), (None, False)],
)
def test_a_distance_that_is_out_of_range_counts_as_unknown(service: Running, miles: float | None, used: bool) -> None:
    told = service.post("/predict", RIDE | {"trip_distance": miles}).json
    assert told["distance_used"] is used
    expected = minutes(10, 50, datetime.fromisoformat(WHEN), miles)
    assert told["duration"] == pytest.approx(expected, rel=1e-5)
    without = {name: value for name, value in RIDE.items() if name != "trip_distance"}
    assert used or service.post("/predict", without).json["duration"] == told["duration"]


@pytest.mark.parametrize(
    ("miles", "problem"),
    [(0.1, "distance_implausible"), (100, "distance_implausible"), (100.5, "distance_out_of_range"), (17.5, None)],
)
def test_why_a_distance_was_not_used_is_said(service: Running, miles: float, problem: str | None) -> None:
    jfk_to_times_square = RIDE | {"PULocationID": 132, "DOLocationID": 230, "trip_distance": miles}
    told = service.post("/predict", jfk_to_times_square).json
    assert (told["distance_used"], told.get("distance_problem")) == (problem is None, problem)
    [batched] = service.post("/predict/batch", {"rides": [jfk_to_times_square]}).json["predictions"]
    assert batched["duration"] == pytest.approx(told["duration"], rel=1e-5)
    assert batched.get("distance_problem") == problem


@pytest.mark.parametrize(
    ("said", "wall_clock"),
    [
        ("2021-02-03T08:30:00", "2021-02-03T08:30"),
        ("2021-02-03T08:30:59.999999", "2021-02-03T08:30"),
        ("2021-02-03T08:30:00-05:00", "2021-02-03T08:30"),
        ("2021-02-03T13:30:00Z", "2021-02-03T08:30"),
        ("2021-07-03T12:30:00+00:00", "2021-07-03T08:30"),
        ("2021-02-03T00:30:00+05:30", "2021-02-02T14:00"),
        # Clocks go from 01:59 to 03:00, and what is said to be between is taken as it is said.
        ("2021-03-14T06:59:59Z", "2021-03-14T01:59"),
        ("2021-03-14T07:00:00Z", "2021-03-14T03:00"),
        ("2021-03-14T02:30:00", "2021-03-14T02:30"),
        # The hour from 01:00 comes twice.
        ("2021-11-07T05:30:00Z", "2021-11-07T01:30"),
        ("2021-11-07T06:30:00Z", "2021-11-07T01:30"),
        ("2020-02-29T23:59:59", "2020-02-29T23:59"),
    ],
)
def test_a_time_is_new_york_wall_clock_or_has_an_offset(service: Running, said: str, wall_clock: str) -> None:
    told = service.post("/predict", RIDE | {"pickup_datetime": said}).json
    assert told["duration"] == pytest.approx(minutes(10, 50, datetime.fromisoformat(wall_clock), 40), rel=1e-5)


def test_without_a_time_it_is_now(service: Running) -> None:
    new_york = ZoneInfo("America/New_York")
    ride = {name: value for name, value in RIDE.items() if name != "pickup_datetime"}
    before = datetime.now(new_york).replace(tzinfo=None)
    told = service.post("/predict", ride).json["duration"]
    after = datetime.now(new_york).replace(tzinfo=None)
    assert any(told == pytest.approx(minutes(10, 50, when, 40), rel=1e-5) for when in (before, after))


def test_positions_are_answered_as_their_zones_which_are_named(service: Running) -> None:
    ride = {"pickup": BAISLEY_PARK, "DOLocationID": 50, "trip_distance": 40, "pickup_datetime": WHEN}
    told = service.post("/predict", ride).json
    assert told["pickup"] == {"LocationID": 10, "zone": "Baisley Park", "borough": "Queens"}
    assert "dropoff" not in told
    assert told["duration"] == service.post("/predict", RIDE).json["duration"]
    both = service.post("/predict", {"pickup": BAISLEY_PARK, "dropoff": BAISLEY_PARK}).json
    assert both["pickup"] == both["dropoff"]


def test_every_zone_of_the_page_is_found_at_its_own_position(service: Running) -> None:
    zones = service.get("/zones").json["zones"]
    assert len(zones) > 250
    rides = [{"pickup": {name: zone[name] for name in ("latitude", "longitude")}, "DOLocationID": 1} for zone in zones]
    found = [
        told["pickup"]["LocationID"] for told in service.post("/predict/batch", {"rides": rides}).json["predictions"]
    ]
    differ = [zone["zone"] for zone, location in zip(zones, found, strict=True) if zone["LocationID"] != location]
    assert len(differ) <= 0.05 * len(zones), differ  # the discs of large zones swallow small neighbours


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(0, 0), (90, 180), (40.0, -74.0), (42.65, -73.75), (-40.758, 73.9855)]
)
@pytest.mark.parametrize("end", ["pickup", "dropoff"])
def test_a_position_outside_the_city_is_refused(service: Running, end: str, latitude: float, longitude: float) -> None:
    other = "DOLocationID" if end == "pickup" else "PULocationID"
    reply = service.post("/predict", {end: {"latitude": latitude, "longitude": longitude}, other: 10})
    assert (reply.status, reply.fields) == (422, [end])
    assert reply.json["detail"] == "the position lies outside the city"


def test_ids_without_a_place_are_answered(service: Running) -> None:
    told = service.post("/predict", RIDE | {"PULocationID": 264, "DOLocationID": 265}).json
    assert told["duration"] == pytest.approx(minutes(264, 265, datetime.fromisoformat(WHEN), 40), rel=1e-5)


def test_reasons_are_given_when_asked_for(service: Running) -> None:
    told = service.post("/predict?explain=true", RIDE).json
    assert set(told["reasons"]) == {"time", "distance", "place"}
    assert told["reasons"]["place"] == 0.0  # this model reads none
    assert told["reasons"]["distance"] > SCALE * 3 * 37
    plain = service.post("/predict?explain=false", RIDE).json
    assert "reasons" not in plain
    assert plain["duration"] == told["duration"]
    assert service.post("/predict?explain=perhaps", RIDE).fields == ["explain"]


def test_one_many_streamed_and_by_the_package_are_the_same_answer(service: Running, models: Models) -> None:
    rides = [
        {"PULocationID": 1 + 7 * number % 265, "DOLocationID": 1 + 11 * number % 265, "ride_id": number, **rest}
        for number in range(40)
        for rest in [{"pickup_datetime": f"2021-02-03T{number % 24:02}:15:00", "trip_distance": number * 3 or None}]
    ]
    single = [service.post("/predict", ride).json for ride in rides]
    together = service.post("/predict/batch", {"rides": rides}).json["predictions"]
    assert [told | {"duration": 0, "lower": 0, "upper": 0} for told in single] == [
        told | {"duration": 0, "lower": 0, "upper": 0} for told in together
    ]
    streamed = service.post("/stream", {"Records": [record(ride, ride["ride_id"]) for ride in rides]}).json
    package = models.store.registry(service.settings["model"]).package(1)
    asked = Rides(
        np.array([ride["PULocationID"] for ride in rides], dtype=np.float64),
        np.array([ride["DOLocationID"] for ride in rides], dtype=np.float64),
        np.array([ride["pickup_datetime"] for ride in rides], dtype="datetime64[s]"),
        np.array([ride["trip_distance"] for ride in rides], dtype=np.float64),
    )
    expected = package.answer(asked)
    for name in ("duration", "lower", "upper"):
        assert [told[name] for told in single] == pytest.approx(getattr(expected, name), abs=1e-9)
        assert [told[name] for told in together] == pytest.approx(getattr(expected, name), abs=1e-9)
    told = [answer["prediction"]["ride_duration"] for answer in streamed["predictions"]]
    assert told == pytest.approx(expected.duration, abs=1e-9)


def test_a_batch_has_up_to_a_thousand_rides(service: Running) -> None:
    assert len(service.post("/predict/batch", {"rides": [RIDE] * 1000}).json["predictions"]) == 1000
    for rides in ([], [RIDE] * 1001):
        reply = service.post("/predict/batch", {"rides": rides})
        assert (reply.status, reply.fields) == (422, ["rides"])


def record(ride: dict[str, Any], ride_id: int | str) -> dict[str, Any]:
    """A record as a Kinesis stream delivers it."""
    data = base64.b64encode(json.dumps({"ride": ride, "ride_id": ride_id}).encode()).decode()
    return {
        "kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "1", "data": data, "sequenceNumber": "49"},
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
    }


def test_a_stream_is_answered_in_the_references_form(service: Running) -> None:
    ride = {"PULocationID": 130, "DOLocationID": 205, "trip_distance": 3.66, "pickup_datetime": WHEN}
    told = service.post("/stream", {"Records": [record(ride, 256)]}).json
    [answer] = told["predictions"]
    duration = answer["prediction"].pop("ride_duration")
    assert duration == pytest.approx(minutes(130, 205, datetime.fromisoformat(WHEN), 3.66), rel=1e-5)
    assert answer == {
        "model": "ride_duration_prediction_model",
        "version": "1",
        "prediction": {"ride_id": 256},
    }
    assert told["refused"] == []


def test_a_bad_record_holds_up_no_others(service: Running) -> None:
    bad = [
        {"kinesis": {"data": "no base64!"}},
        {"kinesis": {"data": base64.b64encode(b"no JSON").decode()}},
        record({"PULocationID": 999, "DOLocationID": 1}, 3),
        record({"PULocationID": 10}, 4),
    ]
    told = service.post("/stream", {"Records": [record(RIDE, 1), *bad, record(RIDE, 2)]}).json
    assert [answer["prediction"]["ride_id"] for answer in told["predictions"]] == [1, 2]
    assert [refused["record"] for refused in told["refused"]] == [1, 2, 3, 4]
    assert [refused["detail"].partition(":")[0] for refused in told["refused"]] == [
        "kinesis.data",
        "body",
        "ride.PULocationID",
        "ride.DOLocationID",
    ]


def test_what_if_rides_are_answered_and_neither_logged_nor_counted(service: Running) -> None:
    before = service.get("/live").json["variants"]
    asked = {"rides": [RIDE | {"ride_id": 7}, RIDE], "what_if": True}
    answered = service.post("/predict/batch", asked).json["predictions"]
    assert answered[0]["duration"] == service.post("/predict", RIDE).json["duration"]
    assert answered[0]["ride_id"] == 7
    after = service.get("/live").json["variants"]
    assert after[0]["answered"] == before[0]["answered"] + 1, "the one of /predict"


def test_zones_without_a_known_place_are_named(service: Running) -> None:
    ride = {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 4}
    assert "unknown_zones" not in service.post("/predict", ride).json
    for unknown in ({"PULocationID": 264}, {"PULocationID": "265", "DOLocationID": 264}):
        reply = service.post("/predict", ride | unknown)
        assert (reply.status, reply.json["unknown_zones"]) == (200, list(unknown))
