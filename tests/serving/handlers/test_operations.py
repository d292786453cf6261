"""What operators, probes and Prometheus are told."""

import json
import math
import select
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from ride_duration.serving.api_keys import add_key
from ride_duration.serving.schemas.problems import hide_details
from ride_duration.trips.zones import zones as zone_table
from tests.serving.conftest import Models
from tests.support.serving.service import Running
from tests.support.store.samples import kept, until

RIDE = {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 4}


def metrics(service: Running) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels, in the order of their names."""
    text = service.get("/metrics").content.decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_probes(service: Running) -> None:
    assert service.get("/health").json == {"status": "ok"}
    assert service.get("/ready").json == {"status": "ready", "model_version": "1"}
    told = service.get("/version").json
    assert told["ride_duration"] == version("ride_duration")
    assert told["model"] == service.settings["model"]
    assert (told["model_version"], told["instance"]) == ("1", str(service.port))


def test_models_and_live_tell_who_answers(service: Running) -> None:
    told = service.get("/models").json
    assert (told["model"], told["problem"], told["registry_reachable"]) == (service.settings["model"], None, True)
    [champion] = told["variants"]
    assert (champion["variant"], champion["version"], champion["share"]) == ("champion", "1", 1.0)
    assert champion["train_data"] == ["2021-01", "2021-02"]
    assert champion["simulated"] is True
    before = service.get("/live").json
    service.post("/predict", RIDE)
    after = service.get("/live").json
    assert after["variants"][0]["answered"] == before["variants"][0]["answered"] + 1
    assert after["requests"] == before["requests"] + 2
    assert after["p50_ms"] <= after["p99_ms"]
    assert after["model"]["version"] == "1"


def test_zones_are_places_of_the_city(service: Running) -> None:
    zones: list[dict[str, Any]] = service.get("/zones").json["zones"]
    assert {zone["LocationID"] for zone in zones} <= set(range(1, 264))
    assert all(40.4 < zone["latitude"] < 41 and -74.3 < zone["longitude"] < -73.6 for zone in zones)
    radii = {zone.location_id: zone.radius for zone in zone_table().values()}
    assert all(zone["square_miles"] == round(math.pi * radii[zone["LocationID"]] ** 2, 4) > 0 for zone in zones)


def test_zones_have_their_shapes_where_these_are_known_and_positions_lie_in_them(
    started: Callable[..., Running], models: Models, tmp_path: Path
) -> None:
    file = tmp_path / "zone_shapes.geojson"
    ring = [[-73.99, 40.74], [-73.97, 40.74], [-73.97, 40.77], [-73.99, 40.77], [-73.99, 40.74]]
    shape = {"type": "MultiPolygon", "coordinates": [[ring]]}
    file.write_text(json.dumps({"features": [{"properties": {"LocationID": 230}, "geometry": shape}]}))
    service = started(models.champion(), zone_shapes=str(file))
    zones = {zone["LocationID"]: zone for zone in service.get("/zones").json["zones"]}
    assert zones[230]["polygons"] == [[ring]]
    assert "polygons" not in zones[132]
    corner = {"latitude": 40.7405, "longitude": -73.9895}  # of the shape, far from the zone's middle
    ride = {"pickup": corner, "dropoff": corner, "trip_distance": 2, "ride_id": "corner"}
    assert service.post("/predict", ride).status == 200
    assert service.end() == 0
    with closing(sqlite3.connect(service.folder / "predictions.db")) as connection:
        assert connection.execute("SELECT pickup_zone, dropoff_zone FROM predictions").fetchall() == [(230, 230)]
    file.write_text("{")
    damaged = started(models.champion(), zone_shapes=str(file))
    assert all("polygons" not in zone for zone in damaged.get("/zones").json["zones"])


def test_every_metric_is_there_and_moves(service: Running) -> None:
    before = metrics(service)
    service.post("/predict", RIDE)
    service.post("/predict", {"PULocationID": 264, "DOLocationID": 50})
    service.post("/predict", RIDE | {"trip_distance": 1000})
    service.post("/predict", {})
    service.get("/nothing")
    service.post("/actuals", {"ride_id": 1, "duration": 3})
    after = metrics(service)

    def more(*sample: str) -> float:
        return after[sample] - before.get(sample, 0.0)

    assert more("ride_duration_requests_total", "/predict", "200") == 3
    assert more("ride_duration_requests_total", "/predict", "422") == 1
    assert more("ride_duration_requests_total", "other", "404") == 1
    assert more("ride_duration_requests_total", "/actuals", "202") == 1
    assert more("ride_duration_request_seconds_count", "/predict") == 4
    assert 0 < more("ride_duration_request_seconds_sum", "/predict") < 5
    assert more("ride_duration_request_seconds_bucket", "+Inf", "/predict") == 4
    assert more("ride_duration_predictions_total", "champion", "1") == 3
    assert more("ride_duration_predicted_minutes_count", "champion") == 3
    assert more("ride_duration_inputs_total", "missing_distance") == 1
    assert more("ride_duration_inputs_total", "distance_out_of_range") == 1
    assert more("ride_duration_inputs_total", "unknown_zone") == 1
    assert more("ride_duration_model_age_seconds") > 0
    assert after["ride_duration_last_actual_timestamp_seconds",] > 1.6e9
    assert after["ride_duration_log_queue",] >= 0
    assert after["ride_duration_log_writable",] == 1
    assert after["ride_duration_registry_reachable",] == 1
    assert after["ride_duration_deployment_problem",] == 0
    assert after["ride_duration_refused_packages",] == 0
    assert after["ride_duration_deployed_version", "champion"] == 1


def test_decisions_that_wait_take_no_places_of_rides(models: Models) -> None:
    running = Running(models.project, models.champion().name, limits={"concurrency": 1})
    key = add_key(running.folder / "api_keys.json", "Ana", ("operate",)).encode()
    line = (
        b"POST /deployments HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %b\r\ncontent-length: 16\r\n\r\n" % key
    )
    with running, ExitStack() as held:
        waiting = [held.enter_context(running.connect()) for _ in range(12)]
        for connection in waiting:
            connection.sendall(line + b'{"version": 999}')
        refused, _, _ = select.select(waiting, [], [], 30)
        assert refused[0].recv(100).startswith(b"HTTP/1.1 503 ")  # there are as many as there may be
        assert [running.post("/predict", RIDE).status for _ in range(20)] == [200] * 20
        running.process.kill()


def test_reasons_lose_folders_and_what_drivers_say_of_hosts() -> None:
    said = 'the registry cannot be reached (connection to server at "10.0.0.7", port 5432 failed)'
    assert hide_details(said) == "the registry cannot be reached"
    assert hide_details("the model package in /srv/rides/data/1 is refused") == "the model package in 1 is refused"


def test_a_database_that_is_gone_and_cannot_be_saved_makes_the_service_not_ready(
    models: Models, started: Callable[..., Running]
) -> None:
    running = started(models.champion())
    until(lambda: running.get("/ready").status == 200)
    assert running.post("/predict", RIDE).status == 200
    until(lambda: running.get("/live").json["queue_depth"] == 0)
    database = running.folder / "predictions.db"
    database.unlink()
    database.mkdir()  # a full disk does the same, and is harder to make
    until(lambda: running.get("/ready").status == 503)
    said = running.get("/ready").json["detail"]
    assert "predictions.db were deleted or replaced, and cannot be saved" in said
    assert str(running.folder) not in said
    database.rmdir()
    until(lambda: running.get("/ready").status == 200)


def test_a_database_that_is_copied_over_under_the_service_keeps_every_answer_of_the_journal(
    models: Models, started: Callable[..., Running]
) -> None:
    running = started(models.champion())
    until(lambda: running.get("/ready").status == 200)
    database = running.folder / "predictions.db"
    assert running.post("/predict", RIDE).status == 200
    until(lambda: running.get("/live").json["queue_depth"] == 0)
    with closing(sqlite3.connect(running.folder / "other.db")) as other:
        other.execute("CREATE TABLE notes (note TEXT)")
    shutil.copyfile(running.folder / "other.db", database)
    assert [running.post("/predict", RIDE).status for _ in range(3)] == [200] * 3
    until(lambda: "has overwritten the database" in running.said)
    until(lambda: running.get("/live").json["queue_depth"] == 0)
    assert running.get("/ready").status == 200
    assert running.end() == 0
    assert "the database may lack predictions that were acknowledged." in running.said
    assert len(kept(f"sqlite:///{database}")) == 4
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
