"""Rides as numbers, compared with the same rides one by one."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ride_duration.store.database import open_reading_engine
from ride_duration.store.log_records import ActualRecord, PredictionRecord, Record
from ride_duration.store.queries.ground_truth import load_joined
from ride_duration.store.queries.logged_rides import VARIANTS, LoggedRides, iterate_rides
from tests.support.logged_rides import LogWriter

DAY = datetime(2021, 3, 1)
numbers = st.integers(0, 5)


@st.composite
def draw_log(draw: st.DrawFn) -> list[tuple[str, list[Record]]]:
    """A log of a few rides that are asked for and reported again and again, by two journals."""
    groups = []
    for group in range(draw(st.integers(1, 3))):
        records: list[Record] = []
        for number in range(draw(st.integers(0, 6))):
            ride, at = f"ride {draw(numbers)}", float(draw(numbers))
            pickup = DAY + timedelta(hours=9 * draw(numbers))
            if draw(st.booleans()):
                variant = draw(st.sampled_from(["champion", "challenger", "shadow"]))
                records.append(
                    PredictionRecord(
                        f"{group}-{number}", ride, at, pickup, 1 + draw(numbers), None, draw(st.none() | st.just(2.5)),
                        10.0 + draw(numbers), 5.0, 30.0, 1 + draw(numbers), variant, 0.5,
                        draw(st.sampled_from(["green", "yellow"])), draw(st.none() | st.just(at)),
                    )
                )  # fmt: skip
            elif draw(st.booleans()):
                records.append(ActualRecord(f"{group}-{number}", ride, at, 10.0 + draw(numbers), None, None, 3.5))
            else:
                records.append(ActualRecord(f"{group}-{number}", ride, at, None, pickup + timedelta(minutes=9)))
        groups.append((draw(st.sampled_from(["", "host/1", "host/2"])), records))
    return groups


def read(store_url: str, day: str, rows: int) -> LoggedRides:
    engine = open_reading_engine(store_url)
    batches = list(iterate_rides(engine, "green", day, rows))
    engine.dispose()
    assert all(0 < len(batch.actual) <= rows for batch in batches)
    return (
        LoggedRides._make(np.concatenate([np.empty(0), *values]) for values in zip(*batches, strict=True))
        if (batches)
        else LoggedRides._make(np.empty(0) for _ in LoggedRides._fields)
    )


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=draw_log(), rows=st.integers(1, 4))
def test_rides_as_numbers_are_those_that_count_one_by_one(
    store_url: str, groups: list[tuple[str, list[Record]]], rows: int
) -> None:
    writer = LogWriter(store_url)
    with writer._engine.begin() as connection:
        for table in ("predictions", "actuals"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    for source, records in groups:
        writer.write(records, source)
    writer.close()
    engine = open_reading_engine(store_url)
    counting = [row for row in load_joined(engine) if row.counts and row.prediction.model == "green"]
    engine.dispose()
    for day in ("2021-03-01", "2021-03-02", "2021-03-04"):
        found = read(store_url, day, rows)
        of_day = [row for row in counting if str(row.prediction.pickup_datetime.date()) == day]
        expected = sorted(
            (
                row.prediction.pickup_datetime.replace(tzinfo=None).timestamp(), row.prediction.duration,
                VARIANTS.index(row.prediction.variant), row.prediction.model_version,
                -1.0 if row.actual is None else row.actual, row.prediction.trip_distance or -1.0,
            )
            for row in of_day
        )  # fmt: skip
        offset = datetime(1970, 1, 1).timestamp()
        got = sorted(
            zip(
                (found.wall_clock + offset).tolist(), found.predicted.tolist(), found.variant.tolist(),
                found.version.tolist(), np.nan_to_num(found.actual, nan=-1.0).tolist(),
                np.nan_to_num(found.trip_distance, nan=-1.0).tolist(), strict=True,
            )
        )  # fmt: skip
        assert np.array(got) == pytest.approx(np.array(expected))


def test_reports_are_counted_and_the_metered_distance_is_the_newest_reports(store_url: str) -> None:
    writer = LogWriter(store_url)
    writer.write(
        [
            PredictionRecord(
                "p", "ride", 1.0, DAY, 10, 50, None, 20.0, 10.0, 30.0, 1, "champion", 0.5, "green", 1_614_574_800.0
            ),
            ActualRecord("a", "ride", 100.0, 12.0, None, None, 3.0),
            ActualRecord("b", "ride", 101.0, 12.0, None, None, 3.0),
            ActualRecord("c", "ride", 102.0, 13.0, None, None, 3.5),
        ]
    )
    writer.close()
    found = read(store_url, "2021-03-01", 10)
    one = {name: values[0] for name, values in found._asdict().items()}
    assert (one["reports"], one["values"], one["reported_at"], one["actual"], one["metered"]) == (
        3,
        2,
        100.0,
        13.0,
        3.5,
    )
    assert (one["pickup_at"], one["pickup_zone"], one["variant"]) == (1_614_574_800.0, 10, 0)
    assert np.isnan(one["trip_distance"])
