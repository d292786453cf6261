"""The champion's prediction for every raw trip of a month, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ride_duration.errors import RideDurationError
from ride_duration.model_package import Answers, ModelPackage, Rides
from ride_duration.model_package.expected_error import ExpectedError, has_error_model
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.scored_level import LEVEL, MARGINS, RAW, ReplayedLevel, replay_months
from ride_duration.pipelines.batch_scoring.streams import in_turn
from ride_duration.pipelines.batch_scoring.trip_batches import numbers_of, open_trips, rides_of, without_distance
from ride_duration.pipelines.live_intervals import find_buckets, find_margins_of, move_bounds, multiply
from ride_duration.pipelines.live_level import find_factors_of
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
            month that is damaged or empty; where the level is on, this function does.
    """
    if champion_package is None:
        raise RideDurationError(
            f"no model has been released for {scoring.taxi_type} taxis on {scoring.source} months, so there is nothing "
            "to score with; `kedro run` with the same --env, source and taxi_type releases the first"
        )
    months = {month: open_trips(raw_trips, month, scoring) for month in scoring.months}
    level = replay_months(months, champion_package, scoring)
    return {
        partition_of(scoring.taxi_type, month): partial(
            _score_month, read, _Scorer.make(champion_package, scoring, month, level), scoring.engine_threads
        )
        for month, read in months.items()
    }


def partition_of(taxi_type: str, month: str) -> str:
    """Where the scored trips of a service and a month (`YYYY-MM`) lie, in Hive's layout."""
    year, number = month.split("-")
    return f"taxi_type={taxi_type}/year={year}/month={number}"


def schema_of(layout: TaxiType, *, with_level: bool = False) -> pa.Schema:
    """The columns of scored trips: times are the New York wall clock, durations and bounds are minutes.

    `actual_duration` is null where a time is missing, `diff` is actual less predicted, and bounds are null where no
    intervals were asked for. Columns of answers at request time, without the metered distance, are null for a model
    that cannot answer so; expected squared errors (min²) for a package that has no error model. `trip_distance` is in
    miles, as it was recorded; `model` is the registered name of the model, whose version `model_version` is.

    Where the level is on, answers and bounds are corrected by it, and `diff` is of the corrected answer. Answers and
    bounds as the model gave them follow (`duration_raw` and so on), `level`, what they were multiplied by, and
    `MARGINS` (minutes), what bounds were then moved by: null where no intervals were asked for.
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
            *((name, pa.float64()) for name in ((*RAW.values(), LEVEL, *MARGINS) if with_level else ())),
        ]
    )


_EXPECTED = ("expected_squared_error", "expected_squared_error_without_distance")


def _score_month(read: Callable[[], Iterator[pa.RecordBatch]], scorer: _Scorer, threads: int) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(scorer.schema, in_turn(scorer.score, read(), threads))


@dataclass(frozen=True)
class _Scorer:
    """Scores batches of trips of a month."""

    package: ModelPackage
    errors: ExpectedError | None
    scoring: Scoring
    month: str
    level: ReplayedLevel | None
    schema: pa.Schema

    @classmethod
    def make(cls, package: ModelPackage, scoring: Scoring, month: str, level: ReplayedLevel | None) -> _Scorer:
        errors = ExpectedError(package) if has_error_model(package) else None
        schema = schema_of(scoring.layout, with_level=level is not None)
        return cls(package, errors, scoring, month, level, schema)

    def score(self, trips: pa.RecordBatch) -> pa.RecordBatch:
        """Return the scored trips (n) of `schema`."""
        known = rides_of(trips)
        answers, expected, read = self._answer(known)
        before, expected_before, read_before = Answers(_nothing(trips)), None, read
        if self.scoring.score_without_distance and self.package.manifest["distance"] != "required":
            before, expected_before, read_before = self._answer(without_distance(known))
        added: list[NDArray[np.float64]] = []
        if self.level is not None:
            factors = find_factors_of(self.level.factors, known.pickup_datetime, self.month)
            raw = [*answers, *before]
            answers, margins = self._correct(answers, read, known, factors)
            before, margins_before = self._correct(before, read_before, known, factors)
            added = [*raw, factors, *margins, *margins_before]
        actual = numbers_of(trips["duration"])
        copied = [trips[name] for name in ("ride_id", "pickup_datetime", "pickup_zone", "dropoff_zone")]
        minutes = (actual, answers.duration, actual - answers.duration, answers.lower, answers.upper)
        later = (known.trip_distance, before.duration, before.lower, before.upper, expected, expected_before)
        version = pa.repeat(str(self.package.version), len(trips))
        model = pa.repeat(model_name(self.scoring.taxi_type, self.scoring.source), len(trips))
        columns = [*copied, *(_nullable(values, trips) for values in minutes), version]
        columns += [*(_nullable(values, trips) for values in later), model]
        columns += [_nullable(values, trips) for values in added]
        return pa.record_batch(columns, schema=self.schema)

    def _answer(self, rides: Rides) -> tuple[Answers, NDArray[np.float64] | None, dict[str, Any]]:
        """Answer rides (n), say which squared errors are to be expected, and return what the model read."""
        columns = self.package.columns(rides)
        answers = self.package.answer_columns(columns, intervals=self.scoring.score_intervals)
        return answers, self.errors.expect_squares(columns, answers.duration) if self.errors else None, columns

    def _correct(
        self, answers: Answers, columns: dict[str, Any], rides: Rides, factors: NDArray[np.float64]
    ) -> tuple[Answers, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Multiply answers (n) by the level, move their bounds; return them and the margins, empty without bounds."""
        answers = multiply(answers, factors)
        if self.level is None or self.level.margins is None or not len(answers.lower):
            return answers, (np.empty(0), np.empty(0))
        groups = find_buckets(columns, self.package.calibration.edges)
        margins = find_margins_of(self.level.margins, rides.pickup_datetime, groups, self.month)
        return move_bounds(answers, *margins), margins


def _nullable(values: NDArray[np.float64] | None, trips: pa.RecordBatch) -> pa.Array:
    """Return numbers (n,) with null for NaN; nothing but nulls where there are none."""
    return pa.array(_nothing(trips) if values is None or not len(values) else values, from_pandas=True)


def _nothing(trips: pa.RecordBatch) -> NDArray[np.float64]:
    return np.full(len(trips), np.nan)
