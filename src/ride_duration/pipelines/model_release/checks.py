"""What a gate demands, and what a check says."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field

from ride_duration.pipelines.parameters import Parameters


class Gate(Parameters):
    """Thresholds of the gate. Shares are of 1.

    Attributes:
        rejected, repaired, flagged: Largest share of a month's records with any such reason.
        champion_worse: How much worse (relative RMSE) than the champion, and than the best former champion, the
            package may be, at the upper 95 % bound.
        recent_champions: How many former champions the package is compared with the best of.
        slice_worse: How much worse any slice may be, at the lower 95 % bound.
        slice_trips: Slices with fewer trips are not compared.
        seed: Of the bootstrap.
        coverage: Range that the share of rides inside their interval must lie in.
        bucket_coverage: Least share inside in a bucket of straight-line distance.
        bucket_trips: Buckets with fewer trips are not looked at.
        golden_minutes: How far an answer to a golden ride may be off.
        megabytes: Largest size.
        milliseconds: Largest median time to answer one ride with its interval.
    """

    rejected: float = Field(ge=0, le=1)
    repaired: float = Field(ge=0, le=1)
    flagged: float = Field(ge=0, le=1)
    champion_worse: float = Field(ge=0)
    recent_champions: int = Field(ge=0)
    slice_worse: float = Field(ge=0)
    slice_trips: int = Field(gt=0)
    seed: int = Field(ge=0)
    coverage: tuple[float, float]
    bucket_coverage: float = Field(ge=0, le=1)
    bucket_trips: int = Field(gt=0)
    golden_minutes: float = Field(gt=0)
    megabytes: float = Field(gt=0)
    milliseconds: float = Field(gt=0)


class Check(NamedTuple):
    """One check: what must hold, whether it does, and what was found."""

    name: str
    demand: str
    passed: bool
    evidence: str


def columns_of(rows: pd.DataFrame) -> dict[str, Any]:
    """Feature rows (n) as the columns that a package reads."""
    text = ("zone_pair", "borough_pair")
    numbers = {name: rows[name].to_numpy(dtype=np.float64) for name in rows.select_dtypes("number") if name not in text}
    return numbers | {name: rows[name].to_numpy(dtype=object) for name in text}
