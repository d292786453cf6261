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


def exact(**changed: Any) -> MarginRules:
    """The configured rules without the shrinkage, some of them changed."""
    return margin_rules(pseudo_days=0, **changed)


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
    found = margins_of(rides, exact())
    for moment in (0, 1):
        for bucket in (1, 2):
            group = (rides.bucket == bucket) & (rides.without_distance == bool(moment))
            scores = (rides.lower - rides.actual)[group], (rides.actual - rides.upper)[group]
            for tail in (0, 1):
                rank = int(np.ceil((group.sum() + 1) * 0.95))
                quantile = np.sort(scores[tail])[rank - 1]
                assert quantile <= found[moment, tail, bucket] < quantile + CELL
    held = (rides.actual >= rides.lower - found[0, 0, 1]) & (rides.actual <= rides.upper + found[0, 1, 1])
    chosen = (rides.bucket == 1) & ~rides.without_distance
    assert held[chosen].mean() == pytest.approx(0.9, abs=0.01)
    assert np.sign(found[0, 1, 1]) == np.sign(spread - 1.0) or spread == 1.0


def test_a_bucket_with_few_rides_takes_the_margin_of_all_together_and_those_of_few_rides_are_none() -> None:
    rides = one_period(1_000, spread=1.5)  # 500 a moment, 150 of them in bucket 2
    found, own = margins_of(rides, exact()), margins_of(rides, exact(least_rides=100))
    together = margins_of(rides._replace(bucket=np.ones_like(rides.bucket)), exact())[:, :, 1]
    assert (found[:, :, [0, 2, 3]] == together[:, :, None]).all()
    assert (found[:, :, 1] == own[:, :, 1]).all()
    assert (own[:, :, 2] != together).any()
    assert (margins_of(rides, exact(least_rides=501)) == 0).all()
    assert (margins_of(rides, exact(least_rides=500)) == together[:, :, None]).all()


def test_margins_are_shrunk_to_the_package_by_the_days_that_are_known() -> None:
    [counts] = count_scores(one_period(2_000, spread=1.5), int(WEEK), BUCKETS).values()
    full = np.array(estimate_margins((counts,), exact()))
    for days in (1, 7):
        blocks = 4 * days
        shrunk = np.array(estimate_margins((counts,) * blocks, margin_rules()))
        unshrunk = np.array(estimate_margins((counts,) * blocks, exact()))
        np.testing.assert_allclose(shrunk, unshrunk * days / (days + 4), rtol=1e-12)
        np.testing.assert_allclose(unshrunk[:, :, 1], full[:, :, 1], atol=0.3)
    assert (full != 0).any()


def test_moments_do_not_stand_in_for_one_another() -> None:
    rides = one_period(1_000, spread=1.5)
    found = margins_of(rides._replace(without_distance=np.arange(1_000) >= 150), exact())
    assert (found[0] == 0).all()
    assert (found[1] != 0).all()


def test_nothing_known_means_no_margins() -> None:
    rules = exact()
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
        {"pseudo": -1},
    ],
)
def test_impossible_rules_are_refused(changed: dict[str, Any]) -> None:
    rules = {"coverage": 0.9, "buckets": 4, "window": 604_800, "refresh": 21_600, "least_rides": 200, "pseudo": 345_600}
    assert MarginRules(**rules) == margin_rules()
    with pytest.raises(ValueError, match=r"coverage|margins"):
        MarginRules(**rules | changed)
