"""How far *simulated* months are from real ones: distances between marginals, and errors of the same models.

Run with `TLC_DATA=folder python benchmarks/measure_city.py [--seed 1]` (default folder: data/01_raw/tlc).
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBRegressor

from ride_duration.trips.simulation import simulate_month
from ride_duration.trips.simulation.city import City, default_city
from ride_duration.trips.zones import zones

TRAIN, SCORE = "2021-01", "2021-02"


def report(city: City, folder: Path, seed: int = 1) -> None:
    """Print both tables for months `TRAIN` and `SCORE`."""
    real = {month: pd.read_parquet(folder / f"green_tripdata_{month}.parquet") for month in (TRAIN, SCORE)}
    made = {month: simulate_month(month, city, seed).to_pandas() for month in (TRAIN, SCORE)}
    print(f"Simulated against real months, seed {seed}\n\nJensen-Shannon distance (base 2), {TRAIN}, 1 to 60 minutes")
    for name, distance in distances(kept(real[TRAIN]), kept(made[TRAIN])).items():
        print(f"  {name:<16}{distance:8.3f}")
    print(f"\n{'':<34}{'real':>10}{'simulated':>12}")
    figures = counts(real) | errors(real), counts(made) | errors(made)
    for name in figures[0]:
        print(f"{name:<34}{figures[0][name]:>10.4g}{figures[1][name]:>12.4g}")


def kept(rides: pd.DataFrame) -> pd.DataFrame:
    """Rides of 1 to 60 minutes, with `minutes`."""
    minutes = (rides.lpep_dropoff_datetime - rides.lpep_pickup_datetime).dt.total_seconds() / 60
    return rides.assign(minutes=minutes)[minutes.between(1, 60)]


def distances(real: pd.DataFrame, made: pd.DataFrame) -> dict[str, float]:
    """Jensen-Shannon distances (0 the same, 1 nothing in common) between the marginals of kept rides."""
    return {
        name: float(jensenshannon(histogram(real, name), histogram(made, name), base=2))
        for name in ("hour", "weekday", "pick-up zone", "drop-off zone", "distance", "duration", "speed")
    }


def histogram(rides: pd.DataFrame, name: str) -> Any:
    """Counts of kept rides in the bins that the report uses; the last bin of a quantity is open."""
    pickup, miles = rides.lpep_pickup_datetime, rides.trip_distance
    match name:
        case "hour":
            return np.bincount(pickup.dt.hour, minlength=24)
        case "weekday":
            return np.bincount(pickup.dt.day_of_week, minlength=7)
        case "pick-up zone":
            return np.bincount(rides.PULocationID, minlength=266)
        case "drop-off zone":
            return np.bincount(rides.DOLocationID, minlength=266)
        case "distance":
            return np.bincount((np.minimum(miles, 20) / 0.5).astype(int), minlength=41)
        case "duration":
            return np.bincount(np.minimum(rides.minutes, 59.999).astype(int), minlength=60)
    return np.bincount((np.minimum(miles / rides.minutes * 60, 60) / 2).astype(int), minlength=31)


def counts(months: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Sizes and shares of the training month."""
    rides = months[TRAIN]
    minutes = (rides.lpep_dropoff_datetime - rides.lpep_pickup_datetime).dt.total_seconds() / 60
    pairs, later = pair_names(kept(rides)), pair_names(kept(months[SCORE]))
    return {
        "rows": len(rides),
        "kept (1 to 60 min)": minutes.between(1, 60).mean(),
        "under 1 min": (minutes < 1).mean(),
        "over 60 min": (minutes > 60).mean(),
        "over 180 min": (minutes > 180).mean(),
        "NULL passenger_count": rides.passenger_count.isna().mean(),
        "over 100 miles, rows": (rides.trip_distance > 100).sum(),
        "zero miles": (rides.trip_distance == 0).mean(),
        "same zone, kept": (kept(rides).PULocationID == kept(rides).DOLocationID).mean(),
        "unknown or outside zones": ((rides.PULocationID > 263) | (rides.DOLocationID > 263)).mean(),
        "mean minutes, kept": kept(rides).minutes.mean(),
        "median miles, kept": kept(rides).trip_distance.median(),
        "mean fare": rides.fare_amount.mean(),
        "zone pairs": pairs.nunique(),
        "unseen pairs in the next month": (~later.isin(set(pairs))).mean(),
    }


