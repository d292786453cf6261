"""Outlines with fewer corners, such that neighbours still share their borders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

#: Corners nearer to each other than this, in the unit of the coordinates, are one and the same.
_GRID = 0.01

Points = NDArray[np.float64]


def simplify_rings(rings: Sequence[Points], tolerance: float) -> list[Points]:
    """Leave corners out that lie near the line between those that stay.

    D. H. Douglas and T. K. Peucker, Algorithms for the reduction of the number of points required to represent a
    digitized line (1973), applied to each border once: rings are cut where three borders meet, so that the two zones of
    a border keep the same corners of it.

    Args:
        rings: Corners (n, 2) of each ring, the first one not repeated at the end.
        tolerance: How far a corner that is left out may lie from the new outline, in the unit of the coordinates.

    Returns:
        The rings with fewer corners; one that has become a line or a point has fewer than three.
    """
    if not rings:
        return []
    corners, inverse = np.unique(np.round(np.concatenate(rings) / _GRID).astype(np.int64), axis=0, return_inverse=True)
    numbers = np.split(inverse.ravel(), np.cumsum([len(ring) for ring in rings])[:-1])
    places: Points = np.multiply(corners, _GRID, dtype=np.float64)
    meeting = _find_meetings(numbers, len(corners))
    kept: dict[tuple[int, ...], list[int]] = {}

    def shorten(border: tuple[int, ...]) -> list[int]:
        forth = min(border, border[::-1])
        if forth not in kept:
            kept[forth] = [forth[i] for i in _keep(places[list(forth)], tolerance)]
        return kept[forth] if forth == border else kept[forth][::-1]

    simple = []
    for ring in numbers:
        borders = _cut(ring[ring != np.roll(ring, 1)], meeting, places)
        simple.append(places[[corner for border in borders for corner in shorten(border)[:-1]]])
    return simple


def _find_meetings(rings: Sequence[NDArray[np.intp]], corners: int) -> NDArray[np.bool_]:
    """Whether other than two edges end in a corner, of all rings together."""
    edges = np.concatenate([np.stack([ring, np.roll(ring, -1)], axis=1) for ring in rings])
    edges = np.unique(np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1), axis=0)
    ends: NDArray[np.bool_] = np.bincount(edges.ravel(), minlength=corners) != 2
    return ends


def _cut(ring: NDArray[np.intp], meeting: NDArray[np.bool_], places: Points) -> Iterator[tuple[int, ...]]:
    """Borders of a ring, each from one meeting to the next; an island is cut where any ring of its corners would be."""
    if len(ring) < 3:
        return
    cuts = np.flatnonzero(meeting[ring])
    if not len(cuts):
        first = int(ring.argmin())
        away = np.hypot(*(places[ring] - places[ring[first]]).T)
        farthest = max(range(len(ring)), key=lambda i: (away[i], ring[i]))
        cuts = np.array(sorted((first, farthest)))
    closed = np.concatenate([ring[cuts[0] :], ring[: cuts[0] + 1]])
    stops = [*(cuts - cuts[0]), len(ring)]
    for begin, end in itertools.pairwise(stops):
        yield tuple(int(corner) for corner in closed[begin : end + 1])


def _keep(line: Points, tolerance: float) -> list[int]:
    """Positions of the corners of a line that stay."""
    stays = np.zeros(len(line), dtype=bool)
    stays[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    while spans:
        begin, end = spans.pop()
        if end - begin < 2:
            continue
        away = _distances(line[begin + 1 : end], line[begin], line[end])
        farthest = int(away.argmax())
        if away[farthest] > tolerance:
            middle = begin + 1 + farthest
            stays[middle] = True
            spans += [(begin, middle), (middle, end)]
    return [int(i) for i in np.flatnonzero(stays)]


def _distances(points: Points, begin: Points, end: Points) -> NDArray[np.float64]:
    """How far points lie from the segment between two others."""
    along = end - begin
    length = float(along @ along)
    share = np.clip((points - begin) @ along / length, 0, 1) if length else np.zeros(len(points))
    off: NDArray[np.float64] = np.hypot(*(points - begin - share[:, None] * along).T)
    return off
