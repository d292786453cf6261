"""Trips a second, parquet to parquet: batch scoring by the released package, and the reference's way, in one run.

Run `kedro run` first, or `kedro run --env tlc`: its package is what scores. Then
`TLC_DATA=folder python benchmarks/measure_scoring.py [--trips 1000000] [--threads 2] [--repeats 3]`
(default folder: data/01_raw/tlc; without real months there, a *simulated* one is scored).

The reference's way is that of the MLOps Zoomcamp: pandas, a list of dictionaries, and a pickled `DictVectorizer` and
model, once with the random forest of its batch chapter and once with its quickest model, the linear one. None of them
gives intervals, and none is as accurate. Each figure is the best of the repeats.
"""

import argparse
import os
import pickle
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.base import RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression

from ride_duration.datasets import ParquetStreamDataset
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.batch_scoring.parameters import Scoring
from ride_duration.pipelines.batch_scoring.scoring import score_trips
from ride_duration.trips.simulation import default_city, simulate_month

TRAIN, SCORE = "2021-01", "2021-03"
#: The reference's models, with its parameters; the first one is what ratios are to.
REFERENCE: dict[str, RegressorMixin] = {
    "reference, random forest": RandomForestRegressor(
        max_depth=20, n_estimators=100, min_samples_leaf=10, random_state=0
    ),
    "reference, linear": LinearRegression(),
}
IDS = ["PULocationID", "DOLocationID"]


def report(folder: Path, package: Path, trips: int, threads: int, repeats: int) -> None:
    """Print the table."""
    real = (folder / f"green_tripdata_{SCORE}.parquet").exists()
    with tempfile.TemporaryDirectory() as scratch:
        raw, scored = Path(scratch) / "raw.parquet", Path(scratch) / "scored.parquet"
        rows = write_trips(month(SCORE, folder), trips, raw)
        models = fit_reference(month(TRAIN, folder).to_pandas())
        loaded = ModelPackage.load(package)
        ways: dict[str, Callable[[], None]] = {
            "ours, without intervals": partial(score_ours, raw, scored, loaded, threads, intervals=False),
            "ours, with intervals": partial(score_ours, raw, scored, loaded, threads, intervals=True),
            **{name: partial(score_as_reference, raw, scored, model) for name, model in models.items()},
        }
        seconds = {name: min(timed(way) for _ in range(repeats)) for name, way in ways.items()}
    kind = "real" if real else "simulated"
    print(f"{rows:,} {kind} green trips of {SCORE}, {threads} threads of {os.cpu_count()}, ", end="")
    print(f"load {', '.join(f'{load:.1f}' for load in os.getloadavg())}; package: {loaded.manifest['model']}")
    print(f"{'parquet to parquet':<26}{'trips/s':>12}{'ratio':>8}")
    base = seconds[next(iter(REFERENCE))]
    for name, took in seconds.items():
        print(f"{name:<26}{rows / took:>12,.0f}{base / took:>8.1f}")


def month(name: str, folder: Path) -> pa.Table:
    """A real month where it lies, or a simulated one."""
    path = folder / f"green_tripdata_{name}.parquet"
    return pq.read_table(path) if path.exists() else simulate_month(name, default_city(), seed=1)


def write_trips(some: pa.Table, trips: int, path: Path) -> int:
    """Write the month as often as it takes to have so many trips; returns how many there are."""
    times = -(-trips // some.num_rows)
    with pq.ParquetWriter(path, some.schema) as writer:
        for _ in range(times):
            writer.write_table(some)
    return times * some.num_rows


def timed(way: Callable[[], None]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


def score_ours(raw: Path, scored: Path, package: ModelPackage, threads: int, *, intervals: bool) -> None:
    """What the pipeline `batch_scoring` does between its catalog entries."""
    connection = ibis.duckdb.connect(threads=threads)
    scoring = Scoring(
        source="here",
        sources={"here": "here"},
        taxi_type="green",
        score_data=SCORE,
        score_intervals=intervals,
        score_without_distance=False,
        score_rows=100_000,
        engine_threads=threads,
    )
    table = {f"green_tripdata_{SCORE}": lambda: connection.read_parquet(raw, file_row_number=True)}
    [stream] = score_trips(table, package, scoring).values()
    ParquetStreamDataset(str(scored)).save(stream())


def dictionaries(rides: pd.DataFrame) -> list[dict[str, object]]:
    """Features as the reference makes them."""
    ids = rides[IDS].fillna(-1).astype(int).astype(str)
    pairs = ids["PULocationID"] + "_" + ids["DOLocationID"]
    return pd.DataFrame({"PU_DO": pairs, "trip_distance": rides["trip_distance"]}).to_dict(orient="records")


def minutes(rides: pd.DataFrame) -> "pd.Series[float]":
    return (rides["lpep_dropoff_datetime"] - rides["lpep_pickup_datetime"]).dt.total_seconds() / 60


def fit_reference(rides: pd.DataFrame) -> dict[str, bytes]:
    """The reference's vectorizer with each of its models, pickled."""
    rides = rides[minutes(rides).between(1, 60)]
    vectorizer = DictVectorizer()
    design = vectorizer.fit_transform(dictionaries(rides))
    return {name: pickle.dumps((vectorizer, model.fit(design, minutes(rides)))) for name, model in REFERENCE.items()}


def score_as_reference(raw: Path, scored: Path, model: bytes) -> None:
    """The reference's batch job, without its random ride ids."""
    rides = pd.read_parquet(raw)
    actual = minutes(rides)
    rides = rides[actual.between(1, 60)].assign(actual_duration=actual)
    vectorizer, estimator = pickle.loads(model)
    predicted = estimator.predict(vectorizer.transform(dictionaries(rides)))
    result = rides[["lpep_pickup_datetime", *IDS, "actual_duration"]].assign(
        predicted_duration=predicted, diff=rides["actual_duration"] - predicted, model_version="1"
    )
    result.to_parquet(scored, index=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=Path("data/06_models/model_package"))
    parser.add_argument("--trips", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    where = Path(os.environ.get("TLC_DATA", "data/01_raw/tlc"))
    report(where, chosen.package, chosen.trips, chosen.threads, chosen.repeats)
