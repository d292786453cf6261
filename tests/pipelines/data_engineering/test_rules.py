"""Which trips are kept, repaired, flagged and rejected."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_engineering.quality import report_quality
from ride_duration.pipelines.data_engineering.rules import (
    FLAGGING,
    REJECTING,
    REPAIRING,
    _apply_rules,
    _change_of_clocks,
    check_records,
    clean_trips,
    quarantine_trips,
)
from ride_duration.pipelines.data_engineering.trip_records import ROW_NUMBER
from tests.support.trips import MONDAY, Ride, green_records, green_table, ride


def checked(*rides: Ride) -> ir.Table:
    """What the rules say of rides in a file of 2021-01."""
    return check_records(green_records(green_table(list(rides))))


def rows(table: ir.Table) -> list[dict[str, Any]]:
    """The rows of a table, in the order of the file."""
    return table.order_by("ride_id").to_pyarrow().to_pylist()


LENGTHS: list[tuple[int, float, str | None]] = [
    (60, 1, None),
    (59, 59 / 60, "too_short"),
    (61, 61 / 60, None),
    (0, 0, "too_short"),
    (-600, -10, "too_short"),
    (3600, 60, None),
    (3601, 3601 / 60, "too_long"),
    (3599, 3599 / 60, None),
    (86_400, 1440, "too_long"),
]
ACROSS_CHANGES: list[tuple[datetime, datetime, float, str | None]] = [
    (datetime(2021, 3, 14, 1, 52, 46), datetime(2021, 3, 14, 3, 0, 7), 7.35, None),  # real: 2021-03
    (datetime(2021, 3, 14, 1, 59), datetime(2021, 3, 14, 3, 58), 59, None),
    (datetime(2021, 3, 14, 1, 59), datetime(2021, 3, 14, 4, 0), 61, "too_long"),
    (datetime(2021, 3, 14, 1, 50), datetime(2021, 3, 14, 2, 10), 20, None),  # by a clock that was not set
    (datetime(2021, 3, 14, 2, 50), datetime(2021, 3, 14, 3, 10), 20, None),
    (datetime(2021, 11, 7, 0, 50), datetime(2021, 11, 7, 2, 0), 130, "too_long"),
    (datetime(2021, 11, 7, 0, 50), datetime(2021, 11, 7, 1, 10), 20, None),
    (datetime(2021, 11, 7, 1, 10), datetime(2021, 11, 7, 1, 50), 40, None),
    (datetime(2021, 11, 7, 1, 50), datetime(2021, 11, 7, 1, 10), 20, None),
    (datetime(2021, 11, 7, 1, 50), datetime(2021, 11, 7, 2, 10), 20, None),
    (datetime(2021, 11, 7, 2, 50), datetime(2021, 11, 7, 2, 10), -40, "too_short"),
]
TIMELESS: list[tuple[datetime | None, datetime | None]] = [(None, MONDAY), (MONDAY, None), (None, None)]
DISTANCES: list[tuple[float | None, bool]] = [
    (5e-324, False),
    (0.01, False),
    (30.0, False),
    (None, False),
    (math.nextafter(100.0, 101.0), True),
    (100.01, True),
    (244_152.0, True),
    (math.inf, True),
    (0.0, True),
    (-0.0, True),
    (-1.5, True),
    (-math.inf, True),
]
IMPLAUSIBLE: list[tuple[tuple[int | None, int | None], float | None, bool]] = [
    ((132, 230), 0.1, True),
    ((132, 230), 17.5, False),
    ((132, 230), 100.0, True),
    ((132, 230), 100.5, False),  # out of range already
    ((132, 265), 0.1, False),
    ((None, 230), 0.1, False),
    ((132, 230), None, False),
]
PICKUPS: list[tuple[datetime, bool]] = [
    (datetime(2021, 1, 1), False),
    (datetime(2021, 1, 31, 23, 59, 59), False),
    (datetime(2020, 12, 31, 23, 59, 59), True),
    (datetime(2021, 2, 1), True),
    (datetime(2022, 1, 15), True),
    (datetime(2009, 1, 1), True),
]
ZONES: list[tuple[tuple[int | None, int | None], bool]] = [
    ((1, 263), False),
    ((74, 264), True),
    ((265, 75), True),
    ((999, 75), True),
    ((0, 75), True),
    ((None, 75), True),
    ((74, None), True),
    ((None, None), True),
    ((None, 264), True),
]

#: All rides whose verdict is looked up one by one: in one file, since each file that is checked takes half a second.
RIDES = (
    *(ride(seconds) for seconds, *_ in LENGTHS),
    *((74, 75, pickup, dropoff, 2.0) for pickup, dropoff, *_ in ACROSS_CHANGES),
    *((74, 75, pickup, dropoff, 2.0) for pickup, dropoff in TIMELESS),
    *(ride(distance=distance) for distance, _ in DISTANCES),
    *(ride(distance=distance, zones=zones) for zones, distance, _ in IMPLAUSIBLE),
    *(ride(pickup=pickup) for pickup, _ in PICKUPS),
    *(ride(zones=zones) for zones, _ in ZONES),
)


@cache
def verdicts() -> dict[str, dict[str, Any]]:
    """The checked record of each of `RIDES`, in a file that keeps another."""
    return dict(zip(map(repr, RIDES), rows(checked(*RIDES, ride(seconds=700)))[: len(RIDES)], strict=True))


def verdict(one: Ride) -> dict[str, Any]:
    """The checked record of one of `RIDES`."""
    return verdicts()[repr(one)]


@cache
def _kept() -> dict[str, dict[str, Any]]:
    return {trip["ride_id"]: trip for trip in rows(clean_trips(checked(*RIDES, ride(seconds=700))))}


def trip_of(one: Ride) -> dict[str, Any]:
    """The clean trip of one of `RIDES`, which must be kept."""
    return _kept()[verdict(one)["ride_id"]]


@pytest.mark.parametrize(("seconds", "minutes", "reason"), LENGTHS)
def test_trips_of_one_to_sixty_minutes_are_kept(seconds: int, minutes: float, reason: str | None) -> None:
    record = verdict(ride(seconds))
    assert record["duration"] == minutes
    assert record["rejected_because"] == reason


@pytest.mark.parametrize(("pickup", "dropoff", "minutes", "reason"), ACROSS_CHANGES)
def test_a_ride_across_a_change_of_the_clocks_lasts_as_long_as_it_lasted(
    pickup: datetime, dropoff: datetime, minutes: float, reason: str | None
) -> None:
    record = verdict((74, 75, pickup, dropoff, 2.0))
    assert record["duration"] == pytest.approx(minutes)
    assert record["rejected_because"] == reason


@pytest.mark.real_data
@pytest.mark.parametrize(("month", "night"), [("2021-03", "2021-03-14"), ("2023-03", "2023-03-12")])
def test_real_rides_across_two_in_the_morning_in_spring_are_kept(
    month: str, night: str, tlc_month: Callable[[str], Path]
) -> None:
    raw = pq.read_table(tlc_month(month))
    records = green_records(raw.append_column(ROW_NUMBER, pa.array(range(raw.num_rows))), month)
    begins, ends = (records.pickup_datetime, records.dropoff_datetime)
    across = begins.between(f"{night} 01:00", f"{night} 02:00") & ends.between(f"{night} 03:00", f"{night} 03:30")
    found = rows(_apply_rules(records.filter(across)))
    assert len(found) == {"2021-03": 2, "2023-03": 14}[month]
    assert {record["rejected_because"] for record in found} == {None}


@pytest.mark.parametrize("dialect", ["duckdb", "pyspark"])
def test_every_engine_can_be_asked_whether_the_clocks_changed(dialect: str) -> None:
    records = ibis.table({"pickup_datetime": "timestamp", "dropoff_datetime": "timestamp"}, name="records")
    assert "CASE" in ibis.to_sql(_change_of_clocks(records).name("seconds"), dialect=dialect)


@pytest.mark.parametrize(("pickup", "dropoff"), TIMELESS)
def test_without_both_times_there_is_no_trip(pickup: datetime | None, dropoff: datetime | None) -> None:
    record = verdict((74, 75, pickup, dropoff, 2.0))
    assert record["duration"] is None
    assert record["rejected_because"] == "missing_time"
    assert record["outside_month"] is False


def test_a_drop_off_far_in_the_future_is_just_too_long() -> None:
    record = rows(checked((74, 75, MONDAY, datetime(2098, 9, 11), 2.0), ride()))[0]
    assert record["rejected_because"] == "too_long"
    assert record["duration"] == (datetime(2098, 9, 11) - MONDAY).total_seconds() / 60 - 60  # summer there


@pytest.mark.parametrize(("distance", "absurd"), DISTANCES)
def test_an_absurd_distance_becomes_missing_and_the_trip_is_kept(distance: float | None, absurd: bool) -> None:
    trip = trip_of(ride(distance=distance))
    assert trip["distance_out_of_range"] is absurd
    assert trip["trip_distance"] == (None if absurd else distance)
    assert str(trip["trip_distance_raw"]) == str(distance)


@pytest.mark.parametrize(("zones", "distance", "implausible"), IMPLAUSIBLE)
def test_a_distance_that_contradicts_the_zones_becomes_missing_and_the_trip_is_kept(
    zones: tuple[int | None, int | None], distance: float | None, implausible: bool
) -> None:
    trip = trip_of(ride(distance=distance, zones=zones))
    assert trip["distance_implausible"] is implausible
    assert trip["trip_distance_raw"] == distance
    if implausible:
        assert trip["trip_distance"] is None


def test_distances_that_contradict_the_zones_are_counted() -> None:
    records = checked(*(ride(distance=distance, zones=zones) for zones, distance, _ in IMPLAUSIBLE))
    assert report_quality(records)["2021-01"]["repaired"]["distance_implausible"] == 2


def test_repeats_of_an_earlier_row_are_flagged_and_kept() -> None:
    one, unknown = ride(), (None, 75, MONDAY, MONDAY + timedelta(minutes=10), 2.0)
    records = checked(one, ride(distance=2.1), one, ride(zones=(75, 74)), one, ride(seconds=601), unknown, unknown)
    assert [record["repeated"] for record in rows(records)] == [False, False, True, False, True, False, False, False]
    assert report_quality(records)["2021-01"]["flagged"]["repeated"] == 2
    assert clean_trips(records).count().to_pyarrow().as_py() == 8


def test_repeats_without_a_distance_are_flagged_and_those_of_another_month_are_not() -> None:
    january, february = (
        green_records(green_table([ride(distance=None), *more]), month)
        for month, more in (("2021-01", [ride(distance=None)]), ("2021-02", [ride()]))
    )
    assert [record["repeated"] for record in rows(check_records(january.union(february)))] == [False, True] + [
        False
    ] * 2


@pytest.mark.parametrize(("pickup", "stray"), PICKUPS)
def test_a_pick_up_outside_the_month_of_the_file_is_flagged_and_kept(pickup: datetime, stray: bool) -> None:
    record = verdict(ride(pickup=pickup))
    assert record["outside_month"] is stray
    assert record["rejected_because"] is None


@pytest.mark.parametrize(("zones", "unknown"), ZONES)
def test_a_zone_without_a_place_is_flagged_and_the_trip_is_kept(
    zones: tuple[int | None, int | None], unknown: bool
) -> None:
    record = verdict(ride(zones=zones))
    assert record["unknown_zone"] is unknown
    assert record["rejected_because"] is None


TIMES = st.none() | st.datetimes(datetime(2020, 12, 25), datetime(2021, 2, 5))
SECONDS = st.none() | st.integers(-100, 200) | st.integers(3500, 3700) | st.integers(-(10**6), 10**6)


@st.composite
def dirty_rides(draw: st.DrawFn) -> Ride:
    """A ride, or what a meter made of one."""
    zone = st.none() | st.integers(0, 266)
    pickup, seconds = draw(TIMES), draw(SECONDS)
    pickup = pickup and pickup.replace(microsecond=0)
    dropoff = pickup + timedelta(seconds=seconds) if pickup and seconds is not None else None
    return draw(zone), draw(zone), pickup, dropoff, draw(st.none() | st.floats())


# A table takes seconds, however long: few of many rides.
@settings(max_examples=4, deadline=None, derandomize=True)
@given(st.lists(dirty_rides(), min_size=40, max_size=120))
def test_every_record_is_either_kept_or_quarantined_and_the_report_counts_them(rides: list[Ride]) -> None:
    records = ibis.memtable(checked(*rides, ride()).to_pyarrow())
    trips, rejected = rows(clean_trips(records)), rows(quarantine_trips(records))
    kept_ids, rejected_ids = {trip["ride_id"] for trip in trips}, {record["ride_id"] for record in rejected}
    assert not kept_ids & rejected_ids
    assert len(trips) + len(rejected) == len(kept_ids | rejected_ids) == len(rides) + 1

    for trip in trips:
        assert 1 <= trip["duration"] <= 60
        assert trip["trip_distance"] is None or 0 < trip["trip_distance"] <= 100

    entry = report_quality(records)["2021-01"]
    assert (entry["rows"], entry["kept"]) == (len(rides) + 1, len(trips))
    assert {code: count for code, count in entry["rejected"].items() if count} == Counter(
        record["rejected_because"] for record in rejected
    )
    for group, codes in (("repaired", REPAIRING), ("flagged", FLAGGING)):
        assert entry[group] == {code: sum(trip[code] for trip in trips) for code in codes}
        assert entry["affected"][group] == sum(any(trip[code] for code in codes) for trip in trips)


def test_the_quarantine_keeps_records_whole_and_says_why() -> None:
    [record] = rows(quarantine_trips(checked(ride(), ride(seconds=30))))
    assert record["ride_id"] == "green-2021-01-000000001"
    assert record["rejected_because"] in REJECTING
    assert (record["trip_distance_raw"], record["pickup_datetime"]) == (2.0, MONDAY)


def test_a_month_of_which_nothing_is_kept_is_named_with_the_reasons() -> None:
    lost = [ride(30), ride(0), ride(9999), (74, 75, MONDAY, None, 1.0)]
    records = green_records(green_table([ride()])).union(green_records(green_table(lost), "2021-02"))
    with pytest.raises(RideDurationError) as told:
        check_records(records)
    said = str(told.value)
    assert "all 4 trips of 2021-02 were rejected" in said
    assert all(count in said for count in ("1 missing_time", "2 too_short", "1 too_long"))
    assert "leave it out, or download its file again" in said
