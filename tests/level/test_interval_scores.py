"""Counting rides by how far outside of their bounds they ended."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.level import BoundedRides, ScoreCounts, add_scores, count_scores
from ride_duration.level.interval_scores import CELL, CELLS, NO_SCORES
from tests.support.intervals import BUCKETS, bounded_rides, select_bounded
from tests.support.level import DAY, MONDAY


def ride(actual: float, *, bucket: int = 1, without_distance: bool = False) -> BoundedRides:
    """A ride with bounds of 8 and 20 minutes."""
    values = ([MONDAY], [actual], [8.0], [20.0], [bucket], [without_distance])
    return BoundedRides._make(np.array(each) for each in values)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), parts=st.integers(1, 6), period=st.sampled_from([900, 21_600]))
def test_counts_are_the_same_whatever_the_order_and_batches(seed: int, parts: int, period: int) -> None:
    rng = np.random.default_rng(seed)
    rides = bounded_rides(rng.uniform(MONDAY, MONDAY + DAY, 300), seed=seed)
    at_once = count_scores(rides, period, BUCKETS)
    added: dict[int, ScoreCounts] = {}
    for batch in np.array_split(rng.permutation(300), parts):
        for number, counts in count_scores(select_bounded(rides, batch), period, BUCKETS).items():
            added[number] = add_scores(counts, added.get(number, NO_SCORES))
    assert {number: counts.to_row() for number, counts in added.items()} == {
        number: counts.to_row() for number, counts in at_once.items()
    }
    assert sum(counts.counts.sum() for counts in at_once.values()) == 2 * 300, "each ride counts once a tail"
    for counts in at_once.values():
        assert ScoreCounts.from_row(json.loads(json.dumps(counts.to_row()))).to_row() == counts.to_row()


@pytest.mark.parametrize(
    ("actual", "below", "above"),
    [(10.0, -2.0, -10.0), (7.0, 1.0, -13.0), (23.01, -15.0, 3.03125), (20.0, -12.0, 0.0), (60.0, -32.0, 32.0)],
)
def test_a_score_is_rounded_up_to_a_cell_and_ends_at_32_minutes(actual: float, below: float, above: float) -> None:
    [counts] = count_scores(ride(actual), 900, BUCKETS).values()
    minutes = (counts.cells % CELLS - CELLS // 2) * CELL
    assert minutes.tolist() == [below, above]
    assert counts.counts.tolist() == [1, 1]


def test_moments_tails_and_buckets_are_counted_apart() -> None:
    places = set()
    for bucket in range(BUCKETS):
        for without in (False, True):
            [counts] = count_scores(ride(10.0, bucket=bucket, without_distance=without), 900, BUCKETS).values()
            groups = (counts.cells // CELLS).tolist()
            assert groups == [2 * BUCKETS * without + bucket, 2 * BUCKETS * without + BUCKETS + bucket]
            places |= {*groups}
    assert places == {*range(4 * BUCKETS)}


def test_no_rides_count_nothing() -> None:
    none = select_bounded(ride(10.0), slice(0, 0))
    assert count_scores(none, 900, BUCKETS) == {}
    assert add_scores().to_row() == [[], []]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"actual": np.array([np.nan])}, "all finite"),
        ({"upper": np.array([np.inf])}, "all finite"),
        ({"bucket": np.array([BUCKETS])}, "numbered from 0 to 3"),
        ({"bucket": np.array([-1])}, "numbered from 0 to 3"),
    ],
)
def test_incomplete_rides_are_refused(changed: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        count_scores(ride(10.0)._replace(**changed), 900, BUCKETS)
