"""What the prediction log shows of a rollout: to the plan, and to people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from ride_duration.rollout.comparison import ComparedRides
from ride_duration.rollout.state_machine import Evidence, RolloutState
from ride_duration.stats.sequential import LOSSES, DailyLosses, Difference, Loss, compare_paired, compare_split
from ride_duration.store.queries.outcomes import (
    DayErrors,
    PredictionFilter,
    count_out_of_range_actuals,
    count_predictions,
    find_latency,
    load_outcomes,
    sum_daily_errors,
    sum_paired_errors,
)
from ride_duration.store.rollouts import RolloutStatus
from ride_duration.store.variant import Variant
from ride_duration.trips.records import DURATION

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ride_duration.store.rollouts import Rollout


def to_state(rollout: Rollout) -> RolloutState:
    """A rollout as the plan takes it."""
    since, promoting = datetime.fromtimestamp(rollout.since, UTC), rollout.status == RolloutStatus.PROMOTING
    shown = any(noted.not_worse for noted in rollout.history)
    return RolloutState(rollout.version, rollout.against, rollout.share, since, promoting, shown)


def collect_evidence(engine: Engine, rollout: Rollout, champion: int | None) -> Evidence:
    """What was seen of the challenger since its stage began, by all instances together.

    Args:
        engine: For reading the prediction log.
        rollout: As it was read last.
        champion: The present champion; None if there is none.
    """
    answers = _challengers(rollout)
    found = sum_daily_errors(engine, answers, DURATION)
    compute_differences = _differences(engine, rollout, answers, found)
    return Evidence(
        since=datetime.fromtimestamp(rollout.since, UTC),
        champion=champion,
        requests=count_predictions(engine, answers) + rollout.failed,
        failed=rollout.failed,
        p99_ms=find_latency(engine, answers, 0.01),
        actuals=sum(day.rides for day in found),
        difference=compute_differences.get("squared error"),
        absolute=compute_differences.get("absolute error"),
    )


def count_out_of_range(engine: Engine, rollout: Rollout) -> int:
    """How many actual durations are known of the challenger's answers in its stage, but taken for no ride's.

    Args:
        engine: For reading the prediction log.
        rollout: As it was read last.
    """
    return count_out_of_range_actuals(engine, _challengers(rollout), DURATION)


def _challengers(rollout: Rollout) -> PredictionFilter:
    """The challenger's answers since its stage began."""
    return PredictionFilter(
        rollout.model, rollout.version, Variant.CHALLENGER if rollout.share else Variant.SHADOW, rollout.since
    )


def _differences(
    engine: Engine, rollout: Rollout, answers: PredictionFilter, found: list[DayErrors]
) -> dict[Loss, Difference]:
    """Of each loss within the stage, as in the report, but summed up by the database; none at a share of 1."""
    if rollout.share == 1:
        return {}
    champion = PredictionFilter(rollout.model, rollout.against, Variant.CHAMPION, rollout.since)
    if rollout.share:
        days = {day.day: (day, _none(day.day)) for day in sum_daily_errors(engine, champion, DURATION)}
        for day in found:
            days[day.day] = (days.get(day.day, (_none(day.day),))[0], day)
        return {loss: compare_split(loss, [_losses(loss, list(days.values()))]) for loss in LOSSES}
    both = sum_paired_errors(engine, champion, answers, DURATION)
    return {loss: compare_paired(loss, _losses(loss, both)) for loss in LOSSES}


def _none(day: str) -> DayErrors:
    """A day without rides."""
    return DayErrors(day, 0, 0.0, 0.0)


def _losses(loss: Loss, days: list[tuple[DayErrors, DayErrors]]) -> DailyLosses:
    name = loss.partition(" ")[0]
    rows = [(one.rides, getattr(one, name), other.rides, getattr(other, name)) for one, other in days]
    return DailyLosses(*np.array(rows, dtype=np.float64).reshape(-1, 4).T)


def load_compared(engine: Engine, rollout: Rollout, since: float, *, shown: bool = False) -> ComparedRides:
    """Answers of both versions since a time within the rollout, with the challenger's share at that time.

    Instances follow a step within seconds, so that near to one a few answers are given the share of the stage that
    begins though they are of the one before.

    Args:
        engine: For reading the prediction log.
        rollout: The one that goes on, or one that has ended.
        since: Asked for at this time or later (seconds since 1970-01-01 UTC).
        shown: Whether answers are compared as clients got them, each by its version's live level; else before it.
    """
    begins = [noted.at for noted in rollout.history]
    shares = np.array([noted.share for noted in rollout.history])
    parts = (
        (Variant.CHAMPION, rollout.against),
        (Variant.CHALLENGER, rollout.version),
        (Variant.SHADOW, rollout.version),
    )
    columns = []
    for variant, version in parts:
        answers = PredictionFilter(
            rollout.model, version, variant, max(since, rollout.began_at), rollout.ended_at, shown
        )
        found = load_outcomes(engine, answers, DURATION)
        share = shares[np.searchsorted(begins, found.asked_at, side="right") - 1]
        variants = np.full(found.asked_at.size, variant)
        rest = (found.day, found.duration, found.lower, found.upper, found.actual, found.out_of_range)
        columns.append((found.ride_id, variants, share, *rest))
    return ComparedRides(*(np.concatenate(column) for column in zip(*columns, strict=True)))
