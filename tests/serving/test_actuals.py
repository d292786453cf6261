"""What really happened is taken once or often, early or late, and the newest report counts."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ride_duration.serving.metrics import Metrics
from ride_duration.serving.server import note_last_actual
from ride_duration.store.rollouts import Rollouts
from tests.serving.conftest import Models
from tests.serving.service import Running
from tests.serving.test_operations import metrics

RIDE: dict[str, Any] = {"PULocationID": 10, "DOLocationID": 50, "pickup_datetime": "2021-02-03T08:30:00"}


def reports(service: Running, ride_id: str, count: int) -> list[tuple[float | None, str | None]]:
    """Reports of a ride in the log's database, the oldest first, once there are so many."""
    until = time.monotonic() + 10
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
    told = Metrics()
    told.actual()
    before = told.text()
    note_last_actual(Rollouts(f"postgresql+psycopg://postgres@/rides?host={tmp_path}", "any"), told)
    assert told.text() == before
