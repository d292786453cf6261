"""Where a model is worst, and where its intervals fail: a part of the model card."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ride_duration.model_package.intervals import Calibration
from ride_duration.stats.metrics import MOMENTS

#: Slices with fewer trips are left out, and so many are named at most.
_LEAST_TRIPS = 500
_NAMED = 8

#: An interval fails on a slice of whose rides it holds a share this far from what it promises.
_OFF = 0.04

_HEADER = (
    "| slice | trips | RMSE with distance | at request | bias with distance | at request "
    "| coverage with distance | at request |"
)
_MEASURES = {"rmse": ".2f", "bias": "+.2f", "coverage": ".1%"}


def describe_worst_slices(slice_metrics: pd.DataFrame, calibration: Calibration) -> list[str]:
    """The worst slices of the validation months as a table, and those on which intervals fail, in Markdown.

    Args:
        slice_metrics: As `evaluation.compute_slices` gives it.
        calibration: Says what share the intervals promise to hold.
    """
    big = slice_metrics[(slice_metrics["split"] == "val") & (slice_metrics["n"] >= _LEAST_TRIPS)]
    measured = big.astype({f"{name}{suffix}": float for name in _MEASURES for suffix in MOMENTS})
    table = f"Slices of {_LEAST_TRIPS} trips or more with the largest RMSE (minutes), at either moment."
    promise = f"Slices of {_LEAST_TRIPS} trips or more of whose rides intervals hold less than"
    low, high = calibration.coverage - _OFF, calibration.coverage + _OFF
    return [
        f"{table} `slice_metrics.csv` has all.",
        "Answers at request time are not sliced by the metered distance, which is known only afterwards (n/a).",
        "",
        _HEADER,
        "|---|---|---|---|---|---|---|---|",
        *(_row(measured.loc[at]) for at in _worst(measured)),
        "",
        f"{promise} {low:.0%}, or more than {high:.0%} (they promise {calibration.coverage:.0%}):",
        "",
        *(line for suffix in MOMENTS for line in _failures(measured, suffix, calibration.coverage)),
    ]


def _worst(measured: pd.DataFrame) -> pd.Index:
    errors = measured[[f"rmse{suffix}" for suffix in MOMENTS]].max(axis=1)
    return errors.sort_values(ascending=False, kind="stable").index[:_NAMED]


def _row(measures: pd.Series) -> str:
    cells = [f"{measures['slice']}: {measures['value']}", f"{measures['n']:,}"]
    cells += [
        "n/a" if np.isnan(measures[f"{name}{suffix}"]) else f"{measures[f'{name}{suffix}']:{shown}}"
        for name, shown in _MEASURES.items()
        for suffix in MOMENTS
    ]
    return f"| {' | '.join(cells)} |"


def _failures(measured: pd.DataFrame, suffix: str, promised: float) -> list[str]:
    shares = measured[f"coverage{suffix}"].dropna().sort_values()
    if shares.empty:
        return [f"- {MOMENTS[suffix]}: {'no slice is so large' if measured.empty else 'n/a (needs the distance)'}."]
    off = (shares - promised).round(6)
    parts = {"too few rides": shares[off < -_OFF], "too many rides": shares[off > _OFF].iloc[::-1]}
    return [f"- {MOMENTS[suffix]}, {how}: {_named(measured, found)}." for how, found in parts.items()]


def _named(measured: pd.DataFrame, shares: pd.Series) -> str:
    found = measured.loc[shares.index]
    names = [
        f"{name} {value} ({share:.1%})"
        for name, value, share in zip(found["slice"], found["value"], shares, strict=True)
    ]
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join(names[:_NAMED] + more) or "nowhere"
