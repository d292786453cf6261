"""When the newest records of one model were made, whatever the order in which they arrive."""

import msgspec

from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.datasets.prediction_log import keep_increment
from ride_duration.pipelines.monitoring.logged_days import compute_increment
from ride_duration.store.log_records import ActualRecord, PredictionRecord, Record
from ride_duration.store.monitoring import load_progress
from tests.support.logged_rides import LogWriter, make_log, open_store
from tests.support.monitoring import monitored

ROUNDS = (("green", "2021-02-01"), ("green", "2021-03-01"), ("yellow", "2021-04-01"))


def update(store: MonitoredStore) -> tuple[float | None, float | None]:
    keep_increment(store, compute_increment(store, {}, monitored(window="last_28d")))
    _, asked_at, received_at, pending = load_progress(store.engine, store.model)
    assert pending == ()
    return asked_at, received_at


def find_newest(records: list[Record]) -> tuple[float, float]:
    asked = max(record.asked_at for record in records if isinstance(record, PredictionRecord))
    return asked, max(record.received_at for record in records if isinstance(record, ActualRecord))


def test_times_are_the_models_own_and_the_newest_by_the_clock(store_url: str) -> None:
    store = open_store(store_url, "green")
    writer = LogWriter(store_url)
    assert update(store) == (None, None)
    old, new, other = (
        [arrival.record for arrival in make_log(model, first, days=1, rides=3, seed=seed)]
        for seed, (model, first) in enumerate(
            (("green", "2021-02-01"), ("green", "2021-03-01"), ("yellow", "2021-04-01"))
        )
    )
    old = [renamed(record) for record in old]
    writer.write(new)
    assert update(store) == find_newest(new)
    writer.write(other)
    assert update(store) == find_newest(new)
    writer.write(old)  # of a journal that was away
    assert update(store) == find_newest(new)
    writer.close()
    store.close()


def renamed(record: Record) -> Record:
    """Return a record of other rides than those of the same number."""
    if isinstance(record, PredictionRecord):
        return msgspec.structs.replace(
            record, ride_id=f"old-{record.ride_id}", prediction_id=f"old-{record.prediction_id}"
        )
    assert isinstance(record, ActualRecord)
    return msgspec.structs.replace(record, ride_id=f"old-{record.ride_id}", actual_id=f"old-{record.actual_id}")


def test_times_that_a_former_program_did_not_keep_are_found_though_nothing_is_new(store_url: str) -> None:
    from ride_duration.store.monitoring_tables import monitoring_watermarks as table

    store = open_store(store_url, "green")
    writer = LogWriter(store_url)
    records = [arrival.record for arrival in make_log("green", days=1, rides=3)]
    writer.write(records)
    update(store)
    with store.engine.begin() as connection:
        connection.execute(table.update().values(asked_at=None, received_at=None))
    assert update(store) == find_newest(records)
    writer.close()
    store.close()
