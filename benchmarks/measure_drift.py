"""Data drift: seconds for many rides, and how often features of one and the same distribution are flagged.

`python benchmarks/measure_drift.py [--rows 1000000] [--pairs 100] [--few 900]`. Rides are features of the simulated
city, drawn again and jittered; both programs see the same rows, one after the other in one run, each with one thread.
Evidently runs in an environment of its own, which is made from `benchmarks/locks/evidently.lock` at the first call
(`--environment`, default `.venv-evidently`); `--skip-evidently` leaves it out. Times are of the computation alone,
without reading: for this project everything but the classifier (bins, counts, PSI, Jensen-Shannon, Wasserstein, 2,000
redraws of days, Holm), for Evidently its `DataDriftPreset` with default settings.

A pair is two samples without replacement of the same rides: 900 rides on 28 days each, by default. A pair is flagged
if any feature is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from ride_duration.pipelines.monitoring.drift import Reference
    from ride_duration.pipelines.monitoring.limits import DriftLimits

#: What Evidently's environment runs; it prints its figures as JSON.
_EVIDENTLY = """
import json, os, sys, time
os.environ["EVIDENTLY_DISABLE_TELEMETRY"] = "1"
import pandas as pd
from pathlib import Path
from evidently import Report
from evidently.presets import DataDriftPreset

def find_drifted(reference, current):
    found = Report([DataDriftPreset()]).run(current.drop(columns="day"), reference.drop(columns="day")).dict()
    return found["metrics"][0]["value"]["count"]

folder = Path(sys.argv[1])
reference, current = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "current"))
began, cpu = time.perf_counter(), time.process_time()
find_drifted(reference, current)
seconds = time.perf_counter() - began, time.process_time() - cpu
pairs = pd.read_parquet(folder / "pairs.parquet")
flagged = 0
for _, pair in pairs.groupby("pair"):
    sides = [side.drop(columns=["pair", "side"]) for _, side in pair.groupby("side")]
    flagged += find_drifted(*sides) > 0
