"""The log, computed day by day as records come in: the same rows as of the whole log at once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.datasets.prediction_log import keep_increment
from ride_duration.errors import IntegrityError, RideDurationError
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.monitoring.daily_sums import SUMS
from ride_duration.pipelines.monitoring.logged_days import compute_increment
from ride_duration.store.database import migrate
from ride_duration.store.log_records import ActualRecord, PredictionRecord
from ride_duration.store.monitoring import (
    DayEvidence,
    Evidence,
    claim_log,
    load_days,
    load_labels,
    load_progress,
    load_snapshot,
    replace_days,
)
from tests.conftest import Project
from tests.support.killed_increments import SEED
from tests.support.logged_rides import LogWriter, disturb, make_log, open_store, run_increment
from tests.support.monitoring import CONFIGURED, monitored

KEY = ("day", "version", "variant", "moment", "slice")
#: What late, repeated and corrected reports do not change, once the last has come.
LABELS = ("rides", "labelled", "out_of_range", "hours")

Packages = dict[int, Callable[[], ModelPackage]]


def rows_of(store: MonitoredStore) -> dict[tuple[Any, ...], list[float]]:
    """The numbers of each row of a day: sums, reports, features; None as -1."""
    rows = load_days(store.engine, store.model, Evidence.LOG)
    numbers: dict[tuple[Any, ...], list[float]] = {
        tuple(row[name] for name in KEY): [-1.0 if row[name] is None else row[name] for name in SUMS] for row in rows
    }
    for row in load_labels(store.engine, store.model):
        numbers["labels", row["day"]] = np.hstack([np.ravel(row[name]) for name in LABELS]).tolist()
    for row in load_snapshot(store.engine, store.model, [], ("", "9999")).features:
        numbers["feature", row["day"], row["feature"]] = row["counts"] + row["quantiles"]
    return numbers


def assert_same(one: MonitoredStore, other: MonitoredStore) -> None:
    found, expected = rows_of(one), rows_of(other)
    assert found.keys() == expected.keys()
    for key, sums in expected.items():
        assert found[key] == pytest.approx(sums), key
    moments = {key[3] for key in found if len(key) == len(KEY)}
    assert moments == {"at_request_time", "with_distance"}, "the rides were not answered again"
    assert any(key[0] == "feature" for key in found)
    assert all(sums[SUMS.index("expected")] > 0 for key, sums in found.items() if len(key) == len(KEY) and sums[1])


@pytest.fixture(scope="module")
def folder(finished: Project) -> Path:
    """Of a package with error model and reference."""
    return finished.data("06_models/model_package")


@pytest.fixture(scope="module")
def packages(folder: Path) -> Packages:
    """The package as version 1."""
    opened = ModelPackage.load(folder)
    return {1: lambda: opened}


@pytest.fixture
def writer(store_url: str) -> Iterator[LogWriter]:
    opened = LogWriter(store_url)
    yield opened
    opened.close()


def test_only_the_package_of_the_newest_champion_must_be_whole(
    store_url: str, writer: LogWriter, packages: Packages
) -> None:
    store = open_store(store_url, "swapped")
    records = [arrival.record for arrival in make_log(store.model, metered=True)]
    swap = {"model_version": 2}
    writer.write(
        [
            msgspec.structs.replace(one, **swap)
            if isinstance(one, PredictionRecord) and str(one.pickup_datetime) >= "2021-02-02"
            else one
            for one in records
        ]
    )

    def open_damaged() -> ModelPackage:
        raise IntegrityError("model.onnx was changed")

    assert store.find_newest_champion() == 2
    with pytest.raises(IntegrityError, match=r"model\.onnx was changed"):
        run_increment(store, {1: packages[1], 2: open_damaged})
    assert load_progress(store.engine, store.model).watermark == (0, 0)
    assert not load_days(store.engine, store.model, Evidence.LOG)
    assert len(run_increment(store, {1: open_damaged, 2: packages[1]})) == 3
    expected = {
        (row["version"], row["expected"] is None)
        for row in load_days(store.engine, store.model, Evidence.LOG)
        if row["slice"] == "all"
    }
    assert expected == {(1, True), (2, False)}
    store.close()


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1_000), cuts=st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_after_the_last_late_report_and_one_more_run_the_rows_are_those_of_the_clean_log(
    store_url: str, writer: LogWriter, packages: Packages, seed: int, cuts: list[float]
) -> None:
    clean, disturbed = (open_store(store_url, f"{name}-{uuid4().hex}") for name in ("clean", "disturbed"))
    writer.write([arrival.record for arrival in make_log(clean.model, seed=seed, metered=True)])
    run_increment(clean, packages)
    arrivals = disturb(make_log(disturbed.model, seed=seed, metered=True), seed, late=0.3, doubled=0.1, wrong=0.1)
    ends = sorted(int(cut * len(arrivals)) for cut in cuts)
    for begin, end in zip([0, *ends], [*ends, len(arrivals)], strict=True):
        writer.write([arrival.record for arrival in arrivals[begin:end]])
        run_increment(disturbed, packages)
    assert run_increment(disturbed, packages) == ()
    assert_same(disturbed, clean)
    clean.close()
    disturbed.close()


def test_the_rows_do_not_depend_on_how_many_rides_are_read_at_a_time(
    store_url: str, writer: LogWriter, packages: Packages
) -> None:
    at_once, by_seven = (open_store(store_url, f"{name}-{uuid4().hex}") for name in ("whole", "parts"))
    asked = monitored(window="last_28d", log_limits={**CONFIGURED["log_limits"], "rides_of_a_day": 100})
    for store, rows in ((at_once, 100_000), (by_seven, 7)):  # seven are fewer than anybody may configure
        writer.write([arrival.record for arrival in make_log(store.model, days=2, rides=250, metered=True)])
        limits = asked.log_limits.model_copy(update={"rows": rows})
        keep_increment(store, compute_increment(store, packages, asked.model_copy(update={"log_limits": limits})))
    assert_same(by_seven, at_once)
    labelled = {
        key[3]: sums[1] for key, sums in rows_of(by_seven).items() if key[0] == "2021-02-01" and key[4] == "all"
    }
    assert 0 < labelled["with_distance"] <= 100 < labelled["at_request_time"]
    for store in (at_once, by_seven):
        store.close()


def test_only_days_with_news_are_computed_again(store_url: str, writer: LogWriter) -> None:
    store = open_store(store_url, "green")
    log = make_log("green", days=3)
    writer.write([arrival.record for arrival in log])
    assert run_increment(store) == ("2021-02-01", "2021-02-02", "2021-02-03")
    assert run_increment(store) == ()
    writer.write([ActualRecord("late", "green-25", 0.0, 10.0)])  # of a clock that is wrong, and another journal
    writer.write([ActualRecord("nobody", "no such ride", 0.0, 10.0)])
    assert run_increment(store) == ("2021-02-02",)
    first = log[0].record
    assert isinstance(first, PredictionRecord)
    moved = {"asked_at": first.asked_at + 1, "pickup_datetime": datetime(2021, 2, 3, 12)}
    writer.write([msgspec.structs.replace(first, prediction_id="again", **moved)], source="host/2")
    assert set(run_increment(store)) == {"2021-02-01", "2021-02-03"}
    store.close()


def kill_increments(store_url: str, writer: LogWriter, folder: Path, points: list[int]) -> list[str]:
    """Kill the computation at these points, compute once more, and compare with an undisturbed one."""
    killed, clean = (open_store(store_url, f"{name}-{uuid4().hex}") for name in ("killed", "clean"))
    module = "tests.support.killed_increments"
    command = [sys.executable, "-m", module, store_url, killed.model, str(folder), *map(str, points)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    packages = {1: lambda: ModelPackage.load(folder)}
    run_increment(killed, packages)
    writer.write([arrival.record for arrival in make_log(clean.model, days=4, rides=8, seed=SEED, metered=True)])
    run_increment(clean, packages)
    assert_same(killed, clean)
    for store in (killed, clean):
        store.close()
    return ended.stdout.splitlines()


def test_a_killed_increment_leaves_what_the_next_one_completes(store_url: str, writer: LogWriter, folder: Path) -> None:
    found = kill_increments(store_url, writer, folder, [8, 19, 31])
    assert found[:2] == ["killed -9", "killed -9"]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_point_the_rows_are_those_of_an_undisturbed_run(
    store_url: str, writer: LogWriter, folder: Path, seed: int
) -> None:
    points = [random.Random(f"{seed}-{number}").randrange(1, 45) for number in range(14)]
    found = kill_increments(store_url, writer, folder, points)
    assert len(found) == len(points)
    assert found.count("killed -9") >= 10, found  # a point may lie behind the last statement of its part


def test_a_run_that_was_interrupted_is_gone_on_with(store_url: str, writer: LogWriter, packages: Packages) -> None:
    """As well where nothing of the log counted as computed, as after the migration of what is out of range."""
    clean, store = (open_store(store_url, f"{name}-{uuid4().hex}") for name in ("clean", "interrupted"))
    later = []
    for one in (clean, store):
        log = [arrival.record for arrival in make_log(one.model, days=5, metered=True)]
        later.append([record for record in log if isinstance(record, ActualRecord)][-1])
        writer.write([record for record in log if record is not later[-1]])
    increment = compute_increment(store, packages, monitored(window="last_28d"))
    days = iter(increment.days)
    with pytest.raises(InterruptedError):
        keep_increment(store, increment._replace(days=interrupt(days, after=3)))
    assert load_progress(store.engine, store.model).pending == ("2021-02-04", "2021-02-05")
    for record in later:
        writer.write([record])
    left = run_increment(store, packages)
    assert set(left) >= {"2021-02-04", "2021-02-05"}
    assert not {"2021-02-01", "2021-02-02"} & set(left), "computed before, and nothing is new"
    assert load_progress(store.engine, store.model).pending == run_increment(store, packages) == ()
    run_increment(clean, packages)
    assert_same(store, clean)
    clean.close()
    store.close()


def interrupt(days: Iterator[DayEvidence], after: int) -> Iterator[DayEvidence]:
    for _ in range(after):
        yield next(days)
    raise InterruptedError


def test_two_increments_at_once_double_nothing_and_lose_nothing(
    store_url: str, writer: LogWriter, packages: Packages
) -> None:
    clean, one = (open_store(store_url, f"{name}-{uuid4().hex}") for name in ("clean", "both"))
    other = open_store(store_url, one.model)
    for store in (clean, one):
        log = make_log(store.model, metered=True)
        writer.write([arrival.record for arrival in log[: len(log) // 2]])
        if store is one:
            first = compute_increment(one, packages, monitored(window="last_28d"))
        writer.write([arrival.record for arrival in log[len(log) // 2 :]])
    second = compute_increment(other, packages, monitored(window="last_28d"))
    assert first.news is not None
    assert second.news is not None
    keep_increment(other, second)
    with pytest.raises(RideDurationError, match="another run of the monitoring has begun"):
        keep_increment(one, first)  # it has seen less, and is written last
    assert load_progress(one.engine, one.model).watermark == second.news.reached
    run_increment(clean, packages)
    run_increment(one, packages)
    assert_same(one, clean)
    for store in (clean, one, other):
        store.close()


def test_rows_that_counted_durations_alone_are_computed_again_after_the_update(
    store_url: str, writer: LogWriter
) -> None:
    store = open_store(store_url, f"former-{uuid4().hex}")
    records = [arrival.record for arrival in make_log(store.model, days=1, rides=10, metered=True)]
    asked = [record for record in records if isinstance(record, PredictionRecord)]
    strange = {asked[0].ride_id: {"pickup_zone": 264}, asked[1].ride_id: {"trip_distance": 90_000.0}}
    writer.write([msgspec.structs.replace(one, **strange.pop(one.ride_id, {})) for one in records])
    [day] = run_increment(store)
    now = load_labels(store.engine, store.model)[0]["out_of_range"]
    assert run_increment(store) == (), "nothing has come in"
    read = load_progress(store.engine, store.model).watermark
    claim_log(store.engine, store.model, "a run of the former program", read, read, [], 1.0)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE monitoring_labels SET out_of_range = 0"))
        for column in (
            "days DROP awaited",
            "days DROP awaited_expected",
            "features DROP unseen",
            "features DROP hours",
            "labels DROP no_pickup_zone",
            "labels DROP no_dropoff_zone",
        ):
            connection.execute(text(f"ALTER TABLE monitoring_{column}"))  # of 0014 and 0016
        for column in ("duration_raw", "lower_raw", "upper_raw", "level"):
            connection.execute(text(f"ALTER TABLE predictions DROP {column}"))  # of 0015
        connection.execute(text("ALTER TABLE monitoring_watermarks DROP pending"))  # of 0017
        for table in ("levels", "leases"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0012'"))
    migrate(store.engine)
    with pytest.raises(RideDurationError, match="another run of the monitoring has begun"):
        replace_days(
            store.engine, store.model, Evidence.LOG, [DayEvidence(day, [])], 1.0, "a run of the former program"
        )
    assert run_increment(store) == (day,)
    assert load_labels(store.engine, store.model)[0]["out_of_range"] == now >= 2
    assert run_increment(store) == ()
    store.close()
