import threading
from pathlib import Path

from ride_duration.store import PredictionLog
from tests.support.store.postgres import Postgres
from tests.support.store.samples import kept, prediction, until


def append_until(stop: threading.Event, log: PredictionLog, taken: list[str]) -> None:
    while not stop.wait(0.0005):
        name = f"p{len(taken)}"
        log.append([prediction(name, name)])
        taken.append(name)


def test_a_database_that_goes_away_under_load_misses_nothing(postgres: Postgres, tmp_path: Path) -> None:
    store_url = postgres.database()
    log = PredictionLog(store_url, tmp_path)
    stop, taken = threading.Event(), list[str]()
    load = threading.Thread(target=append_until, args=(stop, log, taken))
    load.start()
    try:
        until(lambda: len(taken) > 100 and log.queue_depth < 50)
        postgres.stop()
        before = len(taken)
        until(lambda: log.last_error and len(taken) > before + 500)
        assert log.writable
        assert log.queue_depth > 500
        postgres.start()
        until(lambda: log.last_error is None)
    finally:
        stop.set()
        load.join()
        log.close()
    assert kept(store_url) == sorted(taken)
