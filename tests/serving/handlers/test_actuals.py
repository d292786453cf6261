"""What really happened is taken once or often, early or late, and the newest report counts."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ride_duration.serving.inference.counters import Counters
from ride_duration.serving.inference.metrics import Metrics
from ride_duration.serving.server import note_last_actual
from ride_duration.store.database import open_reading_engine
from ride_duration.store.queries.ground_truth import Joined, load_joined
from ride_duration.store.rollouts import Rollouts
from tests.serving.conftest import Models
from tests.serving.handlers.test_operations import metrics
from tests.support.serving.service import Running

RIDE: dict[str, Any] = {"PULocationID": 10, "DOLocationID": 50, "pickup_datetime": "2021-02-03T08:30:00"}


def reports(service: Running, ride_id: str, count: int) -> list[tuple[float | None, str | None]]:
    """Reports of a ride in the log's database, the oldest first, once there are so many."""
    until = time.monotonic() + 60
    found: list[tuple[float | None, str | None]] = []
    while len(found) < count and time.monotonic() < until:
        with suppress(sqlite3.OperationalError), sqlite3.connect(service.folder / "predictions.db") as database:
            question = (
                "SELECT duration, dropoff_datetime FROM actuals WHERE ride_id = ? ORDER BY received_at, actual_id"
            )
            found = database.execute(question, [ride_id]).fetchall()
        time.sleep(0.01)
    return found


def test_one_report_and_many(service: Running) -> None:
    one = service.post("/actuals", {"ride_id": "one", "duration": 31.5})
    assert (one.status, one.json) == (202, {"accepted": 1})
    many = {"actuals": [{"ride_id": f"many-{number}", "duration": number} for number in range(1000)]}
    reply = service.post("/actuals", many)
    assert (reply.status, reply.json) == (202, {"accepted": 1000})
    assert reports(service, "one", 1) == [(31.5, None)]
    assert reports(service, "many-999", 1) == [(999.0, None)]


def test_a_report_may_bring_the_metered_distance(service: Running) -> None:
    assert service.post("/actuals", {"ride_id": "metered", "duration": 12, "trip_distance": 2.4}).status == 202
    assert service.post("/actuals", {"ride_id": "metered", "duration": 12, "trip_distance": -1}).status == 422
    assert service.post("/actuals", {"ride_id": "metered", "duration": 12, "trip_distance": None}).status == 202
    assert len(reports(service, "metered", 2)) == 2
    with sqlite3.connect(service.folder / "predictions.db") as database:
        question = "SELECT trip_distance FROM actuals WHERE ride_id = 'metered' ORDER BY arrival"
        assert database.execute(question).fetchall() == [(2.4,), (None,)]


def test_reports_that_are_late_repeated_corrected_or_of_unknown_rides_are_all_kept(service: Running) -> None:
    assert service.post("/actuals", {"ride_id": 4712, "dropoff_datetime": "2021-02-03T09:00:00"}).status == 202
    assert service.post("/predict", RIDE | {"ride_id": 4712}).status == 200
    for minutes in (30, 30, 29.5):
        assert service.post("/actuals", {"ride_id": "4712", "duration": minutes}).status == 202
    kept = reports(service, "4712", 4)
    assert [duration for duration, _ in kept] == [None, 30.0, 30.0, 29.5]
    assert str(kept[0][1]).startswith("2021-02-03T09:00:00")


def test_a_drop_off_with_an_offset_is_kept_in_new_york_wall_clock_to_the_second(service: Running) -> None:
    service.post("/actuals", {"ride_id": "offset", "dropoff_datetime": "2021-07-03T12:30:00.75Z"})
    [(_, ended)] = reports(service, "offset", 1)
    assert ended == "2021-07-03T08:30:00"


