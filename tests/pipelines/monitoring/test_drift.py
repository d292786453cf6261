"""Weeks with gaps are compared on the days that are there, and with days of the same weekdays."""

import numpy as np
import pandas as pd
import pytest

from ride_duration.pipelines.monitoring.comparable_days import CALENDAR, find_comparable_days
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.drift import Reference, compare_window, find_drifted, measure_drift
from ride_duration.pipelines.monitoring.evaluated import find_evaluated
from ride_duration.stats.binning import count_by_day, find_bins, find_edges
from tests.support.monitoring import monitored, monitoring, partitions, scored_month
from tests.support.packages import package

LIMITS = monitoring().drift_limits
DAYS = np.datetime64("2021-03-01") + np.arange(28)  # a Monday
RIDES = 600


def draw_rides(seed: int) -> pd.DataFrame:
    """Draw rides of 28 days: at weekends they begin later and are longer."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(28), RIDES)
    weekday = day % 7
    hour = np.minimum(rng.uniform(0, 24, len(day)) + 2 * (weekday > 4), 23.99)
    distance = rng.gamma(2, 1.5 + 0.5 * (weekday > 4))
    table = {"number": day, "hour": hour, "weekday": weekday.astype(float), "distance": distance}
    return pd.DataFrame(table | {"hour_of_week": 24 * weekday + hour})


FEATURES = ("hour", "weekday", "hour_of_week", "distance")
PAST, NOW = draw_rides(1), draw_rides(2)
EDGES = {name: find_edges(PAST[name]) for name in FEATURES}


def count(rides: pd.DataFrame) -> dict[str, np.ndarray]:
    """Count rides by day and bin."""
    number = rides["number"].to_numpy()
    return {
        name: count_by_day(number, find_bins(rides[name], edges), 28, len(edges) + 2) for name, edges in EDGES.items()
    }


REFERENCE = Reference(DAYS, EDGES, count(PAST), PAST)


def compare(rides: pd.DataFrame, incidents: np.ndarray | None = None) -> pd.DataFrame:
    """Compare the last three weeks with the reference."""
    counts = count(rides)
    values = {name: [(rides["number"].to_numpy(), rides[name].to_numpy())] for name in FEATURES}
    comparable = find_comparable_days(counts, np.zeros(28, dtype=bool) if incidents is None else incidents)
    windows = [slice(7 * week, 7 * week + 7) for week in (3, 2, 1)]
    tables = [compare_window(REFERENCE, DAYS, counts, values, window, LIMITS, 1, comparable) for window in windows]
    return pd.concat(tables, ignore_index=True)


def remove(rides: pd.DataFrame, *days: int, from_hour: float = 0.0) -> pd.DataFrame:
    return rides[~(rides["number"].isin(days) & (rides["hour"] >= from_hour))]


def test_a_quiet_month_differs_in_nothing() -> None:
    scores = compare(NOW)
    assert len(scores) == 3 * len(FEATURES)
    assert find_drifted(scores, LIMITS)[0] == []


@pytest.mark.parametrize(
    "rides",
    [
        remove(NOW, 10, 17),
        remove(NOW, 10, 11, 17, 18, 24),
        remove(NOW, 11, 18, 25, from_hour=12.0),
        remove(NOW, *range(11), 17),
    ],
    ids=["a day of two weeks", "an outage of two days", "half days", "the log begins in the middle of a week"],
)
def test_weeks_with_gaps_are_no_other_rides(rides: pd.DataFrame) -> None:
    scores = compare(rides)
    assert find_drifted(scores, LIMITS)[0] == []
    assert not scores["beyond"].any(), scores
    gaps = scores.groupby("first")["feature"].agg(set)
    assert any(not found & set(CALENDAR) for found in gaps)
    assert all("distance" in found for found in gaps)


def test_days_that_are_left_out_do_not_hide_what_changed() -> None:
    changed = NOW.assign(distance=NOW["distance"] * np.where(NOW["number"] >= 14, 1.5, 1.0))
    assert find_drifted(compare(remove(changed, 17, 24)), LIMITS)[0] == ["distance"]


def test_incidents_are_no_other_rides() -> None:
    broken = np.isin(np.arange(28), [15, 16, 22, 23])
    changed = NOW.assign(distance=NOW["distance"] * np.where(broken[NOW["number"]], 3.0, 1.0))
    assert find_drifted(compare(changed), LIMITS)[0] == ["distance"]
    assert find_drifted(compare(changed, broken), LIMITS)[0] == []


def test_a_week_of_which_half_is_missing_is_not_compared() -> None:
    scores = compare(remove(NOW, 21, 22, 23, 24))
    assert str(scores["first"].max())[:10] == "2021-03-15"
    nothing = compare(NOW.iloc[:0])
    assert nothing.empty
    assert find_drifted(nothing, LIMITS) == ([], [])
    assert nothing["beyond"].sum() == 0


def test_a_month_with_gaps_is_scored_as_before_and_broken_days_are_left_out() -> None:
    trips = scored_month("2021-03", rides=200)
    asked = monitored(window="2021-03")
    day = trips["lpep_pickup_datetime"].dt.day
    slow = trips.assign(actual_duration=trips["actual_duration"] * np.where(day == 24, 1.8, 1.0))
    scored = partitions(slow[day != 16])
    scores = measure_drift(scored, {1: package}, find_evaluated(sum_days(scored, asked), asked), asked)
    by_week = scores.groupby("first")["feature"].agg(set)
    assert [bool(found & set(CALENDAR)) for found in by_week] == [False, False, True]
    assert all("trip_distance" in found for found in by_week)


def test_a_week_is_compared_with_the_week_before_by_the_same_steps() -> None:
    changed = NOW.assign(distance=NOW["distance"] * np.where(NOW["number"] >= 21, 1.5, 1.0))
    scores = compare(changed).set_index(["first", "feature"])
    newest, before = (scores.xs(np.datetime64(day), level="first") for day in ("2021-03-22", "2021-03-15"))
    assert newest["changed"][newest["changed"]].index.tolist() == ["distance"]
    assert newest.loc["distance", "adjusted_to_previous"] <= LIMITS.alpha
    assert not before["changed"].any()
    assert (before["adjusted_to_previous"] >= before["p_value_to_previous"]).all()


def test_a_week_after_a_gap_has_no_week_before() -> None:
    scores = compare(remove(NOW, *range(14, 21)))
    newest = scores[scores["first"] == scores["first"].max()]
    assert newest["psi_to_previous"].isna().all()
    assert newest["adjusted_to_previous"].isna().all()
    assert not newest["changed"].any()


def test_weeks_of_one_kind_differ_from_the_week_before_as_rarely_as_promised() -> None:
    found = [compare(draw_rides(seed))[["p_value_to_previous", "changed"]] for seed in range(10, 14)]
    together = pd.concat(found)
    assert (together["p_value_to_previous"] <= 0.05).mean() <= 0.1
    assert together["changed"].mean() <= 0.01


def test_zones_that_the_reference_lacks_and_answers_by_hour_stand_beside_each_score() -> None:
    trips = scored_month("2021-03", rides=200)
    asked = monitored(window="2021-03")
    scored = partitions(trips)
    scores = measure_drift(scored, {1: package}, find_evaluated(sum_days(scored, asked), asked), asked)
    newest = scores[scores["first"] == scores["first"].max()].set_index("feature")
    assert newest["unseen"].between(0, 1).all()
    assert newest.loc["weekday", "unseen"] == 0
    answer = newest.loc["predicted_without_distance"]
    assert len(answer["hours"]) == len(answer["hours_in_reference"]) == 24
    assert answer["by_hour"] > 1  # these answers are the same at all hours, and those of the reference are not
    assert 0 < answer["p_value_by_hour"] <= 1
    assert newest.loc["hour", "hours"] is None
