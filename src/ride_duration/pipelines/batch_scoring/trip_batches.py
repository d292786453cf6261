"""The trips of a raw month, batch by batch, as rides to be answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ride_duration.datasets.unreadable import explain_unreadable
from ride_duration.model_package import Rides
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.streams import batches_of
from ride_duration.pipelines.data_engineering.rules import minutes_of
from ride_duration.pipelines.data_engineering.trip_records import empty, open_records

_READ = ("ride_id", "pickup_datetime", "pickup_zone", "dropoff_zone", "trip_distance_raw", "duration")


def open_trips(
    raw_trips: dict[str, Callable[[], ir.Table]], month: str, scoring: Scoring
) -> Callable[[], Iterator[pa.RecordBatch]]:
    """Open a raw month; no trip is read yet.

    Args:
        raw_trips: For each raw file, by stem, a function that opens it as a table.
        month: For instance 2021-03.
        scoring: Says which type of taxi, and how many trips a batch has.

    Returns:
        A function that reads the trips in the order of the file, batch by batch, each time from the beginning. What it
        returns raises a RideDurationError for a month that is damaged or empty.

    Raises:
        RideDurationError: The month is missing or lacks a column.
    """
    records = open_records(raw_trips, scoring.layout, month, scoring.source)
    trips = records.mutate(duration=minutes_of(records)).select(*_READ)
    return lambda: _read(trips, f"{scoring.layout.file_stem(month)}.parquet", scoring.score_rows)


def _read(trips: ir.Table, file: str, rows: int) -> Iterator[pa.RecordBatch]:
    read = 0
    try:
        for batch in batches_of(trips, rows):
            read += batch.num_rows
            yield batch
    except Exception as error:  # each engine has its own errors
        raise explain_unreadable(file, error) from error
    if read == 0:
        raise empty(file)


def rides_of(trips: pa.RecordBatch) -> Rides:
    """Return trips (n) as rides with their metered distance."""
    return Rides(
        numbers_of(trips["pickup_zone"]),
        numbers_of(trips["dropoff_zone"]),
        trips["pickup_datetime"].to_numpy(zero_copy_only=False),
        numbers_of(trips["trip_distance_raw"]),
    )


def without_distance(rides: Rides) -> Rides:
    """Return rides (n) as they are known at request time."""
    return rides._replace(trip_distance=np.full(len(rides.trip_distance), np.nan))


def numbers_of(column: pa.Array) -> NDArray[np.float64]:
    """Return a column (n) as float64, NaN where it is null."""
    numbers: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers
