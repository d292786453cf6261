"""Unseen values and answers by hour: of scored months and of the log, beside the counts in bins."""

import numpy as np
import pandas as pd
import pytest

from ride_duration.pipelines.monitoring.feature_profiles import (
    Profiles,
    add_rides,
    describe_hours,
    describe_profile,
    list_seen,
    make_profiles,
    read_profiles,
    sum_reference_hours,
)
from ride_duration.stats.drift import draw_days

DAYS = np.datetime64("2021-03-01") + np.arange(28)  # a Monday
ANSWER = "predicted_without_distance"
WEEKDAYS = np.arange(28) % 7


def draw_rides(seed: int, rides: int = 300) -> pd.DataFrame:
    """Rides whose answers follow the hour, on days that differ by themselves."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(28), rides)
    hour = rng.integers(0, 24, len(day)).astype(float)
    mood = np.exp(rng.normal(0, 0.05, 28))[day]
    minutes = mood * (12 + 4 * np.sin(hour / 24 * 2 * np.pi)) * np.exp(rng.normal(0, 0.4, len(day)))
    return pd.DataFrame({"number": day, "day": DAYS[day], "hour": hour, ANSWER: minutes})


PAST = draw_rides(1)
HOURS = sum_reference_hours(PAST, DAYS, ANSWER)
DRAWN = draw_days(WEEKDAYS, np.arange(7), 2_000, 1)


def profile(rides: pd.DataFrame) -> Profiles:
    profiles = make_profiles(28)
    day = rides["number"].to_numpy()
    for name in ("hour", ANSWER):
        add_rides(profiles, list_seen(PAST), name, day, rides[name].to_numpy(), rides["hour"].to_numpy())
    return profiles


def test_rides_are_counted_by_day_and_hour_alike() -> None:
    found = profile(PAST)
    assert found.hours[ANSWER] == pytest.approx(HOURS)
    assert found.hours[ANSWER].sum(axis=(0, 1)) == pytest.approx([len(PAST), PAST[ANSWER].sum()])
    assert found.unseen["hour"].sum() == 0


def test_unseen_hours_are_a_share_of_the_days_that_are_compared() -> None:
    rides = PAST.assign(hour=np.where((PAST["number"] == 27) & (PAST["hour"] < 12), 0.5, PAST["hour"]))
    unseen = profile(rides)
    chosen = np.arange(21, 28)
    share = describe_profile(unseen, PAST, DAYS, "hour", chosen, 7 * 300, DRAWN)["unseen"]
    assert share == ((rides["hour"] == 0.5).sum()) / (7 * 300)
    assert np.isnan(describe_profile(None, PAST, DAYS, "hour", chosen, 7 * 300, DRAWN)["unseen"])


def test_answers_that_move_at_some_hours_are_found_and_quiet_weeks_are_not() -> None:
    quiet = [describe_hours(HOURS, profile(draw_rides(seed)).hours[ANSWER][21:], DRAWN) for seed in range(10, 40)]
    p_values = np.array([found["p_value_by_hour"] for found in quiet])
    assert (p_values <= 0.01).mean() <= 1 / 30
    moved = draw_rides(50)
    moved[ANSWER] *= np.where(moved["hour"].between(7, 10), 1.5, 1.0)
    found = describe_hours(HOURS, profile(moved).hours[ANSWER][21:], DRAWN)
    assert found["p_value_by_hour"] < 0.001
    assert found["by_hour"] > max(one["by_hour"] for one in quiet)
    ratio = np.array(found["hours"]) / np.array(found["hours_in_reference"])
    assert set(np.argsort(ratio)[-4:]) == {7, 8, 9, 10}


def test_hours_without_rides_and_answers_that_are_not_known() -> None:
    night = PAST[PAST["hour"] > 5]
    found = describe_hours(HOURS, profile(night).hours[ANSWER][21:], DRAWN)
    assert np.isnan(found["hours"][0])
    assert found["by_hour"] < 0.5
    nothing = describe_hours(HOURS, np.zeros((7, 24, 2)), DRAWN)
    assert nothing["hours"] is None
    assert np.isnan(nothing["p_value_by_hour"])


def test_rows_of_the_log_give_the_same_profiles_and_those_of_a_former_program_none() -> None:
    profiles = profile(PAST)
    rows = [
        {"day": str(day), "feature": name, "unseen": float(profiles.unseen[name][number]),
         "hours": profiles.hours[name][number].tolist() if name == ANSWER else None}
        for number, day in enumerate(DAYS)
        for name in ("hour", ANSWER)
    ]  # fmt: skip
    found = read_profiles(rows, DAYS)
    assert found.hours[ANSWER] == pytest.approx(HOURS)
    assert found.unseen["hour"].tolist() == profiles.unseen["hour"].tolist()
    former = read_profiles([{"day": "2021-03-01", "feature": ANSWER, "unseen": None, "hours": None}], DAYS)
    assert np.isnan(former.unseen[ANSWER]).all()
    assert former.hours[ANSWER].sum() == 0
