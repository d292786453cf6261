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
    placed = join_places(trips)
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


def join_places(trips: ir.Table) -> ir.Table:
    """Add to each trip, by `pickup_zone` and `dropoff_zone`, where its zones are.

    Returns:
        One row a trip, in no promised order, with `pickup_x`, `pickup_y`, `pickup_radius` (miles), `pickup_borough`,
        and the same of the drop-off; NULL where a zone is unknown, and but for the borough where it has no place.
    """
    return trips.left_join(_zone_places("pickup"), "pickup_zone").left_join(_zone_places("dropoff"), "dropoff_zone")


def _zone_places(end: str) -> ir.Table:
    """Where zones are, as a table with the columns `<end>_zone`, `_x`, `_y`, `_radius` and `_borough`."""
    rows = [
        (zone.location_id, *((None,) * 3 if math.isnan(zone.x) else (zone.x, zone.y, zone.radius)), zone.borough)
        for zone in zones().values()
    ]
    miles = dict.fromkeys((f"{end}_x", f"{end}_y", f"{end}_radius"), "float64")
    return ibis.memtable(rows, schema={f"{end}_zone": "int64", **miles, f"{end}_borough": "string"})
