"""The ground that the synthetic city stands on: the zones as arrays, ways between them, character of zone pairs."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ride_duration.trips.zones import zones

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: The zones with a place, by location id from 1; 264 and 265 have none.
PLACES = 263
MANHATTAN = "Manhattan"
#: Two kerbs are never nearer than this (miles): a few car lengths.
NEAREST = 0.01
#: Where 96th Street crosses the avenues (local miles along them): the congestion zone lies south of it.
STREET_96 = 2.2


class Ground(NamedTuple):
    """The 263 zones with a place, as arrays of that length, and the 263 x 263 miles between their centroids."""

    x: Floats
    y: Floats
    #: Miles: radius of the disc that has the zone's area.
    radius: Floats
    borough: NDArray[np.str_]
    #: Whether a ride from or to this zone pays the congestion surcharge.
    congested: NDArray[np.bool_]
    miles: Floats


@cache
def ground() -> Ground:
    """The zone table as arrays."""
    places = [zones()[location_id] for location_id in range(1, PLACES + 1)]
    x = np.array([place.x for place in places])
    y = np.array([place.y for place in places])
    borough = np.array([place.borough for place in places])
    congested = (borough == MANHATTAN) & (y < STREET_96)
    miles = np.hypot(x[:, None] - x, y[:, None] - y)
    return Ground(x, y, np.array([place.radius for place in places]), borough, congested, miles)


def bands(upper: tuple[float, ...]) -> Integers:
    """Band of every ordered zone pair by its centroid distance.

    Args:
        upper: Upper ends (miles) of the bands, ascending.

    Returns:
        263 x 263 band numbers: 0 within a zone, then 1 to `len(upper) + 1`.
    """
    band = np.searchsorted(np.array(upper), ground().miles) + 1
    np.fill_diagonal(band, 0)
    return band.astype(np.int64)


def kerb_miles(origin: Integers, destination: Integers, reach: float, rng: np.random.Generator) -> Floats:
    """Straight-line miles between two kerbs drawn evenly from discs about the centroids of two zones.

    Args:
        origin: Zone indices (location id less 1), shape (n,).
        destination: Zone indices, shape (n,).
        reach: Radius of the discs as a part of `Ground.radius`.
        rng: Source of the draws.

    Returns:
        Miles, shape (n,), at least `NEAREST`.
    """
    here, there = _kerbs(origin, reach, rng), _kerbs(destination, reach, rng)
    return np.maximum(np.hypot(here[0] - there[0], here[1] - there[1]), NEAREST)


def _kerbs(zone: Integers, reach: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    places = ground()
    distance = reach * places.radius[zone] * np.sqrt(rng.random(len(zone)))
    bearing = 2 * np.pi * rng.random(len(zone))
    return places.x[zone] + distance * np.cos(bearing), places.y[zone] + distance * np.sin(bearing)


def pair_character(character: int, trait: int) -> Floats:
    """Standard normal numbers, one per ordered zone pair, that last from month to month.

    Args:
        character: The city's own seed.
        trait: Which trait, e.g. popularity or speed; different traits are independent.

    Returns:
        263 x 263 numbers.
    """
    return np.random.default_rng(np.random.SeedSequence([character, trait])).standard_normal((PLACES, PLACES))


def draw_columns(weights: Floats, row: Integers, rng: np.random.Generator) -> Integers:
    """Draw a column for each given row, with the row's weights as relative probabilities.

    Args:
        weights: Shape (rows, columns), not negative.
        row: Row numbers, shape (n,); these rows have a positive sum.
        rng: Source of the draws.

    Returns:
        Column numbers, shape (n,).
    """
    rows, columns = weights.shape
    total = weights.sum(axis=1, keepdims=True)
    ruler = np.cumsum(weights, axis=1) / np.where(total > 0, total, 1) + np.arange(rows)[:, None]
    place: Integers = np.searchsorted(ruler.ravel(), row + rng.random(len(row)), side="right")
    # Rounding may carry a draw past the end of its row.
    column: Integers = np.minimum(place - row * columns, columns - 1)
    return column
