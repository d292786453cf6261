"""Folds: evaluated on later trips than those trained on, all inside the training months."""

import math
from datetime import datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.tuning.folds import make_folds

MONTHS = ("2021-01", "2021-02", "2021-03", "2023-01")


def trips(picked_up: dict[str, list[datetime]]) -> pd.DataFrame:
    """Rows of trips, by the month of their file."""
    rows = [(month, time) for month, times in picked_up.items() for time in times]
    table = pd.DataFrame(rows, columns=["month", "pickup_datetime"]).assign(ride_id=range(len(rows)))
    return table.sample(frac=1, random_state=1)


def month_of_trips(month: str, count: int, step: timedelta) -> list[datetime]:
    """Evenly spread pick-ups."""
    return [datetime.fromisoformat(f"{month}-01") + step * number for number in range(count)]


@st.composite
def training_trips(draw: st.DrawFn) -> pd.DataFrame:
    """Trips of some months, at the seconds of their month, and a few picked up at any other time."""
    strays = st.datetimes(datetime(2009, 1, 1), datetime(2024, 1, 1))
    picked_up = {}
    for month in draw(st.lists(st.sampled_from(MONTHS), min_size=1, unique=True)):
        begin = datetime.fromisoformat(f"{month}-01")
        seconds = st.lists(st.integers(0, 28 * 86_400), min_size=20, max_size=60, unique=True)
        picked_up[month] = [begin + timedelta(seconds=second) for second in draw(seconds)]
        picked_up[month] += draw(st.lists(strays, max_size=3))
    return trips(picked_up)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(training_trips(), st.integers(1, 4), st.sampled_from([0.1, 0.2]))
def test_every_fold_is_judged_on_later_trips_than_it_learns_from(
    rows: pd.DataFrame, at_least: int, share: float
) -> None:
    folds = make_folds(rows, at_least, share)
    months = sorted(rows["month"].unique())
    parts = math.ceil(at_least / len(months))
    assert [fold.month for fold in folds] == [month for month in months for _ in range(parts)]
    for fold in folds:
        assert fold.train["pickup_datetime"].max() < fold.evaluation["pickup_datetime"].min()
        assert set(fold.evaluation["month"]) == {fold.month}
        assert fold.train["month"].max() <= fold.month
        assert not set(fold.train["ride_id"]) & set(fold.evaluation["ride_id"])
    judged = pd.concat([fold.evaluation for fold in folds])
    assert judged["ride_id"].is_unique
    for month, size in rows.groupby("month").size().items():
        assert abs((judged["month"] == month).sum() - size * share * parts) <= 2


def test_a_fold_learns_from_all_that_was_picked_up_earlier() -> None:
    rows = trips({month: month_of_trips(month, 100, timedelta(hours=6)) for month in ("2021-01", "2021-02", "2023-01")})
    folds = make_folds(rows, 2, 0.2)
    assert [(fold.month, len(fold.train), len(fold.evaluation)) for fold in folds] == [
        ("2021-01", 80, 20),
        ("2021-02", 180, 20),
        ("2023-01", 280, 20),
    ]


def test_a_month_alone_gives_as_many_folds_as_are_wanted() -> None:
    rows = trips({"2021-01": month_of_trips("2021-01", 100, timedelta(hours=6))})
    assert [(len(fold.train), len(fold.evaluation)) for fold in make_folds(rows, 3, 0.1)] == [
        (70, 10),
        (80, 10),
        (90, 10),
    ]


def test_rows_keep_their_order() -> None:
    rows = trips({"2021-01": month_of_trips("2021-01", 50, timedelta(hours=6))})
    [fold] = make_folds(rows, 1, 0.2)
    assert list(fold.train.index) == [index for index in rows.index if index in set(fold.train.index)]


def test_parts_that_fill_the_whole_month_are_refused() -> None:
    rows = trips({"2021-01": month_of_trips("2021-01", 50, timedelta(hours=6))})
    with pytest.raises(RideDurationError, match=r"5 parts of 0.2 of a month .* smaller fold_share"):
        make_folds(rows, 5, 0.2)


def test_a_month_with_all_its_trips_at_one_time_cannot_be_cut() -> None:
    with pytest.raises(RideDurationError, match=r"2021-01 has too few trips \(3\)"):
        make_folds(trips({"2021-01": [datetime(2021, 1, 5)] * 3}), 1, 0.2)
