"""Raw and canonical trip records of a few rides, and the months that they are of."""

from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from ride_duration.pipelines.data_engineering.trip_records import ROW_NUMBER, canonical_records
from ride_duration.pipelines.data_science.parameters import Experiment
from ride_duration.pipelines.parameters import RawMonths
from ride_duration.trips.records import find_taxi_type

PICKUP, DROPOFF = datetime(2021, 1, 5, 17, 30, 12), datetime(2021, 1, 5, 17, 45, 2)


INT, REAL, TEXT, TIME, NOTHING = pa.int64(), pa.float64(), pa.string(), pa.timestamp("us"), pa.null()


#: The columns of the TLC's files with their types, and two rides.
RAW: dict[str, dict[str, tuple[pa.DataType, list[Any]]]] = {
    "green": {
        "VendorID": (INT, [2, 1]),
        "lpep_pickup_datetime": (TIME, [PICKUP, None]),
        "lpep_dropoff_datetime": (TIME, [DROPOFF, None]),
        "store_and_fwd_flag": (TEXT, ["N", None]),
        "RatecodeID": (REAL, [1.0, None]),
        "PULocationID": (INT, [74, 75]),
        "DOLocationID": (INT, [42, 264]),
        "passenger_count": (REAL, [1.0, None]),
        "trip_distance": (REAL, [2.5, 0.0]),
        "fare_amount": (REAL, [12.0, 3.0]),
        "extra": (REAL, [1.0, 0.0]),
        "mta_tax": (REAL, [0.5, 0.5]),
        "tip_amount": (REAL, [0.0, 0.0]),
        "tolls_amount": (REAL, [0.0, 0.0]),
        "ehail_fee": (NOTHING, [None, None]),
        "improvement_surcharge": (REAL, [0.3, 0.3]),
        "total_amount": (REAL, [13.8, 3.8]),
        "payment_type": (REAL, [1.0, None]),
        "trip_type": (REAL, [1.0, None]),
        "congestion_surcharge": (REAL, [0.0, None]),
    },
    "yellow": {
        "VendorID": (INT, [2, 1]),
        "tpep_pickup_datetime": (TIME, [PICKUP, None]),
        "tpep_dropoff_datetime": (TIME, [DROPOFF, None]),
        "passenger_count": (REAL, [1.0, None]),
        "trip_distance": (REAL, [2.5, 0.0]),
        "RatecodeID": (REAL, [1.0, None]),
        "store_and_fwd_flag": (TEXT, ["N", None]),
        "PULocationID": (INT, [74, 75]),
        "DOLocationID": (INT, [42, 264]),
        "payment_type": (INT, [1, 0]),
        "fare_amount": (REAL, [12.0, 3.0]),
        "extra": (REAL, [1.0, 0.0]),
        "mta_tax": (REAL, [0.5, 0.5]),
        "tip_amount": (REAL, [0.0, 0.0]),
        "tolls_amount": (REAL, [0.0, 0.0]),
        "improvement_surcharge": (REAL, [0.3, 0.3]),
        "total_amount": (REAL, [13.8, 3.8]),
        "congestion_surcharge": (REAL, [2.5, None]),
        "airport_fee": (NOTHING, [None, None]),
    },
    "fhv": {
        "dispatching_base_num": (TEXT, ["B00009", "B00013"]),
        "pickup_datetime": (TIME, [PICKUP, None]),
        "dropOff_datetime": (TIME, [DROPOFF, None]),
        "PUlocationID": (REAL, [74.0, None]),
        "DOlocationID": (REAL, [42.0, 264.0]),
        "SR_Flag": (NOTHING, [None, None]),
        "Affiliated_base_number": (TEXT, ["B00009", None]),
    },
    "fhvhv": {
        "hvfhs_license_num": (TEXT, ["HV0003", "HV0005"]),
        "dispatching_base_num": (TEXT, ["B02682", "B02510"]),
        "originating_base_num": (TEXT, ["B02682", None]),
        "request_datetime": (TIME, [PICKUP, None]),
        "on_scene_datetime": (TIME, [PICKUP, None]),
        "pickup_datetime": (TIME, [PICKUP, None]),
        "dropoff_datetime": (TIME, [DROPOFF, None]),
        "PULocationID": (INT, [74, 75]),
        "DOLocationID": (INT, [42, 264]),
        "trip_miles": (REAL, [2.5, 0.0]),
        "trip_time": (INT, [890, 0]),
        "base_passenger_fare": (REAL, [17.28, 3.0]),
        "tolls": (REAL, [0.0, 0.0]),
        "bcf": (REAL, [0.5, 0.1]),
        "sales_tax": (REAL, [1.5, 0.3]),
        "congestion_surcharge": (REAL, [2.75, 0.0]),
        "airport_fee": (NOTHING, [None, None]),
        "tips": (REAL, [0.0, 0.0]),
        "driver_pay": (REAL, [12.0, 2.0]),
        "shared_request_flag": (TEXT, ["N", "N"]),
        "shared_match_flag": (TEXT, ["N", "N"]),
        "access_a_ride_flag": (TEXT, [" ", " "]),
        "wav_request_flag": (TEXT, ["N", "N"]),
        "wav_match_flag": (TEXT, ["N", "N"]),
    },
}


