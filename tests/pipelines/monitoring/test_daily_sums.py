"""Sums of each day, compared with what pandas says of the same trips."""

import numpy as np
import pandas as pd
import pytest

from ride_duration.errors import NotFound
from ride_duration.pipelines.monitoring.daily_sums import ALL, SUMS, select_days, sum_days
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