@pytest.mark.parametrize(
    ("pickup", "dropoff", "minutes"),
    [
        ("2021-11-07T00:40:00-04:00", "2021-11-07T01:35:00-05:00", 115),  # the clocks went back at 2
        ("2021-11-07T00:40:00", "2021-11-07T01:35:00-05:00", 115),
        ("2021-11-07T00:40:00-04:00", "2021-11-07T01:35:00", 55),  # 1:35 came twice
        ("2021-11-07T00:50:00", "2021-11-07T02:10:00", 140),
        ("2021-03-14T06:59:30.9Z", "2021-03-14T03:10:00.1-04:00", 10.5),  # and forward
        ("2021-03-14T01:59:30", "2021-03-14T03:10:00", 10.5),
        ("2021-03-14T01:59:30", "2021-03-14T02:10:00", 10.5),  # 2:10 never came
    ],
)
def test_a_drop_off_is_measured_between_instants_or_else_on_the_wall_clock(
    service: Running, pickup: str, dropoff: str, minutes: float
) -> None:
    ride = f"{pickup}_to_{dropoff}"
    service.post("/predict", RIDE | {"ride_id": ride, "pickup_datetime": pickup})
    service.post("/actuals", {"ride_id": ride, "dropoff_datetime": dropoff})
    assert measured(service, ride).actual == minutes


def test_a_drop_off_before_the_pick_up_is_accepted_and_kept_as_the_time_that_it_says(service: Running) -> None:
    service.post("/predict", RIDE | {"ride_id": "backwards"})
    reply = service.post("/actuals", {"ride_id": "backwards", "dropoff_datetime": "2021-02-03T08:20:00"})
    assert (reply.status, reply.json) == (202, {"accepted": 1})
    assert measured(service, "backwards").actual == -10.0
    both = {"ride_id": "backwards", "dropoff_datetime": "2021-02-03T08:40:00", "duration": 5}
    assert service.post("/actuals", both).status == 422


def test_a_pick_up_of_now_is_an_instant(service: Running) -> None:
    began = time.time() // 1
    service.post("/predict", {"ride_id": "now", "PULocationID": 10, "DOLocationID": 50})
    ended = datetime.fromtimestamp(began + 600, UTC)
    service.post("/actuals", {"ride_id": "now", "dropoff_datetime": ended.isoformat()})
    found = measured(service, "now")
    at = found.prediction.pickup_at
    assert at is not None
    assert began <= at <= time.time()
    assert found.actual == (ended.timestamp() - at) / 60


def measured(service: Running, ride: str) -> Joined:
    """The one prediction of a ride with its truth, once there is a report."""
    reports(service, ride, 1)
    engine = open_reading_engine(f"sqlite:///{service.folder}/predictions.db")
    [found] = [row for row in load_joined(engine) if row.prediction.ride_id == ride]
    engine.dispose()
    return found


def test_the_last_actual_of_all_instances_is_known_also_after_a_restart(
    models: Models, started: Callable[..., Running]
) -> None:
    registry = models.champion()
    one = started(registry)
    two = started(registry, store=one.settings["store"])
    assert b"last_actual_timestamp_seconds NaN" in two.get("/metrics").content
    began = time.time()
    one.post("/actuals", {"ride_id": 1, "duration": 3})
    two.until("/metrics", lambda told: "last_actual_timestamp_seconds NaN" not in told)
    at = metrics(two)["ride_duration_last_actual_timestamp_seconds",]
    assert began <= at <= time.time()
    assert one.end() == 0
    one.settings["registry_seconds"] = 1000.0
    one.start()
    assert metrics(one)["ride_duration_last_actual_timestamp_seconds",] == at


def test_without_the_store_the_last_actual_stays_as_it_is(tmp_path: Path) -> None:
    told = Metrics(Counters())
    told.observe_actual(5.0)
    before = told.expose()
    note_last_actual(Rollouts(f"postgresql+psycopg://postgres@/rides?host={tmp_path}", "any"), told)
    assert told.expose() == before
