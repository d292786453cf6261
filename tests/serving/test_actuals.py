"""What really happened is taken once or often, early or late, and the newest report counts."""

import sqlite3
import time
from contextlib import suppress
from typing import Any

from tests.serving.service import Running

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
