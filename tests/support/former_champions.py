"""Packages with a known error, and months to compare them on."""

from typing import Any

import numpy as np
import pandas as pd

from ride_duration.model_package import ModelPackage
from tests.model_package.tiny import tiny_package
from tests.support.packages import repacked

MINUTES_A_MILE, NOISE, STRAIGHT = 3.0, 5.0, 4.0


def month_of(month: str, service: str) -> pd.DataFrame:
    """Feature rows (1,000) of ten days, whose durations lie as far above as below what the best model answers."""
    number = np.arange(1_000)
    signs = np.where(number % 2, 1, -1)
    values = {
        "month": month,
        "service": service,
        "source": "simulated",
        "pickup_datetime": pd.Timestamp(month) + pd.to_timedelta(number // 100, "D"),
        "hour": 8.0,
        "hour_of_week": 8.0,
        "pickup_y": 0.0,
        "trip_distance": 5.0,
        "straight_distance": STRAIGHT,
        "zone_pair": "132_230",
        "borough_pair": "Queens - Manhattan",
        "duration": MINUTES_A_MILE * STRAIGHT + NOISE * signs,
    }
    return pd.DataFrame(values)


def packed(ratio: float, trained: list[str], evaluated: str, service: str = "green", **facts: Any) -> ModelPackage:
    """A package whose RMSE on such a month is the smallest that can be, times a ratio."""
    off = NOISE * np.sqrt(ratio**2 - 1) / STRAIGHT
    known = {"train_data": trained, "val_data": [evaluated], "test_data": [], "service": service, "source": "simulated"}
    kinds = dict.fromkeys(("rejected", "repaired", "flagged"), 0)
    return repacked(
        ModelPackage(tiny_package(MINUTES_A_MILE + off)),
        known | {"distance": "optional"} | facts,
        metrics__json={"baselines": {}},
        quality_report__json={evaluated: {"rows": 1_000, "affected": kinds}},
    )
