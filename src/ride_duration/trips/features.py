"""The feature definition, written once for tables, arrays and single rides.

The function below uses operators alone, so that it means the same on Ibis columns, on NumPy arrays and on Python
floats. What could differ lies before it, in the adapters (where a zone is, what the clock shows, which distances are
valid: `distances`): `ride_duration.trips.rides` for arrays and floats, `pipelines.data_engineering` for tables.
"""

from typing import Any

#: Names of the features, in the order in which models read them.
FEATURES = (
    "pickup_x",
    "pickup_y",
    "dropoff_x",
    "dropoff_y",
    "manhattan_distance",
    "straight_distance",
    "hour",
    "weekday",
    "hour_of_week",
    "trip_distance",
    "detour",
)

#: Features that are known only once the meter has run.
METERED = ("trip_distance", "detour")

#: Added to the straight line before dividing by it (miles): about half a zone, so that rides inside one zone,
#: whose straight line is zero, have a finite detour.
HALF_ZONE = 0.25


def ride_features(
    pickup_x: Any,
    pickup_y: Any,
    dropoff_x: Any,
    dropoff_y: Any,
    weekday: Any,
    hour: Any,
    minute: Any,
    trip_distance: Any,
) -> dict[str, Any]:
    """Features of rides, by name, in the order of `FEATURES`.

    All arguments are float64 and of one shape; what is missing is NULL in tables and NaN elsewhere, and stays so.

    Args:
        pickup_x: Miles across the avenues, of the pick-up zone's centroid.
        pickup_y: Miles along the avenues, of the pick-up zone's centroid.
        dropoff_x: Miles across the avenues, of the drop-off zone's centroid.
        dropoff_y: Miles along the avenues, of the drop-off zone's centroid.
        weekday: 0.0 (Monday) to 6.0, New York wall clock at pick-up.
        hour: 0.0 to 23.0, New York wall clock at pick-up.
        minute: 0.0 to 59.0.
        trip_distance: Miles driven, as far as `distances` finds it valid; missing at request time.

    Returns:
        Distances in miles, hours as fractions, `hour_of_week` 0 to 168, `detour` as a ratio.
    """
    across = dropoff_x - pickup_x
    along = dropoff_y - pickup_y
    manhattan = (across * across) ** 0.5 + (along * along) ** 0.5
    straight = (across * across + along * along) ** 0.5
    hour_and_minutes = hour + minute / 60.0
    return {
        "pickup_x": pickup_x,
        "pickup_y": pickup_y,
        "dropoff_x": dropoff_x,
        "dropoff_y": dropoff_y,
        "manhattan_distance": manhattan,
        "straight_distance": straight,
        "hour": hour_and_minutes,
        "weekday": weekday,
        "hour_of_week": weekday * 24.0 + hour_and_minutes,
        "trip_distance": trip_distance,
        "detour": trip_distance / (straight + HALF_ZONE),
    }
