"""The table adapter of the feature definition: from trips to features."""

import math

import ibis
import ibis.expr.types as ir

from ride_duration.trips.features import ride_features
from ride_duration.trips.zones import zones

_KEPT = (
    "source",
    "service",
    "month",
    "ride_id",
    "pickup_datetime",
    "pickup_zone",
    "dropoff_zone",
    "duration",
    "trip_distance_raw",
)


def compute_features(trips: ir.Table) -> ir.Table:
    """Add to each trip its features, the zone pair and the boroughs.

    Args:
        trips: Clean trips, in the fields of `trips.records`.

    Returns:
        One row a trip, in no promised order: key, time, zones, `duration`, `trip_distance_raw`, `zone_pair`
        (as `PU_DO`), `borough_pair`, and the columns `trips.features.FEATURES`.
    """
    pickup, dropoff = _zone_places("pickup"), _zone_places("dropoff")
    placed = trips.left_join(pickup, "pickup_zone").left_join(dropoff, "dropoff_zone")
    clock = placed.pickup_datetime
    features = ride_features(
        placed.pickup_x,
        placed.pickup_y,
        placed.dropoff_x,
        placed.dropoff_y,
        clock.day_of_week.index().cast("float64"),
        clock.hour().cast("float64"),
        clock.minute().cast("float64"),
        placed.trip_distance,
    )
    pair = placed.pickup_zone.cast("string").fill_null("") + "_" + placed.dropoff_zone.cast("string").fill_null("")
    boroughs = placed.pickup_borough.fill_null("Unknown") + " - " + placed.dropoff_borough.fill_null("Unknown")
    columns = {name: placed[name] for name in _KEPT} | {"zone_pair": pair, "borough_pair": boroughs} | features
    return placed.select(**columns)


def _zone_places(end: str) -> ir.Table:
    """Where zones are, as a table with the columns `<end>_zone`, `<end>_x`, `<end>_y`, `<end>_borough`."""
    rows = [
        (zone.location_id, *((None, None) if math.isnan(zone.x) else (zone.x, zone.y)), zone.borough)
        for zone in zones().values()
    ]
    schema = {f"{end}_zone": "int64", f"{end}_x": "float64", f"{end}_y": "float64", f"{end}_borough": "string"}
    return ibis.memtable(rows, schema=schema)