def raw_table(service: str, **changed: tuple[pa.DataType, list[Any]] | None) -> pa.Table:
    """Two rides as the service's file has them, with columns changed or (None) left out."""
    columns = {name: column for name, column in (RAW[service] | changed).items() if column is not None}
    arrays = {name: pa.array(values, kind) for name, (kind, values) in columns.items()}
    return pa.table(arrays | {ROW_NUMBER: pa.array([0, 1], INT)})


def green_table(rides: list[tuple[int | None, int | None, datetime | None, datetime | None, float | None]]) -> pa.Table:
    """A green month from (pick-up zone, drop-off zone, pick-up, drop-off, miles), numbered in this order."""
    pickup_zone, dropoff_zone, pickup, dropoff, miles = zip(*rides, strict=True) if rides else [()] * 5
    return pa.table(
        {
            "lpep_pickup_datetime": pa.array(pickup, TIME),
            "lpep_dropoff_datetime": pa.array(dropoff, TIME),
            "PULocationID": pa.array(pickup_zone, INT),
            "DOLocationID": pa.array(dropoff_zone, INT),
            "trip_distance": pa.array(miles, REAL),
            ROW_NUMBER: pa.array(range(len(rides)), INT),
        }
    )


def green_records(table: pa.Table, month: str = "2021-01") -> ir.Table:
    """Canonical records of a green month."""
    return canonical_records(
        ibis.memtable(table), find_taxi_type("green"), month, f"green_tripdata_{month}.parquet", "tlc"
    )


_TLC: dict[str, Any] = {
    "source": "tlc",
    "sources": {"tlc": "https://tlc/{service}_tripdata_{month}.parquet"},
    "taxi_type": "green",
}


def experiment(**changed: Any) -> Experiment:
    """Green trips, one month for training and one to judge on."""
    return Experiment(**_TLC | {"train_data": "2021-01", "val_data": "2021-02", "engine_threads": 1} | changed)


def raw_months(*read_data: str, **changed: Any) -> RawMonths:
    """Green months to read; two, if none is named."""
    return RawMonths(**_TLC | {"read_data": read_data or ("2021-01", "2021-02")} | changed)


MONDAY = datetime(2021, 1, 4, 8)


Ride = tuple[int | None, int | None, datetime | None, datetime | None, float | None]


def ride(
    seconds: float = 600,
    distance: float | None = 2.0,
    zones: tuple[int | None, int | None] = (74, 75),
    pickup: datetime = MONDAY,
) -> Ride:
    """A ride to which nothing is wrong, but for what is said."""
    return (*zones, pickup, pickup + timedelta(seconds=seconds), distance)
