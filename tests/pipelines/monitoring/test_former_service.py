"""A service of the former version writes on, while the monitoring of today migrates its tables and reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from ride_duration.datasets.prediction_log import keep_increment
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.monitoring.logged_days import compute_increment
from ride_duration.store.database import open_writing_engine
from tests.conftest import Project
from tests.pipelines.monitoring.test_logged_days import rows_of
from tests.support.logged_rides import LogWriter, disturb, make_log, open_store, run_increment
from tests.support.monitoring import monitored
from tests.support.store.former_writer import REVISION, FormerService, make_former_store

MODEL, SEED = "green", 3


@pytest.fixture(scope="module")
def packages(finished: Project) -> dict[int, Callable[[], ModelPackage]]:
    """The package as version 1."""
    opened = ModelPackage.load(finished.data("06_models/model_package"))
    return {1: lambda: opened}


def test_rows_are_those_of_an_undisturbed_log_though_a_former_service_writes_meanwhile(
    store_url: str, packages: dict[int, Callable[[], ModelPackage]]
) -> None:
    records = [arrival.record for arrival in disturb(make_log(MODEL, rides=120, seed=SEED), SEED, late=0.2)]
    engine = open_writing_engine(store_url)
    make_former_store(engine)
    batches = [records[begin : begin + 5] for begin in range(0, len(records), 5)]
    store = open_store(store_url, MODEL)
    with FormerService(store_url, batches) as former:
        assert former.is_half_done.wait(60)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == REVISION
        increment = compute_increment(store, packages, monitored(window="last_28d"))  # the tables are today's now
        written = former.written
        former.go_on.set()
        keep_increment(store, increment)
        while former.written < len(batches):
            run_increment(store, packages)
            assert not former.failed
    assert written < former.written == len(batches)
    run_increment(store, packages)
    with engine.connect() as connection:
        counted = [connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("predictions", "actuals")]
    assert sum(filter(None, counted)) == len(records)
    engine.dispose()

    clean = open_store(store_url, "clean")
    writer = LogWriter(store_url)
    writer.write([arrival.record for arrival in make_log("clean", rides=120, seed=SEED)])
    writer.close()
    run_increment(clean, packages)
    found, expected = rows_of(store), rows_of(clean)
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(sums) for key, sums in expected.items())
    for opened in (store, clean):
        opened.close()
