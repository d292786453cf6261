"""Validation trips -> the reference of a package: rides of every day, and counts of all by day, feature and bin."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ride_duration.model_package.reference import ANSWERS, COUNTS, LEAST_ROWS, ROWS
from ride_duration.stats.binning import count_by_day, find_bins, find_edges
from ride_duration.trips.features import FEATURES

_SEED = 1


def make_reference(val_features: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, bytes]:
    """Make both tables.

    Args:
        val_features: Feature rows of the validation trips (n).
        predictions: Of `predict_trips`; those of the validation trips are taken.

    Returns:
        Contents by file name.
    """
    answered = predictions.loc[predictions["split"] == "val", ["ride_id", *ANSWERS]]
    rides = val_features.merge(answered, on="ride_id", validate="one_to_one").sort_values("ride_id")
    rides = rides.assign(day=rides["pickup_datetime"].dt.normalize())
    return {ROWS: _as_parquet(_choose(rides)), COUNTS: _as_parquet(_count(rides))}


def _choose(rides: pd.DataFrame) -> pd.DataFrame:
    """Choose rides of every day, in proportion, `LEAST_ROWS` of them or all if there are fewer."""
    share = min(1.0, LEAST_ROWS / len(rides))
    rng = np.random.default_rng(_SEED)
    chosen = [
        day.iloc[np.sort(rng.choice(len(day), size=int(np.ceil(share * len(day))), replace=False))]
        for _, day in rides.groupby("day", sort=True)
    ]
    columns = ["day", *FEATURES, "borough_pair", "duration", *ANSWERS]
    return pd.concat(chosen, ignore_index=True)[columns]


def _count(rides: pd.DataFrame) -> pd.DataFrame:
    days, day = np.unique(rides["day"].to_numpy(), return_inverse=True)
    tables = []
    for feature in (*FEATURES, *ANSWERS):
        values = rides[feature].to_numpy(dtype=np.float64, na_value=np.nan)
        edges = find_edges(values)
        counts = count_by_day(day, find_bins(values, edges), len(days), len(edges) + 2)
        lows = np.concatenate([[-np.inf], edges, [np.nan]])
        highs = np.concatenate([edges, [np.inf], [np.nan]])
        tables.append(_as_rows(feature, counts, days, lows, highs))
    return pd.concat(tables, ignore_index=True)


def _as_rows(feature: str, counts: np.ndarray, days: np.ndarray, lows: np.ndarray, highs: np.ndarray) -> pd.DataFrame:
    bins = counts.shape[1]
    return pd.DataFrame(
        {
            "feature": feature,
            "bin": np.tile(np.arange(bins), len(days)),
            "low": np.tile(lows, len(days)),
            "high": np.tile(highs, len(days)),
            "day": np.repeat(days, bins),
            "rows": counts.reshape(-1).astype(np.int64),
        }
    )


def _as_parquet(table: pd.DataFrame) -> bytes:
    written = io.BytesIO()
    rows = pa.Table.from_pandas(table.assign(day=table["day"].dt.date), preserve_index=False)
    pq.write_table(rows.replace_schema_metadata(None), written, compression="zstd")
    return written.getvalue()
