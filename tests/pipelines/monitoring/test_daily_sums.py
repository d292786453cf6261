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


def unknown(value: float | None) -> float:
    return np.nan if value is None else value


def scored(rides: list[tuple[Any, ...]]) -> pd.DataFrame:
    """The rides as scored trips of one hour and zone."""
    actual, answer, miles, half, expected = (np.array([*map(unknown, column)]) for column in zip(*rides, strict=True))
    table = scored_month("2021-03", rides=1).iloc[: len(rides)]
    when = pd.Series(pd.Timestamp("2021-03-01 12:00") + pd.to_timedelta(np.arange(len(rides)), "s"), index=table.index)
    return table.assign(
        lpep_pickup_datetime=when.astype("datetime64[us]"), PULocationID=74, DOLocationID=75, actual_duration=actual,
        trip_distance=miles, predicted_without_distance=answer, lower_without_distance=answer - half,
        upper_without_distance=answer + half, expected_squared_error_without_distance=expected,
    )  # fmt: skip


def sum_arrays(rides: LoggedRides, expected: np.ndarray) -> dict[str, float]:
    known = is_labelled(rides)
    addends = compute_addends(rides, known, rides.predicted, rides.lower, rides.upper, expected)
    return dict(zip((*SUMS, *AWAITED), (float(column.sum()) for column in addends), strict=True))


def compare(rides: list[tuple[Any, ...]], logged: LoggedRides, expected: np.ndarray) -> None:
    rows = sum_days(partitions(scored(rides)), monitoring(window="2021-03"))
    [row] = rows[(rows["slice"] == ALL) & (rows["moment"] == "at_request_time")].to_dict("records")
    found = {name: row[name] for name in (*SUMS, *AWAITED)}
    assert found == pytest.approx(sum_arrays(logged, expected), rel=1e-9, nan_ok=True)
    assert row["out_of_range"] == find_out_of_range(logged).sum()


@settings(max_examples=10, deadline=None)
@given(rides=RIDES)
def test_sums_of_tables_and_of_arrays_are_the_same_whatever_is_not_known(rides: list[tuple[Any, ...]]) -> None:
    actual, answer, miles, half, expected = (np.array([*map(unknown, column)]) for column in zip(*rides, strict=True))
    nothing = np.full(len(rides), np.nan)
    logged = LoggedRides(**dict.fromkeys(LoggedRides._fields, nothing))._replace(
        pickup_zone=np.full(len(rides), 74.0), dropoff_zone=np.full(len(rides), 75.0),
        trip_distance=miles, predicted=answer, lower=answer - half, upper=answer + half, actual=actual,
    )  # fmt: skip
    compare(rides, logged, expected)


@settings(max_examples=6, deadline=None)
@given(rides=RIDES)
def test_sums_of_the_log_in_sqlite_are_those_of_scored_months(
    rides: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rides = [(*ride[:3], ride[3] or 0.0, ride[1]) for ride in rides]  # the log knows all intervals
    folder: Path = tmp_path_factory.mktemp("log")
    url, begin = f"sqlite:///{folder}/log.db", datetime(2021, 3, 1, 12)
    writer, records = LogWriter(url), []
    for number, (actual, answer, miles, half, _) in enumerate(rides):
        when = begin + timedelta(seconds=number)
        at = when.replace(tzinfo=UTC).timestamp() + 5 * 3600
        bounds = (answer, answer - half, answer + half)
        of_model = (1, "champion", 0.5, "green", at)
        records.append(PredictionRecord(f"{number}-p", f"{number}", at, when, 74, 75, miles, *bounds, *of_model))
        if actual is not None:
            records.append(ActualRecord(f"{number}-a", f"{number}", at + 9_000, actual))
    writer.write(records)
    writer.close()
    store = open_store(url, "green")
    [logged] = iterate_rides(store.reading, "green", "2021-03-01", 1_000)
    store.close()
    compare(rides, logged, logged.predicted)
