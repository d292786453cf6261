"""Which rides lack a report: named where it is not by chance, on whole days drawn again seldom where it is."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.pipelines.monitoring.label_coverage import (
    Counted,
    compare_coverage,
    compare_label_coverage,
    count_hours,
    count_slices,
    describe_gaps,
)
from tests.support.monitoring import monitoring

LIMITS = monitoring(window="last_28d").log_limits


def draw_days(rng: np.random.Generator, days: int, labelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rides and labelled rides by day and group: days differ in both, groups by what is labelled of each."""
    rides = rng.poisson(rng.lognormal(3.5, 0.3, (days, 1)) * rng.uniform(0.1, 2, len(labelled)))
    share = np.clip(labelled * rng.beta(60, 2, (days, 1)), 0, 1)
    return rides.astype(np.float64), rng.binomial(rides, share).astype(np.float64)


def to_groups(rides: np.ndarray, labelled: np.ndarray) -> dict[str, Counted]:
    return {f"{number} h": Counted(rides[:, number], labelled[:, number]) for number in range(rides.shape[1])}


def test_whole_days_drawn_again_are_seldom_said_to_lack_some_rides() -> None:
    rng = np.random.default_rng(1)
    rides, labelled = draw_days(rng, 60, np.full(24, 0.97))
    said = 0
    for _ in range(150):
        drawn = rng.integers(0, 60, 28)
        said += bool(describe_gaps(compare_coverage([to_groups(rides[drawn], labelled[drawn])], LIMITS)))
    assert said <= 2


def test_chance_is_not_named_where_few_rides_are_labelled() -> None:
    rng = np.random.default_rng(2)
    said = 0
    for _ in range(100):
        rides, labelled = draw_days(rng, 28, np.full(24, 0.5))  # groups of a few rides: shares differ by more than 5 %
        said += bool(describe_gaps(compare_coverage([to_groups(rides, labelled)], LIMITS)))
    assert said <= 3


def test_a_feed_that_loses_the_evening_is_named() -> None:
    shares = np.full(24, 0.98)
    shares[19:22] = 0.6
    rides, labelled = draw_days(np.random.default_rng(3), 28, shares)
    found = compare_coverage([to_groups(rides, labelled)], LIMITS)
    assert {one.group for one in found if one.differs} >= {"19 h", "20 h", "21 h"}
    assert not any(one.differs and one.difference < 0 for one in found if one.group not in ("19 h", "20 h", "21 h"))
    sentence = describe_gaps(found)
    assert sentence.startswith("Labels are not missing at random, by rides: 19 h")
    assert "0 h" not in sentence.replace("20 h", "")
    assert "19 h 5" in sentence or "19 h 6" in sentence
    one = next(one for one in found if one.group == "19 h")
    assert one.low is not None
    assert one.high is not None
    assert one.low < one.share < one.high


def test_a_week_of_days_is_needed() -> None:
    shares = np.array([0.5, 0.99])
    rides, labelled = draw_days(np.random.default_rng(4), 6, shares)
    assert not any(one.differs for one in compare_coverage([to_groups(rides, labelled)], LIMITS))
    rides, labelled = draw_days(np.random.default_rng(4), 21, shares)
    assert all(one.differs for one in compare_coverage([to_groups(rides, labelled)], LIMITS))


def test_hours_and_slices_are_counted_by_day() -> None:
    hours = [[[10, 9]] * 24, [[4, 4]] * 23 + [[0, 0]]]
    counted = count_hours([{"hours": of_day} for of_day in hours])
    assert list(counted) == [f"{hour} h" for hour in range(24)]
    assert counted["23 h"].rides.tolist() == [10, 0]
    assert counted["0 h"].labelled.tolist() == [9, 4]
    rows = pd.DataFrame(
        [
            ("2021-03-01", "from Queens", "champion", "at_request_time", "final", 5.0, 4.0),
            ("2021-03-01", "from Queens", "challenger", "at_request_time", "final", 2.0, 2.0),
            ("2021-03-01", "from Queens", "shadow", "at_request_time", "final", 5.0, 4.0),
            ("2021-03-01", "from Queens", "champion", "with_distance", "final", 4.0, 4.0),
            ("2021-03-01", "all", "champion", "at_request_time", "final", 9.0, 8.0),
            ("2021-03-02", "from Bronx", "champion", "at_request_time", "incomplete", 3.0, 1.0),
            ("2021-03-03", "from Bronx", "champion", "at_request_time", "open", 3.0, 0.0),
        ],
        columns=["day", "slice", "variant", "moment", "state", "rides", "labelled"],
    )
    found = count_slices(rows, "2021-03-01", "2021-03-31")
    assert set(found) == {"from Queens", "from Bronx"}
    assert found["from Queens"].rides.tolist() == [7, 0]
    assert found["from Queens"].labelled.tolist() == [6, 0]
    assert found["from Bronx"].rides.tolist() == [0, 3]


def test_rides_of_zones_without_a_place_lack_no_report() -> None:
    """They are reported, and out of range: in TLC's files nearly all of zone 264 last for seconds."""
    days = [f"2021-03-{day:02}" for day in range(1, 15)]
    labels = [{"day": day, "hours": [[10, 9]] * 24} for day in days]
    evidence: Any = SimpleNamespace(labels=labels)

    def compare(borough: str) -> str:
        rows = [
            (day, name, "champion", "at_request_time", "final", *counted)
            for day in days
            for name, counted in (("from Queens", (200.0, 180.0)), (borough, (40.0, 4.0)))
        ]
        columns = ["day", "slice", "variant", "moment", "state", "rides", "labelled"]
        window = monitoring(window="2021-03-01..2021-03-14")
        figures = compare_label_coverage({"rides": 1}, evidence, pd.DataFrame(rows, columns=columns), window)
        return str(figures["not_at_random"])

    assert "from Bronx 10%" in compare("from Bronx")
    assert compare("from Unknown") == compare("from no known zone") == ""
