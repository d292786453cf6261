"""Durations across changes of New York's clocks, against the time zone database."""

from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.pipelines.data_engineering.rules import minutes_of
from ride_duration.trips.clock import NEW_YORK, WallClock, find_clock_changes, find_instant, find_instants

CHANGES = (datetime(2021, 3, 14, 2), datetime(2021, 11, 7, 2), datetime(2024, 3, 10, 2), datetime(2024, 11, 3, 2))
TIMES = st.builds(lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(CHANGES), st.integers(-3 * 3600, 3 * 3600),
)  # fmt: skip


def clock(time: datetime) -> WallClock:
    """The parts of a time."""
    return WallClock(time.year, time.month, time.day, time.hour)


def instants(time: datetime) -> list[datetime]:
    """The instants at which the time zone database lets New York show a time: none, one or two."""
    found = {time.replace(tzinfo=NEW_YORK, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(at for at in found if at.astimezone(NEW_YORK).replace(tzinfo=None) == time)


def expected_minutes(pickup: datetime, dropoff: datetime) -> float:
    """Between the instants; where one is missing or there are two, on the wall clock or else the shortest that is."""
    began, ended = instants(pickup), instants(dropoff)
    on_the_wall = (dropoff - pickup).total_seconds() / 60
    if len(began) == len(ended) == 1:
        return (ended[0] - began[0]).total_seconds() / 60
    if len(began) == len(ended) == 2 and on_the_wall < 0 and began[0].year == ended[0].year:
        return (ended[1] - began[0]).total_seconds() / 60
    return on_the_wall


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=200))
def test_durations_of_a_table_are_those_of_the_time_zone_database(rides: list[tuple[datetime, datetime]]) -> None:
    schema = {"pickup_datetime": "timestamp", "dropoff_datetime": "timestamp"}
    table = ibis.memtable([dict(zip(schema, ride, strict=True)) for ride in rides], schema=schema)
    assert minutes_of(table).to_pyarrow().to_pylist() == pytest.approx([expected_minutes(*ride) for ride in rides])


@pytest.mark.parametrize("year", range(2009, 2040))
def test_the_clocks_of_each_year_change_when_the_time_zone_database_says(year: int) -> None:
    hours = [datetime(year, month, day, hour) for month in (3, 11) for day in range(1, 15) for hour in range(5)]
    for hour in [datetime(year, month, 28) for month in range(1, 13)] + hours:
        shown = instants(hour)
        is_summer = bool(shown) and shown[0].astimezone(NEW_YORK).dst() == timedelta(hours=1)
        one = len(shown) == 1
        told = (clock(hour).is_winter, clock(hour).is_summer, clock(hour).is_repeated)
        assert told == (one and not is_summer, one and is_summer, len(shown) == 2), hour


def test_numbers_are_enough_to_find_a_change() -> None:
    before, after = clock(datetime(2021, 3, 14, 1, 59)), clock(datetime(2021, 3, 14, 3, 1))
    assert find_clock_changes(before, after, False) == (True, False)
    assert find_clock_changes(after, after, False) == (False, False)


@pytest.mark.parametrize(
    ("wall_clock", "instant"),
    [
        (datetime(2021, 2, 3, 8, 30), datetime(2021, 2, 3, 13, 30, tzinfo=UTC)),
        (datetime(2021, 7, 3, 8, 30), datetime(2021, 7, 3, 12, 30, tzinfo=UTC)),
        (datetime(2021, 3, 14, 1, 59, 59), datetime(2021, 3, 14, 6, 59, 59, tzinfo=UTC)),
        (datetime(2021, 3, 14, 2, 30), None),
        (datetime(2021, 11, 7, 1, 30), None),
        (datetime(2021, 11, 7, 2), datetime(2021, 11, 7, 7, tzinfo=UTC)),
    ],
)
def test_a_wall_clock_has_an_instant_unless_it_is_skipped_or_shown_twice(
    wall_clock: datetime, instant: datetime | None
) -> None:
    assert find_instant(wall_clock) == (instant and instant.timestamp())


@given(st.lists(TIMES, max_size=20))
def test_instants_of_many_times_are_those_of_the_time_zone_database(times: list[datetime]) -> None:
    found = find_instants(np.array(times, dtype="datetime64[us]"))
    assert found.tolist() == [time.replace(tzinfo=NEW_YORK, fold=0).timestamp() for time in times]
    later = find_instants(np.array(times, dtype="datetime64[us]"), later=True)
    assert later.tolist() == [
        max(time.replace(tzinfo=NEW_YORK, fold=fold).timestamp() for fold in (0, 1)) for time in times
    ]
