"""The rules of checking and cleaning. Each has a reason code; only the first group rejects a trip.

| code | what happens |
|---|---|
| missing_time, too_short, too_long | rejected: no duration, or one outside `records.DURATION` |
| distance_out_of_range | repaired: the distance becomes missing, `trip_distance_raw` keeps it |
| distance_implausible | repaired likewise: it contradicts the zones, as `trips.distances` says |
| outside_month | flagged: picked up outside the month of the file |
| unknown_zone | flagged: a zone without a place |
| repeated | flagged: the same zones, times and distance as an earlier row of the file (fares and their reversals) |
"""

from functools import reduce
from operator import or_

import ibis
import ibis.expr.types as ir

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_engineering.feature_table import join_places
from ride_duration.trips.clock import HOUR, WallClock, find_clock_changes
from ride_duration.trips.distances import IMPLAUSIBLE, OUT_OF_RANGE, contradicts_zones
from ride_duration.trips.records import DISTANCE, DURATION

REJECTING = ("missing_time", "too_short", "too_long")
REPAIRING = (OUT_OF_RANGE, IMPLAUSIBLE)
FLAGGING = ("outside_month", "unknown_zone", "repeated")

#: What two records say of the same ride; where its ends are not known, they say too little.
_ENDS = ("pickup_datetime", "dropoff_datetime", "pickup_zone", "dropoff_zone")
_SAME = (*_ENDS, "trip_distance_raw")


def check_records(trip_records: ir.Table) -> ir.Table:
    """Apply every rule to every record.

    Returns:
        The records with `duration` (minutes), `rejected_because` (a code of `REJECTING`, or NULL) and one boolean
        column for each code of `REPAIRING` and `FLAGGING`.

    Raises:
        RideDurationError: A month keeps no trip at all.
    """
    checked = _apply_rules(trip_records)
    _refuse_hopeless_months(checked)
    return checked


def _apply_rules(trip_records: ir.Table) -> ir.Table:
    timed = trip_records.mutate(duration=minutes_of(trip_records))
    duration, distance = timed.duration, timed.trip_distance_raw
    checked = timed.mutate(
        rejected_because=ibis.cases(
            (duration.isnull(), "missing_time"),
            (duration < DURATION[0], "too_short"),
            (duration > DURATION[1], "too_long"),
            else_=ibis.null("string"),
        ),
        distance_out_of_range=((distance <= DISTANCE[0]) | ~(distance <= DISTANCE[1])).fill_null(False),
        outside_month=(timed.pickup_datetime.strftime("%Y-%m") != timed.month).fill_null(False),
    )
    return _flag_repeats(_check_places(checked))


def _check_places(records: ir.Table) -> ir.Table:
    """Add what takes the places of the zones to say: `distance_implausible` and `unknown_zone`."""
    placed = join_places(records)
    contradicted = contradicts_zones(
        placed.distance_out_of_range.ifelse(ibis.null("float64"), placed.trip_distance_raw),
        placed.pickup_x,
        placed.pickup_y,
        placed.pickup_radius,
        placed.dropoff_x,
        placed.dropoff_y,
        placed.dropoff_radius,
    )
    return placed.select(
        *records.columns,
        distance_implausible=contradicted.fill_null(False),
        unknown_zone=placed.pickup_x.isnull() | placed.dropoff_x.isnull(),
    )


def _flag_repeats(records: ir.Table) -> ir.Table:
    """Add `repeated`: whether an earlier row of the same file is the same ride, as far as its ends are known."""
    months = records.select("month").distinct().order_by("month").to_pyarrow()["month"].to_pylist()
    found = [_find_repeats(records.filter(records.month == month)) for month in months]
    repeats = ibis.memtable({"ride_id": [ride_id for ids in found for ride_id in ids]}, schema={"ride_id": "string"})
    return records.mutate(repeated=records.ride_id.isin(repeats.ride_id))


def _find_repeats(records: ir.Table) -> list[str]:
    """Return the ids of one month's repeats.

    Few rides have a double: these are found by hashes, since sorting all rides takes several times the memory.
    """
    known = records.filter(*(records[name].notnull() for name in _ENDS))
    hashed = known.select("ride_id", *_SAME, hashed=ibis.struct({name: known[name] for name in _SAME}).hash())
    twice = hashed.group_by("hashed").aggregate(rows=hashed.count())
    shared = ibis.memtable(twice.filter(twice.rows > 1).select("hashed").to_pyarrow())
    earlier = ibis.row_number().over(group_by=_SAME, order_by="ride_id")
    rides = hashed.semi_join(shared, "hashed").mutate(earlier=earlier)
    return list(rides.filter(rides.earlier > 0).ride_id.to_pyarrow().to_pylist())


def minutes_of(records: ir.Table) -> ir.FloatingColumn:
    """Return the minutes from pick-up to drop-off, across changes of the clocks too; NULL where a time is missing."""
    seconds = records.dropoff_datetime.epoch_seconds() - records.pickup_datetime.epoch_seconds()
    return (seconds + _change_of_clocks(records)).cast("float64") / ibis.literal(60.0, "float64")


def _change_of_clocks(records: ir.Table) -> ir.IntegerColumn:
    """Seconds by which a ride was longer than the wall clocks say."""
    pickup, dropoff = records.pickup_datetime, records.dropoff_datetime
    shorter, longer = find_clock_changes(_wall_clock(pickup), _wall_clock(dropoff), dropoff < pickup)
    return ibis.cases((shorter, -HOUR), (longer, HOUR), else_=0)


def _wall_clock(time: ir.TimestampValue) -> WallClock:
    return WallClock(time.year(), time.month(), time.day(), time.hour())


def _refuse_hopeless_months(checked: ir.Table) -> None:
    kept = checked.group_by("month").aggregate(rows=checked.count(), kept=checked.rejected_because.isnull().sum())
    for month in kept.filter(kept.kept == 0).order_by("month").to_pyarrow().to_pylist():
        reasons = (
            checked.filter(checked.month == month["month"])
            .rejected_because.value_counts(name="rows")
            .order_by("rejected_because")
        )
        counts = ", ".join(f"{row['rows']:,} {row['rejected_because']}" for row in reasons.to_pyarrow().to_pylist())
        raise RideDurationError(
            f"all {month['rows']:,} trips of {month['month']} were rejected ({counts}); "
            "nothing can be trained on this month: leave it out, or download its file again"
        )


def quarantine_trips(checked_records: ir.Table) -> ir.Table:
    """Set the rejected records aside, with their reasons."""
    return checked_records.filter(checked_records.rejected_because.notnull())


def clean_trips(checked_records: ir.Table) -> ir.Table:
    """Keep the trips that no rule rejected, and repair their distances.

    Returns:
        One row a trip, in the fields of `trips.records`, and the flags.
    """
    kept = checked_records.filter(checked_records.rejected_because.isnull())
    invalid = reduce(or_, (kept[code] for code in REPAIRING))
    valid = invalid.ifelse(ibis.null("float64"), kept.trip_distance_raw)
    return kept.mutate(trip_distance=valid).drop("rejected_because")
