"""From a parsed ride to its prediction, and to the record of it."""

from __future__ import annotations

import logging
import time
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec import UNSET, UnsetType

from ride_duration.model_package import Rides
from ride_duration.model_package.single import Answer
from ride_duration.serving.inference.deployment import AppliedLevel, Deployment, Model
from ride_duration.serving.inference.parsing import RideRequest
from ride_duration.serving.schemas.prediction import Place, Prediction
from ride_duration.store.log_records import PredictionRecord
from ride_duration.store.variant import Variant
from ride_duration.trips.records import DURATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ride_duration.trips.zones import Zone

log = logging.getLogger(__name__)

_SHADOW = Variant.SHADOW  # members of an enumeration are looked up slowly

#: Of rides whose answer is raw.
_NO_ANSWER = (None, None, None)

#: Minutes that an answer may be.
_LEAST, _MOST = DURATION


class ScoredRide(NamedTuple):
    """A prediction (minutes), the model and variant that made it, and how long that took (milliseconds).

    `raw` is what the model answered where the live level, `level`, changed it.
    """

    ride: RideRequest
    model: Model
    variant: Variant
    duration: float
    lower: float
    upper: float
    milliseconds: float
    raw: Answer | None = None
    level: AppliedLevel | None = None

    @property
    def distance_used(self) -> bool:
        """Return whether the model reads the distance."""
        given, valid = self.ride.trip_distance is not None, self.ride.distance_problem is None
        return given and (valid or self.model.reads_any_distance)

    @property
    def is_finite(self) -> bool:
        """Return whether all three figures are numbers."""
        return isfinite(self.duration + self.lower + self.upper)

    def to_prediction(self, reasons: dict[str, float] | UnsetType = UNSET) -> Prediction:
        """Return the body of the response."""
        ride = self.ride
        return Prediction(
            self.duration,
            self.model.label,
            ride.ride_id,
            self.lower,
            self.upper,
            self.variant,
            self.distance_used,
            UNSET if ride.pickup is None else _to_place(ride.pickup),
            UNSET if ride.dropoff is None else _to_place(ride.dropoff),
            reasons,
            UNSET if self.distance_used or ride.distance_problem is None else ride.distance_problem,
            [*ride.unknown_zones] if ride.unknown_zones else UNSET,
            UNSET if self.level is None else self.level.factor,
        )

    def to_record(self, asked_at: float) -> PredictionRecord:
        """Return the record for the log."""
        ride = self.ride
        shadow = self.variant is _SHADOW
        raw: tuple[float | None, float | None, float | None] = self.raw or _NO_ANSWER
        return PredictionRecord(
            f"{ride.prediction_id}-{Variant.SHADOW}" if shadow else ride.prediction_id,
            str(ride.ride_id),
            asked_at,
            ride.when,
            ride.pickup_zone,
            ride.dropoff_zone,
            ride.trip_distance,
            self.duration,
            self.lower,
            self.upper,
            self.model.version,
            self.variant,
            self.milliseconds,
            self.model.name,
            ride.pickup_at,
            raw[0],
            raw[1],
            raw[2],
            None if self.level is None else self.level.number,
        )


def _to_place(zone: Zone) -> Place:
    return Place(zone.location_id, zone.name, zone.borough)


class ScoringResult(NamedTuple):
    """Scored rides, and how many rides a challenger or shadow failed to score."""

    scored: list[ScoredRide]
    failed: int = 0


def score_ride(ride: RideRequest, deployment: Deployment, started: float) -> ScoredRide:
    """Score a ride by the model that the traffic split gives it to.

    Args:
        ride: The ride.
        deployment: The models.
        started: `time.perf_counter()` when the ride came.

    Raises:
        ArithmeticError: The model's prediction is not a number.
    """
    model, variant = deployment.choose_model(str(ride.ride_id))
    raw = model.answer(ride.pickup_zone, ride.dropoff_zone, ride.when, ride.trip_distance)
    level = model.level
    if level is None:
        took = 1000 * (time.perf_counter() - started)
        return _check_finite(ScoredRide(ride, model, variant, *raw, took))
    corrected = apply_level(raw, level.factor)
    took = 1000 * (time.perf_counter() - started)
    return _check_finite(ScoredRide(ride, model, variant, *corrected, took, raw, level))


