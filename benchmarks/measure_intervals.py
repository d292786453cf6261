"""Compare rolling with fixed intervals in months that were scored with `score_level=as_of`.

Run with `python benchmarks/measure_intervals.py PROJECT...`, folders of projects with scored months and the package
that has scored them. Each line is a month at one moment, the package's intervals before the arrow and those shown after
it: coverage, coverage of the worst bucket of distance with 500 rides, days with a coverage below 86 %, mean width and
mean interval score (Winkler; both in minutes). Buckets are of straight-line distance, as in the gate.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.intervals import buckets
from ride_duration.trips.records import DURATION

LEAST_RIDES, LEAST_COVERAGE = 500, 0.86


def measure(rides: pd.DataFrame, bucket: np.ndarray[Any, Any], coverage: float, columns: tuple[str, str]) -> Any:
    """Measure intervals of rides; `columns` are those of their bounds."""
    lower, upper = (rides[column] for column in columns)
    actual = rides["actual_duration"]
    is_held = (actual >= lower) & (actual <= upper)
    outside = (lower - actual).clip(lower=0) + (actual - upper).clip(lower=0)
    by_bucket = is_held.groupby(bucket).agg(["mean", "size"])
    worst = by_bucket.loc[by_bucket["size"] >= LEAST_RIDES, "mean"].min()
    days = is_held.groupby(rides["pickup"].dt.date).mean() < LEAST_COVERAGE
    width = (upper - lower).mean()
    return is_held.mean(), worst, days, width, width + 2 / (1 - coverage) * outside.mean()


def main(projects: list[str]) -> None:
    scores, days_shown, days_fixed = [], [], []
    for project in map(Path, projects):
        package = ModelPackage.load(project / "data/06_models/model_package")
        trained_on = "+".join(package.manifest["train_data"])
        for path in sorted(project.glob("data/07_model_output/scored_trips/*/*/*/part-0.parquet")):
            year, month = (part.partition("=")[2] for part in path.parts[-3:-1])
            rides = pd.read_parquet(path)
            rides["pickup"] = rides[next(name for name in rides.columns if name.endswith("pickup_datetime"))]
            is_known = rides["actual_duration"].between(*DURATION)
            rides = rides[is_known & (rides["pickup"].dt.strftime("%Y-%m") == f"{year}-{month}")].reset_index(drop=True)
            zones = (rides[name].to_numpy(float) for name in ("PULocationID", "DOLocationID"))
            asked = Rides(*zones, rides["pickup"].to_numpy(), rides["trip_distance"].to_numpy())
            straight = package.columns(asked)["straight_distance"]
            bucket = buckets(straight, package.calibration.edges)
            for later, moment in (("", "with distance"), ("_without_distance", "at request time")):
                fixed, shown = (
                    measure(rides, bucket, package.calibration.coverage, (f"lower{kind}{later}", f"upper{kind}{later}"))
                    for kind in ("_raw", "")
                )
                scores.append(shown[-1] / fixed[-1] - 1)
                days_fixed.append(fixed[2])
                days_shown.append(shown[2])
                print(
                    f"{trained_on} -> {year}-{month} {moment:<16}"
                    f"coverage {fixed[0]:.1%} -> {shown[0]:.1%}  worst bucket {fixed[1]:.1%} -> {shown[1]:.1%}  "
                    f"days {fixed[2].sum()} -> {shown[2].sum()} of {len(shown[2])}  "
                    f"width {fixed[3]:.2f} -> {shown[3]:.2f}  "
                    f"score {fixed[4]:.3f} -> {shown[4]:.3f} ({scores[-1]:+.2%})"
                )
    shares = [pd.concat(days).mean() for days in (days_fixed, days_shown)]
    print(
        f"all: interval score {np.mean(scores):+.2%} on the mean, {max(scores):+.2%} at most; "
        f"days below {LEAST_COVERAGE:.0%}: {shares[0]:.1%} -> {shares[1]:.1%}"
    )


if __name__ == "__main__":
    main(sys.argv[1:] or sys.exit(__doc__))
