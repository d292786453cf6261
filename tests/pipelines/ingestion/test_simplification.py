"""Simplified outlines stay near, and neighbours keep sharing their borders."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ride_duration.pipelines.ingestion.simplification import simplify_rings

RINGS = tuple[list[tuple[float, float]], list[tuple[float, float]]]


def neighbours(heights: list[float]) -> RINGS:
    """Two zones, side by side, whose common border runs to and fro between them from south to north."""
    border = [(height, 20.0 * i) for i, height in enumerate(heights)]
    north, south = 20.0 * (len(heights) - 1), 0.0
    west = [*border, (-50.0, north), (-50.0, south)]
    east = [*border[::-1], (50.0, south), (50.0, north)]
    return west, east


def area(ring: np.ndarray) -> float:
    x, y = ring.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def off(points: np.ndarray, ring: np.ndarray) -> float:
    """How far the farthest of the points lies from the ring."""
    ends = np.roll(ring, -1, axis=0) - ring
    share = np.einsum("ijk,jk->ij", points[:, None] - ring[None], ends) / (ends**2).sum(axis=1)
    nearest = ring[None] + np.clip(share, 0, 1)[:, :, None] * ends[None]
    return float(np.hypot(*np.moveaxis(points[:, None] - nearest, 2, 0)).min(axis=1).max())


@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a loaded machine
@given(
    heights=st.lists(st.floats(-20, 20).map(lambda height: round(height, 1)), min_size=2, max_size=40),
    tolerance=st.sampled_from([0.0, 0.5, 3.0, 10.0]),
    turn=st.integers(0, 40),
)
def test_neighbours_share_their_border_and_nothing_moves_farther_than_the_tolerance(
    heights: list[float], tolerance: float, turn: int
) -> None:
    west, east = (np.array(ring) for ring in neighbours(heights))
    simple = simplify_rings([np.roll(west, turn, axis=0), east], tolerance)
    assert sum(map(area, simple)) == pytest.approx(area(west) + area(east))  # neither a gap nor an overlap
    for ring, few in zip((west, east), simple, strict=True):
        assert len(few) <= len(ring)
        assert off(ring, few) <= tolerance + 0.02
        assert {tuple(corner) for corner in few.round(1)} <= {tuple(corner) for corner in ring}


def test_an_island_and_the_hole_that_it_fills_stay_the_same_ring() -> None:
    turns = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    island = np.stack([np.cos(turns), np.sin(turns)], axis=1) * 100
    [one, other] = simplify_rings([island, np.roll(island[::-1], 37, axis=0)], 2.0)
    assert 8 < len(one) < 40
    assert {tuple(corner) for corner in one} == {tuple(corner) for corner in other}


def test_what_is_smaller_than_the_tolerance_becomes_a_line() -> None:
    [islet] = simplify_rings([np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])], 5.0)
    assert len(islet) < 3
    assert simplify_rings([], 5.0) == []
