"""The comparison of two variants: safe to look at, able to decide, and the same in one go or ride by ride."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.serving.ab import (
    LOSSES,
    MINIMUM,
    PLANNED,
    Difference,
    Loss,
    Moments,
    compare_paired,
    compare_split,
    losses,
    time_uniform,
)
from tests.serving.peeking import Looks, paired_looks, rate, split_looks, split_looks_of

EXPERIMENTS = (500, 4_000)


def null(loss: Loss, share: float | None) -> Looks:
    generator = np.random.default_rng(11)
    return split_looks(generator, EXPERIMENTS, share, loss) if share else paired_looks(generator, EXPERIMENTS, loss)


@pytest.mark.parametrize(("loss", "share"), [("absolute error", 0.25), ("squared error", 0.1), ("squared error", None)])
def test_looking_after_each_ride_finds_no_difference_where_there_is_none(loss: Loss, share: float | None) -> None:
    looks = null(loss, share)
    assert rate(looks.decided())[2] <= 0.05
    # The same looks with a test that is not made for them.
    assert rate(looks.decided_by_fixed_test())[1] > 0.15


@pytest.mark.parametrize(("paired", "rides"), [(True, 4_000), (False, 60_000)])
def test_an_rmse_that_is_5_percent_worse_is_found(paired: bool, rides: int) -> None:
    generator, shape = np.random.default_rng(12), (40, rides)
    looks = (
        paired_looks(generator, shape, "squared error", 1.05)
        if paired
        else split_looks(generator, shape, 0.5, "squared error", 1.05)
    )
    decided = looks.decided()
    assert decided.any(axis=1).mean() >= 0.8
    assert (looks.estimate[decided] > 0).all()


def test_the_simulated_looks_are_those_of_the_comparison() -> None:
    generator = np.random.default_rng(13)
    values = losses("absolute error", generator.normal(0, 4, 900))
    challenger = generator.random(900) < 0.3
    looks = split_looks_of(values[None], challenger[None])
    radius, p = time_uniform(*looks[:3])
    for ride in (600, 750, 899):
        now = values[: ride + 1], challenger[: ride + 1]
        found = compare_split("absolute error", [(Moments.of(now[0][~now[1]]), Moments.of(now[0][now[1]]))])
        assert found.estimate == pytest.approx(looks.estimate[0, ride])
        assert found.high - found.estimate == pytest.approx(radius[0, ride])
        assert found.p == pytest.approx(p[0, ride])


def test_the_mixture_is_the_integral_over_normal_alternatives() -> None:
    """The likelihood ratio against zero, averaged over differences from a normal distribution."""
    estimate, variance, pairs = 0.3, 0.01, 2_000.0
    r = (5.991 + 1.790 + 1) * pairs / PLANNED
    alternatives = np.linspace(-4, 4, 200_001)
    log_ratio = (alternatives * estimate - alternatives**2 / 2) / variance
    density = np.exp(-(alternatives**2) / (2 * r * variance)) / math.sqrt(2 * math.pi * r * variance)
    mixture = float(np.sum(np.exp(log_ratio) * density) * (alternatives[1] - alternatives[0]))
    assert float(time_uniform(estimate, variance, pairs)[1]) == pytest.approx(1 / mixture, rel=1e-3)


@given(st.lists(st.floats(0, 60), max_size=60), st.integers(0, 60))
def test_losses_add_up_ride_by_ride_and_in_parts(values: list[float], cut: int) -> None:
    whole = Moments.of(values)
    one_by_one = sum((Moments.of([value]) for value in values), Moments())
    for other in (one_by_one, Moments.of(values[:cut]) + Moments.of(values[cut:])):
        assert other.count == whole.count
        assert other.mean == pytest.approx(whole.mean, abs=1e-9)
        assert other.squares == pytest.approx(whole.squares, rel=1e-9, abs=1e-6)


def test_more_traffic_in_the_rush_hour_makes_nobody_worse() -> None:
    generator = np.random.default_rng(14)
    calm, rush = generator.exponential(3, 6_000), generator.exponential(6, 6_000)
    strata = [
        (Moments.of(calm[:5_700]), Moments.of(calm[5_700:])),
        (Moments.of(rush[:3_000]), Moments.of(rush[3_000:])),
    ]
    thrown_together = [(strata[0][0] + strata[1][0], strata[0][1] + strata[1][1])]
    assert compare_split("absolute error", thrown_together).low > 0.5
    fair = compare_split("absolute error", strata)
    assert fair.low < 0 < fair.high
    assert (fair.champion, fair.challenger) == (8_700, 3_300)


def moments(count: int, mean: float, variance: float = 9.0) -> Moments:
    return Moments(count, mean, variance * (count - 1))


def test_nothing_is_said_before_there_are_enough_rides() -> None:
    few = compare_paired("absolute error", moments(MINIMUM - 1, 5.0))
    assert (few.low, few.high, few.p, few.enough) == (-math.inf, math.inf, 1.0, False)
    assert few.verdict == "too early to say: 99 joined rides of 100 that each variant needs"
    some = compare_split("absolute error", [(moments(5_000, 3.0), moments(60, 9.0)), (moments(20, 1.0), Moments())])
    assert some.verdict == "too early to say: 60 joined rides of 100 that each variant needs"
    assert not compare_split("absolute error", []).enough


@pytest.mark.parametrize(
    ("mean", "said"),
    [
        (-0.30, "challenger better by 0.30 min (0.18 to 0.42)"),
        (0.30, "challenger worse by 0.30 min (0.18 to 0.42)"),
        (0.10, "no difference shown yet: +0.10 min (-0.02 to +0.22); about 5,500 more joined rides may show one"),
        (0.00, "no difference shown yet: +0.00 min (-0.12 to +0.12)"),
    ],
)
def test_the_verdict_is_in_words(mean: float, said: str) -> None:
    assert compare_paired("absolute error", moments(10_000, mean, 16.0)).verdict == said


def test_as_many_more_rides_as_forecast_show_the_difference() -> None:
    now = compare_split("squared error", [(moments(4_000, 30.0, 6_400), moments(1_000, 34.0, 6_400))])
    assert now.more is not None
    for part, shown in ((0.9, False), (1.1, True)):
        times = 1 + part * now.more / 5_000
        later = (moments(round(4_000 * times), 30.0, 6_400), moments(round(1_000 * times), 34.0, 6_400))
        assert (compare_split("squared error", [later]).low > 0) == shown


def test_variants_that_answer_the_same_do_not_differ() -> None:
    same = compare_paired("absolute error", moments(500, 0.0, 0.0))
    assert (same.low, same.high, same.p) == (0, 0, 1)
    assert same.verdict == "no difference shown yet: +0.00 min (+0.00 to +0.00)"
    always = compare_paired("absolute error", moments(500, 0.2, 0.0))
    assert (always.low, always.p) == (0.2, 0)


def test_all_losses_have_a_unit() -> None:
    assert [Difference(loss, True, 200, 200, -2.0, -3.0, -1.0, 0.01).verdict for loss in LOSSES] == [
        "challenger better by 2.00 min (1.00 to 3.00)",
        "challenger better by 2.00 min² (1.00 to 3.00)",
    ]
