"""The rules of checking and cleaning. Each has a reason code; only the first group rejects a trip.

| code | what happens |
|---|---|
| missing_time, too_short, too_long | rejected: no duration, or one outside `records.DURATION` |
| distance_out_of_range | repaired: the distance becomes missing, `trip_distance_raw` keeps it |
| outside_month | flagged: picked up outside the month of the file |
| unknown_zone | flagged: a zone without a place |
"""

import ibis
import ibis.expr.types as ir

from ride_duration.errors import RideDurationError
from ride_duration.trips.clock import HOUR, WallClock, find_clock_changes
from ride_duration.trips.records import DISTANCE, DURATION
from ride_duration.trips.zones import zones

REJECTING = ("missing_time", "too_short", "too_long")
REPAIRING = ("distance_out_of_range",)
FLAGGING = ("outside_month", "unknown_zone")


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
    placed = [zone.location_id for zone in zones().values() if zone.x == zone.x]
    return timed.mutate(
        rejected_because=ibis.cases(
            (duration.isnull(), "missing_time"),
            (duration < DURATION[0], "too_short"),
            (duration > DURATION[1], "too_long"),
            else_=ibis.null("string"),
        ),
        distance_out_of_range=((distance <= DISTANCE[0]) | ~(distance <= DISTANCE[1])).fill_null(False),
        outside_month=(timed.pickup_datetime.strftime("%Y-%m") != timed.month).fill_null(False),
        unknown_zone=~(timed.pickup_zone.isin(placed) & timed.dropoff_zone.isin(placed)).fill_null(False),
    )


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
            "nothing can be learnt from this month: leave it out, or get its file anew"
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
    believed = kept.distance_out_of_range.ifelse(ibis.null("float64"), kept.trip_distance_raw)
    return kept.mutate(trip_distance=believed).drop("rejected_because")
