"""Scored trips -> what their rides were like, by day and bin of each feature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.reference import ANSWERS
from ride_duration.pipelines.batch_scoring.scored_level import select_raw
from ride_duration.pipelines.batch_scoring.scoring import partition_of
from ride_duration.pipelines.batch_scoring.streams import batches_of
from ride_duration.pipelines.monitoring.feature_profiles import Profiles, add_rides, make_profiles
from ride_duration.pipelines.monitoring.parameters import Monitoring
from ride_duration.stats.binning import count_by_day, find_bins
from ride_duration.stats.seen_values import SeenValues
from ride_duration.trips.features import METERED
from ride_duration.trips.records import DURATION

#: Rides that are read at a time, and those of them, at least, whose values quantiles are taken of.
_ROWS, _SAMPLED = 200_000, 5_000


def count_rides(
    scored_trips: dict[str, Callable[[], ir.Table]],
    package: ModelPackage,
    edges: Mapping[str, NDArray[np.float64]],
    seen: Mapping[str, SeenValues],
    days: NDArray[np.datetime64],
    version: int,
    monitoring: Monitoring,
) -> tuple[dict[str, NDArray[np.float64]], dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]], Profiles]:
    """Count the rides of the days by day and bin of each feature, and keep the values of some.

    Answers are counted of the version alone that is looked at. Rides whose duration is known and out of range are left
    out, as they are in the reference.

    Args:
        scored_trips: For each partition, a function that opens it as a table.
        package: That makes features.
        edges: Inner edges of the bins of each feature.
        seen: Values that each feature has in the reference.
        days: All days that are counted (n,).
        version: Whose answers are counted.
        monitoring: Says which taxis.

    Returns:
        Rides of each feature by day and bin (n, bins); and of some rides of each feature the number of the day, and the
        value, by batch; and the profiles of the days.
    """
    profiles = make_profiles(len(days))
    counts = {name: np.zeros((len(days), len(inner) + 2)) for name, inner in edges.items()}
    values: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {name: [] for name in counts}
    recorded: set[str] = set()
    for rides in _read_rides(scored_trips, package, days, monitoring):
        day = (rides["day"].to_numpy().astype("datetime64[D]") - days[0]).astype(np.int64)
        by_version = (rides["version"] == version).to_numpy()
        stride = max(1, len(rides) // _SAMPLED)
        for name in counts:
            if name not in rides:
                continue
            chosen = by_version if name in ANSWERS else np.ones(len(rides), dtype=bool)
            numbers = rides[name].to_numpy(dtype=np.float64)[chosen]
            bins = find_bins(numbers, edges[name])
            counts[name] += count_by_day(day[chosen], bins, len(days), len(edges[name]) + 2)
            values[name].append((day[chosen][::stride], numbers[::stride]))
            add_rides(profiles, seen, name, day[chosen], numbers, rides["hour"].to_numpy(dtype=np.float64)[chosen])
            if name not in ANSWERS or not np.isnan(numbers).all():
                recorded.add(name)
    return {name: counts[name] for name in counts if name in recorded}, values, profiles


def _read_rides(
    scored_trips: dict[str, Callable[[], ir.Table]],
    package: ModelPackage,
    days: NDArray[np.datetime64],
    monitoring: Monitoring,
) -> Iterator[pd.DataFrame]:
    """Read the rides of the days batch by batch, with their features and answers."""
    for month in np.unique(days.astype("datetime64[M]")).astype(str).tolist():
        partition = partition_of(monitoring.taxi_type, month)
        if partition not in scored_trips:
            continue
        scored = select_raw(scored_trips[partition]())
        pickup = next(name for name in scored.columns if "pickup" in name)
        actual = scored["actual_duration"]
        names = ["PULocationID", "DOLocationID", "trip_distance", "predicted_duration", "predicted_without_distance"]
        rides = scored.filter(
            actual.isnull() | actual.between(*DURATION),
            scored[pickup].date().between(str(days[0]), str(days[-1])),
            scored[pickup].strftime("%Y-%m") == month,
        ).select(*[name for name in names if name in scored.columns], "model_version", pickup=pickup)
        for batch in batches_of(rides, _ROWS):
            yield _make_features(batch, package)


def _make_features(batch: pa.RecordBatch, package: ModelPackage) -> pd.DataFrame:
    known = {name: batch[name].cast("float64").to_numpy(zero_copy_only=False) for name in batch.schema.names[:-2]}
    when = batch["pickup"].to_numpy(zero_copy_only=False).astype("datetime64[s]")
    nothing = np.full(len(when), np.nan)
    rides = Rides(known["PULocationID"], known["DOLocationID"], when, known.get("trip_distance", nothing))
    columns = {name: values for name, values in package.columns(rides).items() if values.dtype != object}
    if "trip_distance" not in known:  # a former program has not kept it
        columns = {name: values for name, values in columns.items() if name not in METERED}
    version = batch["model_version"].cast("int64").to_numpy(zero_copy_only=False)
    table = pd.DataFrame(columns).assign(day=when.astype("datetime64[D]"), version=version)
    answers = dict(zip(ANSWERS, ("predicted_duration", "predicted_without_distance"), strict=True))
    given = {name: known[column] for name, column in answers.items() if column in known}
    return table.assign(**{name: np.where(np.isfinite(values), values, np.nan) for name, values in given.items()})
