"""The report of `kedro rollout compare`: predictions of each variant, their errors, and which variant is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ride_duration.rollout.state_machine import Step
from ride_duration.stats.metrics import compute_bias, compute_mae, compute_rmse, find_covered
from ride_duration.stats.sequential import (
    FIRST_LOOK,
    LOSSES,
    MEASURES,
    DailyLosses,
    Difference,
    Floats,
    Loss,
    compare_paired,
    compare_split,
)
from ride_duration.store.variant import Variant


@dataclass(frozen=True)
class ComparedRides:
    """Answers of the two versions that are compared, one for each ride and variant.

    Attributes:
        ride_id: Rides (n,).
        variant: `champion`, `challenger` or `shadow` (n,).
        share: The challenger's share when the ride was answered (n,), 0 for the shadow.
        day: New York day of the pick-up (n,).
        duration: Answers (n,) in minutes.
        lower: Lower bounds (n,) in minutes, NaN where there is none.
        upper: Upper bounds (n,) in minutes, NaN where there is none.
        actual: Actual durations (n,) in minutes, NaN where not known yet, or out of range.
        out_of_range: Whether an actual duration (n,) is known and out of range.
    """

    ride_id: NDArray[np.str_]
    variant: NDArray[np.str_]
    share: NDArray[np.float64]
    day: NDArray[np.str_]
    duration: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    actual: NDArray[np.float64]
    out_of_range: NDArray[np.bool_]


def build_comparison(answered: ComparedRides, step: Step | None = None) -> dict[str, Any]:
    """The whole report in terms of JSON, minutes and shares; None stands for what is not known.

    Differences are shares of the champion's RMSE or MAE, 0.01 for 1 % worse.

    Args:
        answered: Since the rollout began.
        step: The next one of the rollout, if there is one.

    Returns:
        `variants`, a row for each that answered; `differences`, a row for each loss and way of comparing (the same
        rides, or each its own); `verdict`, that of the squared error, of the same rides if there are enough; and
        `next`, a sentence.
    """
    found = compute_differences(answered)
    deciding = [difference for difference in found if difference.loss == LOSSES[0]]
    enough = [difference for difference in deciding if difference.enough]
    first = next(iter(enough or deciding), None)
    return {
        "variants": [_variant(answered, name) for name in Variant if (answered.variant == name).any()],
        "differences": [_difference(difference) for difference in found],
        "verdict": first.verdict if first else "there is no challenger",
        "next": _next(first, step),
    }


def compute_differences(answered: ComparedRides) -> list[Difference]:
    """The challenger against the champion, of each loss: on the same rides, and each on its own, where there are any.

    Args:
        answered: Since the rollout began, or since its stage began.
    """
    found = []
    if (answered.variant == Variant.SHADOW).any():
        found += [compare_paired(loss, _pairs(answered, loss)) for loss in LOSSES]
    if (answered.variant == Variant.CHALLENGER).any():
        found += [compare_split(loss, _strata(answered, loss)) for loss in LOSSES]
    return found


def _joined(answered: ComparedRides, variant: Variant) -> NDArray[np.bool_]:
    joined: NDArray[np.bool_] = (answered.variant == variant) & ~np.isnan(answered.actual)
    return joined


def _pairs(answered: ComparedRides, loss: Loss) -> DailyLosses:
    shadow, champion = (np.flatnonzero(_joined(answered, name)) for name in (Variant.SHADOW, Variant.CHAMPION))
    _, of_shadow, of_champion = np.intersect1d(
        answered.ride_id[shadow], answered.ride_id[champion], return_indices=True
    )
    return _daily(answered, loss, champion[of_champion], shadow[of_shadow])


def _strata(answered: ComparedRides, loss: Loss) -> list[DailyLosses]:
    shares = np.unique(answered.share[answered.variant == Variant.CHALLENGER])
    rides = [
        (answered.share == share, _joined(answered, Variant.CHAMPION), _joined(answered, Variant.CHALLENGER))
        for share in shares
    ]
    return [_daily(answered, loss, np.flatnonzero(a & at), np.flatnonzero(b & at)) for at, a, b in rides]


def _daily(
    answered: ComparedRides, loss: Loss, champion: NDArray[np.intp], challenger: NDArray[np.intp]
) -> DailyLosses:
    """Sums by day, of the champion's and the challenger's rides by their places."""
    error = answered.duration - answered.actual
    losses = error**2 if loss == "squared error" else np.abs(error)
    days, place = np.unique(answered.day, return_inverse=True)

    def sums(rides: NDArray[np.intp]) -> tuple[Floats, Floats]:
        counts = np.bincount(place[rides], minlength=days.size).astype(np.float64)
        totals: Floats = np.bincount(place[rides], losses[rides], days.size).astype(np.float64)
        return counts, totals

    return DailyLosses(*sums(champion), *sums(challenger))


def _variant(answered: ComparedRides, name: Variant) -> dict[str, Any]:
    joined = _joined(answered, name)
    row: dict[str, Any] = {"variant": name.value, "predicted": int((answered.variant == name).sum())}
    row["joined"] = int(joined.sum())
    row["out_of_range"] = int(answered.out_of_range[answered.variant == name].sum())
    if not row["joined"]:
        return row | dict.fromkeys(("mae", "rmse", "bias", "coverage"))
    actual, lower, upper = answered.actual[joined], answered.lower[joined], answered.upper[joined]
    error = answered.duration[joined] - actual
    bounded = ~np.isnan(lower) & ~np.isnan(upper)
    held = find_covered(actual, lower, upper)[bounded]
    return row | {
        "mae": compute_mae(error),
        "rmse": compute_rmse(error),
        "bias": compute_bias(error),
        "coverage": float(np.mean(held)) if held.size else None,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    numbers = {name: getattr(difference, name) for name in ("estimate", "low", "high", "p")}
    return {
        "loss": difference.loss,
        "measure": MEASURES[difference.loss],
        "rides": "the same" if difference.paired else "each its own",
        "champion": difference.champion,
        "challenger": difference.challenger,
        "days": difference.days,
        **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
        "verdict": difference.verdict,
        "more": difference.more,
    }


def _next(difference: Difference | None, step: Step | None) -> str:
    if step is not None:
        return f"{step.kind}: {step.why}"
    if difference is None:
        return "give a version a share of the rides, or let it answer in the shadow"
    if not difference.enough:
        return f"send actual durations: each variant needs joined rides of {FIRST_LOOK} days"
    return "decide, or look again later: looking costs nothing"
