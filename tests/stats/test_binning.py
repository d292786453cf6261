import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.stats.binning import count_by_day, find_bins, find_edges

numbers = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")) | st.integers(0, 3).map(float), max_size=200)


@given(numbers)
def test_every_value_is_in_one_bin_and_missing_ones_in_the_last(values: list[float]) -> None:
    edges = find_edges(values)
    bins = find_bins(values, edges)
    missing = np.isnan(np.array(values, dtype=np.float64))
    assert (bins[missing] == len(edges) + 1).all()
    lows, highs = np.concatenate([[-np.inf], edges]), np.concatenate([edges, [np.inf]])
    for value, found in zip(np.array(values)[~missing], bins[~missing], strict=True):
        assert lows[found] <= value < highs[found]


def test_bins_hold_as_many_values_each() -> None:
    values = np.random.default_rng(1).permutation(1_000).astype(float)
    edges = find_edges(values)
    assert np.bincount(find_bins(values, edges), minlength=11).tolist() == [99, *[100] * 8, 101, 0]


def test_few_different_values_have_few_bins() -> None:
    assert find_edges([0.0] * 50 + [1.0] * 50).tolist() == [1.0]
    assert find_edges([5.0] * 9).tolist() == []
    assert find_edges([float("nan")]).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=100))
def test_counts_are_those_of_each_day_and_bin(rows: list[tuple[int, int]]) -> None:
    day, bins = (np.array([row[i] for row in rows], dtype=np.int64) for i in (0, 1))
    counts = count_by_day(day, bins, 5, 7)
    assert counts.sum() == len(rows)
    assert all(counts[d, b] == rows.count((d, b)) for d in range(5) for b in range(7))