print(json.dumps({"seconds": seconds, "flagged": int(flagged)}))
"""


def simulate_features(rows: int, days: int, seed: int) -> pd.DataFrame:
    """Make features of rides of the simulated city on so many days of January 2021, `day` among them."""
    from ride_duration.trips.features import FEATURES
    from ride_duration.trips.rides import features_of_rides
    from ride_duration.trips.simulation import default_city, simulate_month

    month = simulate_month("2021-01", default_city(), 42).to_pandas()
    day = month["lpep_pickup_datetime"].dt.normalize()
    month = month[(day >= "2021-01-01") & (day < pd.Timestamp("2021-01-01") + pd.Timedelta(days, "D"))]
    rng = np.random.default_rng(seed)
    month = month.iloc[np.sort(rng.choice(len(month), rows, replace=rows > len(month)))]
    zones = (month[name].to_numpy(dtype=np.float64) for name in ("PULocationID", "DOLocationID"))
    when = month["lpep_pickup_datetime"].to_numpy()
    jitter = np.exp(rng.normal(0, 0.01, rows))
    features = features_of_rides(*zones, when, month["trip_distance"].to_numpy(dtype=np.float64) * jitter)
    table = pd.DataFrame({name: features[name] for name in FEATURES})
    return table.assign(day=when.astype("datetime64[D]").astype("datetime64[ns]"))


def count_rides(rides: pd.DataFrame, edges: dict[str, np.ndarray], days: np.ndarray) -> dict[str, np.ndarray]:
    """Count rides by day and bin of each feature."""
    from ride_duration.stats.binning import count_by_day, find_bins

    day = (rides["day"].to_numpy().astype("datetime64[D]") - days[0]).astype(np.int64)
    return {
        name: count_by_day(day, find_bins(rides[name].to_numpy(), inner), len(days), len(inner) + 2)
        for name, inner in edges.items()
    }


def make_reference(rides: pd.DataFrame, days: np.ndarray) -> Reference:
    """Make what a package carries of its validation months."""
    from ride_duration.pipelines.monitoring.drift import Reference
    from ride_duration.stats.binning import find_edges

    edges = {name: find_edges(rides[name].to_numpy()) for name in rides.columns if name != "day"}
    return Reference(days, edges, count_rides(rides, edges, days), rides.iloc[:: max(1, len(rides) // 20_000)])


def find_drifted(reference: Reference, current: pd.DataFrame, limits: DriftLimits) -> int:
    """Compare as the monitoring does, and return how many features are flagged."""
    from ride_duration.pipelines.monitoring.drift import compare_window

    days = reference.days
    counts = count_rides(current, reference.edges, days)
    day = (current["day"].to_numpy().astype("datetime64[D]") - days[0]).astype(np.int64)
    stride = max(1, len(current) // 5_000)
    values = {name: [(day[::stride], current[name].to_numpy()[::stride])] for name in reference.edges}
    return int(compare_window(reference, days, counts, values, slice(0, len(days)), limits, 1)["beyond"].sum())


def read_limits() -> DriftLimits:
    """Read the limits that are configured."""
    import yaml

    from ride_duration.pipelines.monitoring.limits import DriftLimits

    conf = Path(__file__).parents[1] / "conf/base/parameters_monitoring.yml"
    return DriftLimits(**yaml.safe_load(conf.read_text())["drift_limits"])


def make_pairs(rides: pd.DataFrame, pairs: int, few: int) -> pd.DataFrame:
    """Draw pairs of samples that have no ride in common, from the same rides."""
    rng = np.random.default_rng(7)
    drawn = []
    for number in range(pairs):
        chosen = rides.iloc[rng.choice(len(rides), 2 * few, replace=False)]
        drawn.append(chosen.assign(pair=number, side=np.repeat([0, 1], few)))
    return pd.concat(drawn, ignore_index=True)


def measure_evidently(folder: Path, environment: Path) -> dict[str, Any]:
    """Run Evidently on the same rows, with one thread, in an environment of its own."""
    python = environment / "bin/python"
    if not python.exists():
        lock = Path(__file__).parent / "locks/evidently.lock"
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(lock)]
        subprocess.run(install, check=True)
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [str(python), "-W", "ignore", "-c", _EVIDENTLY, str(folder)]
    printed = subprocess.run(command, env=os.environ | one, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(printed.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--few", type=int, default=900)
    parser.add_argument("--environment", type=Path, default=Path(".venv-evidently"))
    parser.add_argument("--skip-evidently", action="store_true")
    arguments = parser.parse_args()
    days = np.datetime64("2021-01-01") + np.arange(28)
    limits = read_limits()
    with threadpool_limits(1), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sides = [simulate_features(arguments.rows, 28, seed) for seed in (1, 2)]
        reference = make_reference(sides[0], days)
        find_drifted(reference, sides[1].iloc[:: max(1, arguments.rows // 5_000)], limits)
        began, cpu = time.perf_counter(), time.process_time()
        find_drifted(reference, sides[1], limits)
        ours = time.perf_counter() - began, time.process_time() - cpu
        pairs = make_pairs(simulate_features(50_000, 28, 3), arguments.pairs, arguments.few)
        flagged = 0
        for _, pair in pairs.groupby("pair"):
            then, now = (side.drop(columns=["pair", "side"]) for _, side in pair.groupby("side"))
            flagged += find_drifted(make_reference(then, days), now, limits) > 0
        features = len(reference.edges)
        print(f"{arguments.rows:,} rides, {features} features, simulated; {arguments.pairs} pairs of {arguments.few}")
        print(f"{'':14} {'seconds':>8} {'CPU s':>8} {'pairs flagged':>14}")
        print(f"{'this project':14} {ours[0]:8.2f} {ours[1]:8.2f} {flagged:14}")
        if not arguments.skip_evidently:
            for label, side in zip(("reference", "current"), sides, strict=True):
                side.to_parquet(folder / f"{label}.parquet", index=False)
            pairs.to_parquet(folder / "pairs.parquet", index=False)
            theirs = measure_evidently(folder, arguments.environment)
            seconds, cpu = theirs["seconds"]
            print(f"{'Evidently':14} {seconds:8.2f} {cpu:8.2f} {theirs['flagged']:14}")
            print(f"Evidently takes {seconds / ours[0]:.1f} times as long.")


if __name__ == "__main__":
    main()
