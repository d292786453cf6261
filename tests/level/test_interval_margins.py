"""Margins from counts: by tail and bucket, with two fallbacks."""

from typing import Any

import numpy as np
import pytest

from ride_duration.level import BoundedRides, MarginRules, count_scores
from ride_duration.level.interval_margins import estimate_margins
from ride_duration.level.interval_scores import CELL, NO_SCORES
from tests.support.intervals import BUCKETS, bounded_rides, margin_rules
from tests.support.level import DAY, MONDAY

WEEK = 10 * DAY


def margins_of(rides: BoundedRides, rules: MarginRules) -> np.ndarray[Any, Any]:
    """Margins (moment, tail, bucket) of rides, in the form of an array."""
    [counts] = count_scores(rides, int(WEEK), BUCKETS).values()
    return np.array(estimate_margins((counts,), rules))


def one_period(number: int, **changed: Any) -> BoundedRides:
    """So many rides that become known in one period."""
    begin = MONDAY // WEEK * WEEK
    return bounded_rides(np.linspace(begin, begin + DAY, number), **changed)


@pytest.mark.parametrize("spread", [0.6, 1.0, 1.5])
def test_margins_are_the_conformal_quantiles_of_each_tail_and_bucket(spread: float) -> None:
    rides = one_period(6_000, spread=spread)
    found = margins_of(rides, margin_rules())
    for moment in (0, 1):
        for bucket in (1, 2):
            group = (rides.bucket == bucket) & (rides.without_distance == bool(moment))
            scores = (rides.lower - rides.actual)[group], (rides.actual - rides.upper)[group]
            for tail in (0, 1):
                rank = int(np.ceil((group.sum() + 1) * 0.95))
                exact = np.sort(scores[tail])[rank - 1]
                assert exact <= found[moment, tail, bucket] < exact + CELL
    held = (rides.actual >= rides.lower - found[0, 0, 1]) & (rides.actual <= rides.upper + found[0, 1, 1])
    chosen = (rides.bucket == 1) & ~rides.without_distance
    assert held[chosen].mean() == pytest.approx(0.9, abs=0.01)
    assert np.sign(found[0, 1, 1]) == np.sign(spread - 1.0) or spread == 1.0


def test_a_bucket_with_few_rides_takes_the_margin_of_all_together_and_those_of_few_rides_are_none() -> None:
    rides = one_period(1_000, spread=1.5)  # 500 a moment, 150 of them in bucket 2
    found, own = margins_of(rides, margin_rules()), margins_of(rides, margin_rules(least_rides=100))
    together = margins_of(rides._replace(bucket=np.ones_like(rides.bucket)), margin_rules())[:, :, 1]
    assert (found[:, :, [0, 2, 3]] == together[:, :, None]).all()
    assert (found[:, :, 1] == own[:, :, 1]).all()
    assert (own[:, :, 2] != together).any()
    assert (margins_of(rides, margin_rules(least_rides=501)) == 0).all()
    assert (margins_of(rides, margin_rules(least_rides=500)) == together[:, :, None]).all()


def test_moments_do_not_stand_in_for_one_another() -> None:
    rides = one_period(1_000, spread=1.5)
    found = margins_of(rides._replace(without_distance=np.arange(1_000) >= 150), margin_rules())
    assert (found[0] == 0).all()
    assert (found[1] != 0).all()


def test_nothing_known_means_no_margins() -> None:
    rules = margin_rules()
    assert estimate_margins((), rules) == rules.no_margins == estimate_margins((NO_SCORES,), rules)
    assert np.shape(rules.no_margins) == (2, 2, BUCKETS)


@pytest.mark.parametrize(
    "changed",
    [
        {"coverage": 1.0},
        {"buckets": 0},
        {"least_rides": 0},
        {"refresh": 800},
        {"refresh": 1_000},
        {"window": 3_600},
        {"window": 30_000},
    ],
)
def test_impossible_rules_are_refused(changed: dict[str, Any]) -> None:
    rules = {"coverage": 0.9, "buckets": 4, "window": 604_800, "refresh": 21_600, "least_rides": 200}
    assert MarginRules(**rules) == margin_rules()
    with pytest.raises(ValueError, match=r"coverage|margins"):
        MarginRules(**rules | changed)
