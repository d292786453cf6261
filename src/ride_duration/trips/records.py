"""The canonical trip record: what the raw columns of every type of taxi are turned into, and which values are valid.

| field | type | meaning |
|---|---|---|
| source | text | where the month came from: `simulated` or `tlc` |
| service | text | the type of taxi, one of `TAXI_TYPES`; the column keeps the name that it has in files |
| month | text | `YYYY-MM`, the month of the file |
| ride_id | text | type of taxi, month and row number in the file; sorts as the file does |
| pickup_datetime, dropoff_datetime | timestamp | New York wall clock, whole seconds |
| pickup_zone, dropoff_zone | int64 | TLC location ids |
| trip_distance_raw | float64 | miles as the meter recorded them, absurd values included |
| trip_distance | float64 | miles, missing where the raw value is outside `DISTANCE` or contradicts the zones |
| duration | float64 | minutes from pick-up to drop-off, across changes of the clocks too (`trips.clock`) |
"""

from dataclasses import dataclass, field

from ride_duration.errors import RideDurationError

#: A trip is kept when its duration lies in this closed interval (minutes): the reference's population.
DURATION = (1.0, 60.0)
#: A distance is valid when it lies in this interval, open below and closed above (miles).
DISTANCE = (0.0, 100.0)

RIDE_ID_DIGITS = 9


@dataclass(frozen=True)
class TaxiType:
    """How the TLC names the columns of a trip in its files of one type of taxi.

    Attributes:
        name: The type, as it stands in file names.
        columns: TLC column name of each canonical field. Names are compared without regard to case, since the
            TLC itself changes it from month to month (`PUlocationID`, `PULocationID`).
    """

    name: str
    columns: dict[str, str] = field(hash=False)

    def file_stem(self, month: str) -> str:
        """Name of a month's file, without its suffix."""
        return f"{self.name}_tripdata_{month}"


def _layout(name: str, pickup: str, dropoff: str, distance: str | None) -> TaxiType:
    columns = {
        "pickup_datetime": pickup,
        "dropoff_datetime": dropoff,
        "pickup_zone": "PULocationID",
        "dropoff_zone": "DOLocationID",
    }
    return TaxiType(name, columns | ({"trip_distance_raw": distance} if distance else {}))


TAXI_TYPES = {
    taxi_type.name: taxi_type
    for taxi_type in (
        _layout("green", "lpep_pickup_datetime", "lpep_dropoff_datetime", "trip_distance"),
        _layout("yellow", "tpep_pickup_datetime", "tpep_dropoff_datetime", "trip_distance"),
        _layout("fhv", "pickup_datetime", "dropOff_datetime", None),
        _layout("fhvhv", "pickup_datetime", "dropoff_datetime", "trip_miles"),
    )
}


def find_taxi_type(name: str) -> TaxiType:
    """Return the type of taxi of that name.

    Raises:
        RideDurationError: There is none.
    """
    if name not in TAXI_TYPES:
        raise RideDurationError(f"unknown taxi_type '{name}'; choose one of {', '.join(TAXI_TYPES)}")
    return TAXI_TYPES[name]
