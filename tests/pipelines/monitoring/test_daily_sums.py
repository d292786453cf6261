"""Sums of each day, compared with what pandas says of the same trips."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.errors import NotFound
from ride_duration.pipelines.monitoring.daily_sums import ALL, SUMS, select_days, sum_days
from ride_duration.pipelines.monitoring.evidence import AWAITED
from ride_duration.pipelines.monitoring.label_delays import find_out_of_range, is_labelled
from ride_duration.pipelines.monitoring.logged_days import compute_addends
from ride_duration.store.log_records import ActualRecord, PredictionRecord
from ride_duration.store.queries.logged_rides import LoggedRides, iterate_rides
from tests.support.logged_rides import LogWriter, open_store
from tests.support.monitoring import monitoring, partitions, scored_month


def test_sums_are_those_of_the_trips_of_each_day() -> None:
    trips = scored_month("2021-03", rides=40)
    trips.loc[::7, "actual_duration"] = np.nan
    trips.loc[::11, "actual_duration"] = 1_440.0
    trips.loc[::13, ["predicted_without_distance", "lower_without_distance", "upper_without_distance"]] = np.nan
    rows = sum_days(partitions(trips), monitoring(window="2021-03"))
    for moment, name, suffix in (
        ("with_distance", "predicted_duration", ""),
        ("at_request_time", "predicted_without_distance", "_without_distance"),
    ):
        answered = trips[trips[name].notna()]
        known = answered[answered["actual_duration"].between(1, 60)]
        day = known["lpep_pickup_datetime"].dt.date
        p, y = known[name], known["actual_duration"]
        expected = {
            "rides": answered.groupby(answered["lpep_pickup_datetime"].dt.date).size(),
            "labelled": y.groupby(day).size(), "actual": y.groupby(day).sum(), "predicted": p.groupby(day).sum(),
            "absolute": (p - y).abs().groupby(day).sum(), "squared": ((p - y) ** 2).groupby(day).sum(),
            "product": (p * y).groupby(day).sum(), "actual_squared": (y**2).groupby(day).sum(),
            "predicted_squared": (p**2).groupby(day).sum(),
            "expected": known[f"expected_squared_error{suffix}"].groupby(day).sum(),
            "covered": y.between(known[f"lower{suffix}"], known[f"upper{suffix}"]).groupby(day).sum(),
            "width": (known[f"upper{suffix}"] - known[f"lower{suffix}"]).groupby(day).sum(),
            "within_5": ((p - y).abs() <= 5).groupby(day).sum(),
        }  # fmt: skip
        days = select_days(rows, 1, moment, "2021-03-01", "2021-03-31")
        for column in SUMS:
            assert getattr(days, column) == pytest.approx(expected[column].to_numpy(dtype=float)), column


def test_predictions_that_are_not_finite_count_as_missing() -> None:
    trips = scored_month("2021-03", rides=40)
    answers = ["predicted_without_distance", "lower_without_distance", "upper_without_distance"]
    missing = trips.copy()
    missing.loc[::9, answers] = np.nan
    for value in (np.inf, -np.inf):
        infinite = trips.copy()
        infinite.loc[::9, answers] = value
        rows, expected = (sum_days(partitions(table), monitoring(window="2021-03")) for table in (infinite, missing))
        pd.testing.assert_frame_equal(rows, expected)
        assert np.isfinite(select_days(rows, 1, "at_request_time", "2021-03-01", "2021-03-31").predicted).all()


def test_slices_add_up_to_all() -> None:
    rows = sum_days(partitions(scored_month("2021-03", rides=40)), monitoring(window="2021-03"))
    of_moment = rows[rows["moment"] == "with_distance"]
    total = of_moment[of_moment["slice"] == ALL]["squared"].sum()
    by_borough = of_moment[of_moment["slice"].str.startswith("from ")]
    assert set(by_borough["slice"]) == {"from Manhattan", "from Queens"}
    assert by_borough["squared"].sum() == pytest.approx(total)
    by_part = of_moment[of_moment["slice"].str.contains("h\\)|late")]
    assert by_part["slice"].nunique() == 5
    assert by_part["squared"].sum() == pytest.approx(total)


def test_the_month_before_is_there_for_comparison_and_stray_dates_are_not() -> None:
    strays = scored_month("2021-03", rides=40)
    strays.loc[0, "lpep_pickup_datetime"] = pd.Timestamp("2009-01-01")
    rows = sum_days(partitions(scored_month("2021-02", rides=40), strays), monitoring(window="2021-03"))
    days = pd.to_datetime(rows["day"])
    assert (days.min(), days.max()) == (pd.Timestamp("2021-02-01"), pd.Timestamp("2021-03-31"))


def test_a_day_without_rides_is_a_row_of_zeros() -> None:
    trips = scored_month("2021-03", rides=40)
    rows = sum_days(partitions(trips[trips["lpep_pickup_datetime"].dt.day != 10]), monitoring(window="2021-03"))
    days = select_days(rows, 1, "with_distance", "2021-03-01", "2021-03-31")
    assert len(days.day) == 31
    assert [getattr(days, name)[9] for name in SUMS] == [0.0] * len(SUMS)


def test_what_a_former_program_scored_has_no_answers_at_request_time() -> None:
    later = [name for name in scored_month("2021-03", rides=1).columns if "without" in name or "expected" in name]
    former = scored_month("2021-03", rides=40).drop(columns=[*later, "trip_distance"])
    rows = sum_days(partitions(former), monitoring(window="2021-03"))
    assert set(rows["moment"]) == {"with_distance"}
    assert np.isnan(select_days(rows, 1, "with_distance", "2021-03-01", "2021-03-31").expected).all()


def test_a_month_that_was_not_scored_is_named() -> None:
    with pytest.raises(NotFound, match=r"2021-04 of green taxis has not been scored.*score_data=2021-04"):
        sum_days(partitions(scored_month("2021-03", rides=1)), monitoring(window="2021-03..2021-04"))


#: Minutes that a ride took, minutes that were answered, miles, half the width of the interval, expected squared error.
RIDES = st.lists(
    st.tuples(
        st.none() | st.floats(0.2, 80),
        st.floats(0.5, 90),
        st.none() | st.sampled_from([0.0, 2.5, 90_000.0]),
        st.none() | st.floats(0, 30),
        st.none() | st.floats(0, 500),
    ),
    min_size=1,
    max_size=12,
)
#: Rides of some days from 2021-03-01 on, a case on each: a table takes a second, however long.
DAYS = st.lists(RIDES, min_size=4, max_size=7)


def unknown(value: float | None) -> float:
    return np.nan if value is None else value


def columns_of(rides: list[tuple[Any, ...]]) -> tuple[np.ndarray, ...]:
    """Rides as columns: actual and answered minutes, miles, half the width, expected squared error."""
    return tuple(np.array([*map(unknown, column)]) for column in zip(*rides, strict=True))


def scored(days: list[list[tuple[Any, ...]]]) -> pd.DataFrame:
    """The rides of each day as scored trips of one hour and zone."""
    actual, answer, miles, half, expected = columns_of([ride for rides in days for ride in rides])
    table = scored_month("2021-03", rides=3).iloc[: len(actual)]
    when = [
        pd.Timestamp(2021, 3, day, 12) + pd.Timedelta(second, "s")
        for day, rides in enumerate(days, 1)
        for second in range(len(rides))
    ]
    return table.assign(
        lpep_pickup_datetime=pd.Series(when, index=table.index).astype("datetime64[us]"),
        PULocationID=74, DOLocationID=75, actual_duration=actual,
        trip_distance=miles, predicted_without_distance=answer, lower_without_distance=answer - half,
        upper_without_distance=answer + half, expected_squared_error_without_distance=expected,
    )  # fmt: skip


def sum_arrays(rides: LoggedRides, expected: np.ndarray) -> dict[str, float]:
    known = is_labelled(rides)
    addends = compute_addends(rides, known, rides.predicted, rides.lower, rides.upper, expected)
    return dict(zip((*SUMS, *AWAITED), (float(column.sum()) for column in addends), strict=True))


def compare(days: list[list[tuple[Any, ...]]], logged: list[LoggedRides], expected: list[np.ndarray]) -> None:
    table = sum_days(partitions(scored(days)), monitoring(window="2021-03"))
    table = table[(table["slice"] == ALL) & (table["moment"] == "at_request_time")].sort_values("day")
    for row, rides, errors in zip(table.to_dict("records"), logged, expected, strict=True):
        found = {name: row[name] for name in (*SUMS, *AWAITED)}
        assert found == pytest.approx(sum_arrays(rides, errors), rel=1e-9, nan_ok=True)
        assert row["out_of_range"] == find_out_of_range(rides).sum()


@settings(max_examples=3, deadline=None)
@given(days=DAYS)
def test_sums_of_tables_and_of_arrays_are_the_same_whatever_is_not_known(days: list[list[tuple[Any, ...]]]) -> None:
    columns = [columns_of(rides) for rides in days]
    logged = [
        LoggedRides(**dict.fromkeys(LoggedRides._fields, np.full(len(actual), np.nan)))._replace(
            pickup_zone=np.full(len(actual), 74.0), dropoff_zone=np.full(len(actual), 75.0),
            trip_distance=miles, predicted=answer, lower=answer - half, upper=answer + half, actual=actual,
        )
        for actual, answer, miles, half, _ in columns
    ]  # fmt: skip
    compare(days, logged, [expected for *_, expected in columns])


@settings(max_examples=2, deadline=None)
@given(days=DAYS)
def test_sums_of_the_log_in_sqlite_are_those_of_scored_months(
    days: list[list[tuple[Any, ...]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # The log knows all intervals.
    days = [[(*ride[:3], ride[3] or 0.0, ride[1]) for ride in rides] for rides in days]
    folder: Path = tmp_path_factory.mktemp("log")
    url = f"sqlite:///{folder}/log.db"
    writer, records = LogWriter(url), []
    for day, number, (actual, answer, miles, half, _) in (
        (day, number, ride) for day, rides in enumerate(days, 1) for number, ride in enumerate(rides)
    ):
        when = datetime(2021, 3, day, 12) + timedelta(seconds=number)
        at = when.replace(tzinfo=UTC).timestamp() + 5 * 3600
        bounds = (answer, answer - half, answer + half)
        name, of_model = f"{day}-{number}", (1, "champion", 0.5, "green", at)
        records.append(PredictionRecord(f"{name}-p", name, at, when, 74, 75, miles, *bounds, *of_model))
        if actual is not None:
            records.append(ActualRecord(f"{name}-a", name, at + 9_000, actual))
    writer.write(records)
    writer.close()
    store = open_store(url, "green")
    logged = [
        rides
        for day in range(1, len(days) + 1)
        for rides in iterate_rides(store.reading, "green", f"2021-03-{day:02}", 1_000)
    ]
    store.close()
    compare(days, logged, [rides.predicted for rides in logged])
