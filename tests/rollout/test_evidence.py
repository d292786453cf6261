"""What the prediction log shows: the database's sums are those of the report."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from ride_duration.rollout.comparison import compute_differences
from ride_duration.rollout.evidence import collect_evidence, count_out_of_range, load_compared
from ride_duration.store import ActualRecord, PredictionRecord
from ride_duration.store.database import migrate, open_reading_engine, open_writing_engine
from ride_duration.store.log_records import Record
from ride_duration.store.rollouts import Rollout, RolloutEvent, RolloutStatus
from ride_duration.store.writer.insertion import Insertion
from tests.store.conftest import postgres, store_url  # noqa: F401  fixtures
from tests.support.store.samples import PICKUP

SHADOW, QUARTER, END = 1_000.0, 2_000.0, 3_000.0
RIDES, DAYS = 400, 8


def rides() -> Iterator[Record]:
    """Simulated rides of 8 days, half of them in the shadow stage and half at 25 %; some took too long, of some nobody
    knows.

    Another model answers them all, with the same versions.
    """
    generator = np.random.default_rng(8)
    for i in range(RIDES):
        at = SHADOW + i * (END - SHADOW) / RIDES
        actual, errors = float(generator.uniform(2, 70)), generator.normal(0, 3, 2).tolist()
        chosen = at >= QUARTER and i // DAYS % 4 == 0
        if not chosen:
            yield answer(i, at, 1, "champion", actual + errors[0])
        if chosen or at < QUARTER:
            yield answer(i, at, 2, "challenger" if chosen else "shadow", actual + errors[1])
        yield answer(i, at, 1, "champion", 99.0, "other")
        yield answer(i, at, 2, "challenger" if at >= QUARTER else "shadow", 99.0, "other")
        if i % 10:
            yield ActualRecord(f"{i}", f"{i}", at + 1, actual)


def answer(i: int, at: float, version: int, variant: str, duration: float, model: str = "tiny") -> PredictionRecord:
    return PredictionRecord(
        f"{i} {variant} {model}",
        f"{i}",
        at,
        PICKUP + timedelta(days=i % DAYS),
        10,
        50,
        None,
        duration,
        0.0,
        90.0,
        version,
        variant,
        float(i),
        model,
    )


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:  # noqa: F811
    writing = open_writing_engine(store_url)
    migrate(writing)
    Insertion(writing).insert(list(rides()), lambda record, why: pytest.fail(f"{record}: {why}"))
    writing.dispose()
    reading = open_reading_engine(store_url)
    yield reading
    reading.dispose()


def rollout(*stages: tuple[float, float]) -> Rollout:
    history = [RolloutEvent(since, RolloutStatus.RUNNING, share, "rollout", "") for since, share in stages]
    since, share = stages[-1]
    return Rollout(1, "tiny", 2, 1, "running", share, since, None, 3, len(stages), history)


def test_the_sums_of_the_shadow(engine: Engine) -> None:
    stage = rollout((SHADOW, 0.0))
    evidence, found = collect_evidence(engine, stage, 1), load_compared(engine, stage, SHADOW)
    assert evidence.difference is not None
    of_same = [difference for difference in compute_differences(found) if difference.paired]
    for seen, expected in zip((evidence.difference, evidence.absolute), of_same, strict=True):
        assert seen is not None
        assert (seen.loss, seen.days, seen.champion) == (expected.loss, DAYS, expected.champion)
        assert (seen.estimate, seen.low, seen.p) == pytest.approx((expected.estimate, expected.low, expected.p))
    assert (evidence.requests, evidence.failed) == (RIDES / 2 + 3, 3)
    assert evidence.p99_ms == RIDES / 2 - 3
    out_of_range = count_out_of_range(engine, stage)
    assert out_of_range == found.out_of_range[found.variant == "shadow"].sum() > 0
    assert evidence.actuals + out_of_range == RIDES / 2 * 0.9, "of one in ten nobody knows"
    assert evidence.actuals == ((found.variant == "shadow") & ~np.isnan(found.actual)).sum() < RIDES / 2 * 0.9


def test_the_sums_of_a_share(engine: Engine) -> None:
    stage = rollout((SHADOW, 0.0), (QUARTER, 0.25))
    evidence, found = collect_evidence(engine, stage, 1), load_compared(engine, stage, SHADOW)
    assert evidence.difference is not None
    expected = compute_differences(found)[2]
    assert (expected.paired, expected.days, expected.enough) == (False, DAYS, True)
    assert evidence.difference.estimate == pytest.approx(expected.estimate)
    assert evidence.difference.high == pytest.approx(expected.high)
    assert (evidence.difference.champion, evidence.difference.days) == (expected.champion, DAYS)
    assert (evidence.difference.champion, evidence.actuals) == (expected.champion, expected.challenger)
    assert set(found.share[found.variant == "challenger"]) == {0.25}
    assert set(found.share[found.variant == "shadow"]) == {0.0}
    assert evidence.requests == 6 * DAYS + 3


def test_all_rides_leave_nothing_to_compare_with(engine: Engine) -> None:
    evidence = collect_evidence(engine, rollout((SHADOW, 0.0), (QUARTER, 0.25), (END, 1.0)), None)
    assert (evidence.difference, evidence.requests, evidence.p99_ms, evidence.champion) == (None, 3, None, None)
