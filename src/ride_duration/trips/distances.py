"""Which metered distances are valid: the rule, written once for tables, arrays and single rides.

The function below uses operators alone, as `ride_duration.trips.features` does, and no roots: it compares squares, so
that its answer is the same to the last bit on Ibis columns, NumPy arrays and Python floats.
"""

from typing import Any

#: What may be wrong with a distance. Both make it missing; the first is about the number alone.
OUT_OF_RANGE, IMPLAUSIBLE = "distance_out_of_range", "distance_implausible"

#: A ride is at least half as long as the gap between the discs of its zones ...
SHORTEST = 0.5
#: ... and at most twice as long as the way from the far side of one disc to the far side of the other ...
LONGEST = 2.0
#: ... plus so many miles: rides through several boroughs and back. How the three were chosen: decision 016.
ROUND_TRIP = 30.0


def contradicts_zones(
    trip_distance: Any,
    pickup_x: Any,
    pickup_y: Any,
    pickup_radius: Any,
    dropoff_x: Any,
    dropoff_y: Any,
    dropoff_radius: Any,
) -> Any:
    """Return whether distances lie far below the straight line less the zones' radii, or far beyond any route.

    All arguments are float64 miles of one shape; where one is missing (NaN, or NULL in tables) nothing contradicts it.

    Args:
        trip_distance: Miles driven, inside `records.DISTANCE`.
        pickup_x: Miles across the avenues, of the pick-up zone's centroid.
        pickup_y: Miles along the avenues, of the pick-up zone's centroid.
        pickup_radius: Of the disc that has the pick-up zone's area.
        dropoff_x: Miles across the avenues, of the drop-off zone's centroid.
        dropoff_y: Miles along the avenues, of the drop-off zone's centroid.
        dropoff_radius: Of the disc that has the drop-off zone's area.

    Returns:
        Booleans of the same shape; NULL in tables where an argument is NULL.
    """
    across, along = dropoff_x - pickup_x, dropoff_y - pickup_y
    straight_squared = across * across + along * along
    radii = pickup_radius + dropoff_radius
    # distance < SHORTEST * (straight - radii), solved for the straight line; so is the other bound.
    reached = trip_distance / SHORTEST + radii
    beyond = (trip_distance - ROUND_TRIP) / LONGEST - radii
    return (reached * reached < straight_squared) | ((beyond > 0.0) & (beyond * beyond > straight_squared))