def apply_level(raw: Answer, factor: float) -> tuple[float, float, float]:
    """Return an answer and its bounds (minutes) multiplied by a level, within the limits of answers.

    NaN stays NaN.
    """
    duration, lower, upper = raw[0] * factor, raw[1] * factor, raw[2] * factor
    return (
        duration if _LEAST <= duration <= _MOST else min(max(duration, _LEAST), _MOST),
        lower if _LEAST <= lower <= _MOST else min(max(lower, _LEAST), _MOST),
        upper if _LEAST <= upper <= _MOST else min(max(upper, _LEAST), _MOST),
    )


def score_rides(rides: Sequence[RideRequest], deployment: Deployment) -> ScoringResult:
    """Score rides, in their order: each model its own in one call, the champion what the challenger fails to score.

    Raises:
        ArithmeticError: A prediction of the champion is not a number.
    """
    challenger, result = deployment.challenger, ScoringResult([])
    if challenger is not None:
        variants = (deployment.choose_model(str(ride.ride_id))[1] for ride in rides)
        own = [ride for ride, variant in zip(rides, variants, strict=True) if variant == Variant.CHALLENGER]
        result = try_score(own, challenger, Variant.CHALLENGER)
    scored = {one.ride.prediction_id: one for one in result.scored}
    left = [ride for ride in rides if ride.prediction_id not in scored]
    by_champion = _score_together(left, deployment.champion, Variant.CHAMPION)
    scored |= {one.ride.prediction_id: _check_finite(one) for one in by_champion}
    return ScoringResult([scored[ride.prediction_id] for ride in rides], result.failed)


def try_score(rides: Sequence[RideRequest], model: Model, variant: Variant) -> ScoringResult:
    """Score rides by a challenger or shadow; its failures are logged, and keep no client from a prediction."""
    try:
        scored = [one for one in _score_together(rides, model, variant) if one.is_finite]
    except Exception:
        log.exception("the %s, version %d, failed to score %d rides", variant, model.version, len(rides))
        return ScoringResult([], len(rides))
    failed = len(rides) - len(scored)
    if failed:
        log.error(
            "the %s, version %d, scored %d rides with something that is not a number", variant, model.version, failed
        )
    return ScoringResult(scored, failed)


def _score_together(rides: Sequence[RideRequest], model: Model, variant: Variant) -> list[ScoredRide]:
    if not rides:
        return []
    started, level = time.perf_counter(), model.level
    answers = list(zip(*(minutes.tolist() for minutes in model.package.answer(to_rides(rides))), strict=True))
    each = 1000 * (time.perf_counter() - started) / len(rides)
    if level is not None:
        return [
            ScoredRide(ride, model, variant, *apply_level(raw, level.factor), each, raw, level)
            for ride, raw in zip(rides, map(Answer._make, answers), strict=True)
        ]
    return [
        ScoredRide(ride, model, variant, duration, lower, upper, each)
        for ride, (duration, lower, upper) in zip(rides, answers, strict=True)
    ]


def _check_finite(scored: ScoredRide) -> ScoredRide:
    if not scored.is_finite:
        minutes = (scored.duration, scored.lower, scored.upper)
        raise ArithmeticError(f"version {scored.model.version} scores {minutes} for {scored.ride}")
    return scored


def to_rides(rides: Sequence[RideRequest]) -> Rides:
    """Return rides as the arrays that a model package takes, each of shape (n,)."""
    return Rides(
        np.array([ride.pickup_zone for ride in rides], dtype=np.float64),
        np.array([ride.dropoff_zone for ride in rides], dtype=np.float64),
        np.array([ride.when for ride in rides], dtype="datetime64[s]"),
        np.array([ride.trip_distance for ride in rides], dtype=np.float64),
    )


def explain_ride(scored: ScoredRide) -> dict[str, float]:
    """Return the contributions of time of day, distance and place relative to a typical ride, in minutes."""
    explained = scored.model.package.explain(to_rides([scored.ride]))
    factor = 1.0 if scored.level is None else scored.level.factor
    return {reason: float(minutes[0]) * factor for reason, minutes in explained.items()}