def errors(months: dict[str, pd.DataFrame]) -> dict[str, float]:
    """RMSE (minutes) of models trained on `TRAIN` and scored on `SCORE`."""
    train, score = kept(months[TRAIN]), kept(months[SCORE])
    y, truth = train.minutes.to_numpy(), score.minutes.to_numpy()

    def rmse(predicted: Any) -> float:
        return float(np.sqrt(np.mean((predicted - truth) ** 2)))

    medians = train.minutes.groupby(pair_names(train)).median()
    trees, blind = boosted_trees(train, y, score)
    return {
        "RMSE constant": rmse(y.mean()),
        "RMSE zone-pair median": rmse(pair_names(score).map(medians).fillna(np.median(y))),
        "RMSE linear, the reference's": rmse(linear(train, y, score)),
        "RMSE trees with distance": rmse(trees),
        "RMSE trees without distance": rmse(blind),
    }


def pair_names(rides: pd.DataFrame) -> Any:
    """The zone pair as the reference writes it."""
    return rides.PULocationID.astype(str) + "_" + rides.DOLocationID.astype(str)


def linear(train: pd.DataFrame, y: Any, score: pd.DataFrame) -> Any:
    """Predictions of the reference's linear model: one-hot zone pair and raw distance."""
    from scipy.sparse import csr_matrix, hstack

    encoder = OneHotEncoder(handle_unknown="ignore").fit(pair_names(train).to_frame())

    def design(rides: pd.DataFrame) -> Any:
        return hstack(
            [encoder.transform(pair_names(rides).to_frame()), csr_matrix(rides.trip_distance.to_numpy()[:, None])]
        ).tocsr()

    return LinearRegression().fit(design(train), y).predict(design(score))


def boosted_trees(train: pd.DataFrame, y: Any, score: pd.DataFrame) -> tuple[Any, Any]:
    """Predictions of one model, trained with and without distance, of either kind."""
    with_distance, without = tree_features(train), tree_features(train)
    without[:, -2:] = np.nan
    model = XGBRegressor(
        n_estimators=400, max_depth=8, learning_rate=0.06, min_child_weight=5, subsample=0.8, n_jobs=1, random_state=0
    ).fit(np.r_[with_distance, without], np.r_[y, y])
    known, blind = tree_features(score), tree_features(score)
    blind[:, -2:] = np.nan
    return model.predict(known), model.predict(blind)


def tree_features(rides: pd.DataFrame) -> Any:
    """Eleven features: places, ways between them, time, distance on the meter (NaN outside (0, 100] miles)."""
    x, y = (np.array([getattr(zones()[zone], axis) for zone in range(1, 266)]) for axis in "xy")
    origin, destination = rides.PULocationID.to_numpy() - 1, rides.DOLocationID.to_numpy() - 1
    across, along = x[destination] - x[origin], y[destination] - y[origin]
    straight = np.hypot(across, along)
    pickup = rides.lpep_pickup_datetime.dt
    hour, weekday = pickup.hour + pickup.minute / 60, pickup.day_of_week
    miles = rides.trip_distance.where(rides.trip_distance.between(0, 100, inclusive="right"))
    columns = [x[origin], y[origin], x[destination], y[destination], abs(across) + abs(along), straight]
    columns += [hour, weekday, weekday * 24 + hour, miles, miles / (straight + 0.25)]
    return np.stack([np.asarray(column, dtype=float) for column in columns], axis=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    report(default_city(), Path(os.environ.get("TLC_DATA", "data/01_raw/tlc")), parser.parse_args().seed)
