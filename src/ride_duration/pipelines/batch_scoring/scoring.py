"""The champion's prediction for every raw trip of a month, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ride_duration.datasets.unreadable import explain_unreadable
from ride_duration.errors import RideDurationError
from ride_duration.model_package import Answers, ModelPackage, Rides
from ride_duration.model_package.expected_error import ExpectedError, has_error_model
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.streams import batches_of, in_turn
from ride_duration.pipelines.data_engineering.rules import minutes_of
from ride_duration.pipelines.data_engineering.trip_records import empty, open_records
from ride_duration.registry import model_name
from ride_duration.trips.records import TaxiType

#: Opens the scored trips of one partition as a stream.
ScoredTrips = Callable[[], pa.RecordBatchReader]


def score_trips(
    raw_trips: dict[str, Callable[[], ir.Table]], champion_package: ModelPackage | None, scoring: Scoring
) -> dict[str, ScoredTrips]:
    """Predict the duration of every trip of the months asked for; no trip is left out.

    Args:
        raw_trips: For each raw file, by stem, a function that opens it as a table.
        champion_package: Answers; None where there is no champion yet.
        scoring: Says which type of taxi and months, and how.

    Returns:
        By partition, as `partition_of` names it, a function that opens a stream of record batches, in the order of
        the raw file: `schema_of` says which columns.

    Raises:
        RideDurationError: There is no champion, or a month is missing or lacks a column. The streams raise it for a
            month that is damaged or empty.
    """
    if champion_package is None:
        raise RideDurationError(
            f"no model has been released for {scoring.taxi_type} taxis on {scoring.source} months, so there is nothing "
            "to score with; `kedro run` with the same --env, source and taxi_type releases the first"
        )
    return {
        partition_of(scoring.taxi_type, month): partial(
            _scored_month,
            open_records(raw_trips, scoring.layout, month, scoring.source),
            f"{scoring.layout.file_stem(month)}.parquet",
            champion_package,
            scoring,
        )
        for month in scoring.months
    }


def partition_of(taxi_type: str, month: str) -> str:
    """Where the scored trips of a service and a month (`YYYY-MM`) lie, in Hive's layout."""
    year, number = month.split("-")
    return f"taxi_type={taxi_type}/year={year}/month={number}"


def schema_of(layout: TaxiType) -> pa.Schema:
    """The columns of scored trips: times are the New York wall clock, durations and bounds are minutes.

    `actual_duration` is null where a time is missing, `diff` is actual less predicted, and bounds are null where no
    intervals were asked for. Columns of answers at request time, without the metered distance, are null for a model
    that cannot answer so; expected squared errors (min²) for a package that has no error model. `trip_distance` is in
    miles, as it was recorded; `model` is the registered name of the model, whose version `model_version` is.
    """
    minutes = ("actual_duration", "predicted_duration", "diff", "lower", "upper")
    later = ("trip_distance", *(f"{name}_without_distance" for name in ("predicted", "lower", "upper")), *_EXPECTED)
    return pa.schema(
        [
            ("ride_id", pa.string()),
            (layout.columns["pickup_datetime"], pa.timestamp("us")),
            ("PULocationID", pa.int64()),
            ("DOLocationID", pa.int64()),
            *((name, pa.float64()) for name in minutes),
            ("model_version", pa.string()),
            *((name, pa.float64()) for name in later),
            ("model", pa.string()),
        ]
    )


_EXPECTED = ("expected_squared_error", "expected_squared_error_without_distance")
_READ = ("ride_id", "pickup_datetime", "pickup_zone", "dropoff_zone", "trip_distance_raw", "duration")


def _scored_month(records: ir.Table, file: str, package: ModelPackage, scoring: Scoring) -> pa.RecordBatchReader:
    trips = records.mutate(duration=minutes_of(records)).select(*_READ)
    schema = schema_of(scoring.layout)
    errors = ExpectedError(package) if has_error_model(package) else None
    score = partial(_score, package=package, errors=errors, schema=schema, scoring=scoring)
    batches = in_turn(score, _read(trips, file, scoring.score_rows), scoring.engine_threads)
    return pa.RecordBatchReader.from_batches(schema, batches)


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


def _score(
    trips: pa.RecordBatch, package: ModelPackage, errors: ExpectedError | None, schema: pa.Schema, scoring: Scoring
) -> pa.RecordBatch:
    distance = _numbers(trips["trip_distance_raw"])
    known = Rides(
        _numbers(trips["pickup_zone"]),
        _numbers(trips["dropoff_zone"]),
        trips["pickup_datetime"].to_numpy(zero_copy_only=False),
        distance,
    )
    unknown = known._replace(trip_distance=np.full(len(trips), np.nan))
    moments = (
        [known, unknown] if scoring.score_without_distance and package.manifest["distance"] != "required" else [known]
    )
    answered = [_answer(package, errors, rides, scoring.score_intervals) for rides in moments]
    answers, expected = answered[0]
    before, expected_before = answered[1] if len(answered) > 1 else (Answers(_nothing(trips)), None)
    actual = _numbers(trips["duration"])
    copied = [trips[name] for name in ("ride_id", "pickup_datetime", "pickup_zone", "dropoff_zone")]
    minutes = (actual, answers.duration, actual - answers.duration, answers.lower, answers.upper)
    later = (distance, before.duration, before.lower, before.upper, expected, expected_before)
    version = pa.repeat(str(package.version), len(trips))
    columns = [*copied, *(_nullable(values, trips) for values in minutes), version]
    model = pa.repeat(model_name(scoring.taxi_type, scoring.source), len(trips))
    return pa.record_batch([*columns, *(_nullable(values, trips) for values in later), model], schema=schema)


def _answer(
    package: ModelPackage, errors: ExpectedError | None, rides: Rides, intervals: bool
) -> tuple[Answers, NDArray[np.float64] | None]:
    """Answer rides (n), and say which squared errors are to be expected."""
    columns = package.columns(rides)
    answers = package.answer_columns(columns, intervals=intervals)
    return answers, errors.expect_squares(columns, answers.duration) if errors else None


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    """Float64, NaN where null."""
    numbers: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _nullable(values: NDArray[np.float64] | None, trips: pa.RecordBatch) -> pa.Array:
    """Return numbers (n,) with null for NaN; nothing but nulls where there are none."""
    return pa.array(_nothing(trips) if values is None or not len(values) else values, from_pandas=True)


def _nothing(trips: pa.RecordBatch) -> NDArray[np.float64]:
    return np.full(len(trips), np.nan)
