"""The comparison of two variants: safe to look at where rides of a day belong together, and able to decide."""

import math

import numpy as np
import pytest

from ride_duration.stats.sequential import (
    ALPHA,
    FIRST_LOOK,
    LOSSES,
    PLANNED,
    DailyLosses,
    Difference,
    Floats,
    _full_days,
    compare_paired,
    compare_split,
    compute_interval,
    estimate_log_ratio,
)
from tests.support.serving.peeking import LOOKS, Pool, decide, draw, rate

EXPERIMENTS, DAYS = 150, 28


def simulated_days(days: int = 60, rides: int = 120) -> Pool:
    """Squared errors in minutes of two models, each of which is off by as much for all rides of a day."""
    generator = np.random.default_rng(10)
    noise, off = generator.laplace(0, 3, (days, rides, 1)), generator.normal(0, 0.8, (days, 1, 2))
    return Pool([*(noise + off) ** 2])


@pytest.mark.parametrize("share", [None, 0.25])
def test_looking_often_finds_no_difference_where_there_is_none(share: float | None) -> None:
    drawn = draw(np.random.default_rng(11), simulated_days().scaled(), EXPERIMENTS, DAYS, share)
    assert rate(decide(drawn)[:, -1])[0] <= ALPHA
    if share is None:  # the same looks with a test that takes parts of days for independent
        assert rate(decide(drawn, by_parts=True)[:, -1])[1] > 0.1


def test_an_rmse_that_is_5_percent_better_is_found_in_the_shadow() -> None:
    drawn = draw(np.random.default_rng(12), simulated_days().scaled(0.95), 50, DAYS)
    assert decide(drawn)[:, -1].mean() >= 0.8
    assert (estimate_log_ratio(DailyLosses(*np.stack(drawn).sum(axis=-1)))[0] < 0).all()


def test_the_experiments_are_looked_at_as_the_comparison_looks() -> None:
    drawn = draw(np.random.default_rng(13), simulated_days().scaled(0.85), 30, FIRST_LOOK)
    decided = decide(drawn)[:, -1]
    assert 0 < decided.mean() < 1
    sums = np.stack(drawn)
    for experiment in range(30):
        looks = []
        for look in range(1, LOOKS + 1):
            seen = sums[:, experiment].copy()
            seen[:, -1, look:] = 0
            looks.append(compare_paired("squared error", DailyLosses(*seen.sum(axis=-1))).p < ALPHA)
        assert any(looks) == decided[experiment]


def test_the_test_is_exact_for_normal_days_of_unknown_spread() -> None:
    """The likelihood ratio, averaged over normal effects and over all spreads as the Haar measure has it."""
    days, values = 9, np.random.default_rng(14).normal(2, 1, 9)
    estimate, variance = values.mean(), values.var(ddof=1) / days
    g = (6.438 + 1.862 + 1) / PLANNED
    effects, spreads = np.linspace(-6, 6, 601)[:, None], np.geomspace(0.05, 100, 501)[None]
    density = np.exp(-(effects**2) / (2 * g)) / math.sqrt(2 * math.pi * g)

    def likelihood(effect: Floats) -> Floats:
        distance = sum((value / spreads - effect) ** 2 for value in values)
        return np.exp(-distance / 2) / spreads**days

    with_effect = np.sum(likelihood(effects) * density * 0.02)
    without = np.sum(likelihood(np.zeros((1, 1))))
    assert float(compute_interval(estimate, variance, days)[1]) == pytest.approx(1.25 * without / with_effect, rel=1e-3)


def test_the_interval_leaves_zero_out_just_when_p_says_so() -> None:
    generator = np.random.default_rng(15)
    days = generator.integers(FIRST_LOOK, 80, 500)
    estimate, variance = generator.normal(0, 0.03, 500), generator.uniform(1e-6, 1e-4, 500)
    radius, p = compute_interval(estimate, variance, days)
    assert np.array_equal(np.abs(estimate) > radius, p < ALPHA)
    assert 0.2 < (p < ALPHA).mean() < 0.9


def days_of(champion: Floats, challenger: Floats, rides: float = 1_000.0) -> DailyLosses:
    """Days of as many rides; mean losses of both."""
    count = np.full(len(champion), rides)
    return DailyLosses(count, champion * count, count, challenger * count)


def test_the_estimate_is_the_relative_difference_of_the_rmse() -> None:
    """By hand, and the variance as the jackknife over days has it."""
    generator = np.random.default_rng(16)
    n, m = generator.integers(500, 3_000, (2, 30)).astype(float)
    days = DailyLosses(n, n * generator.uniform(20, 30, 30), m, m * generator.uniform(25, 35, 30))
    found = compare_split("squared error", [days])
    by_hand = math.sqrt(days.challenger.sum() / m.sum() / (days.champion.sum() / n.sum())) - 1
    assert found.estimate == pytest.approx(by_hand)
    log_ratio, parts = estimate_log_ratio(days)
    without = [float(estimate_log_ratio(DailyLosses(*(np.delete(x, i) for x in days)))[0]) for i in range(30)]
    jackknife = 29 / 30 * np.sum((np.array(without) - np.mean(without)) ** 2)
    assert np.sum(parts**2) * 30 / 29 == pytest.approx(jackknife, rel=0.05)
    radius = float(compute_interval(log_ratio, np.sum(parts**2) * 30 / 29, 30)[0])
    assert (found.low, found.high) == pytest.approx(
        (math.exp((log_ratio - radius) / 2) - 1, math.exp((log_ratio + radius) / 2) - 1)
    )
    assert compare_split("absolute error", [days]).estimate == pytest.approx((1 + by_hand) ** 2 - 1)


def test_what_days_have_in_common_cancels_on_the_same_rides() -> None:
    level = np.random.default_rng(17).uniform(10, 40, 20)
    assert compare_paired("squared error", days_of(level, 1.05 * level)).low == pytest.approx(math.sqrt(1.05) - 1)


def test_more_traffic_in_slow_days_makes_nobody_worse() -> None:
    generator = np.random.default_rng(18)
    calm, slow = (level * generator.uniform(0.9, 1.1, (2, 14)) for level in (10, 40))
    strata = [
        DailyLosses(np.full(14, 950.0), 950 * calm[0], np.full(14, 50.0), 50 * calm[1]),
        DailyLosses(np.full(14, 500.0), 500 * slow[0], np.full(14, 500.0), 500 * slow[1]),
    ]
    thrown_together = DailyLosses(*(np.concatenate(columns) for columns in zip(*strata, strict=True)))
    assert compare_split("squared error", [thrown_together]).estimate > 0.15
    fair = compare_split("squared error", strata)
    assert fair.low < 0 < fair.high
    assert (fair.champion, fair.challenger, fair.days) == (20_300, 7_700, 28)
    short = DailyLosses(*(column[: FIRST_LOOK - 1] for column in strata[1]))
    assert compare_split("squared error", [strata[0], short]).days == 14, "too few days at that share"


def test_nothing_is_said_before_there_are_enough_days() -> None:
    level = np.linspace(20, 30, FIRST_LOOK)
    few = compare_paired("squared error", days_of(level[1:], 4 * level[1:]))
    assert (few.low, few.high, few.p, few.enough) == (-math.inf, math.inf, 1.0, False)
    assert few.verdict == "too early to say: 6 of 7 days with joined rides; RMSE +100.0 % so far"
    assert compare_paired("squared error", days_of(level, 4 * level)).enough
    none = compare_split("squared error", [days_of(level[:0], level[:0])])
    assert (
        none.verdict == compare_split("squared error", []).verdict == "too early to say: 0 of 7 days with joined rides"
    )
    lonely = DailyLosses(np.ones(9), np.ones(9), np.zeros(9), np.zeros(9))
    assert not compare_split("squared error", [lonely]).days


def test_stray_dates_are_no_days() -> None:
    days = days_of(np.array([20.0, 22.0, 500.0]), np.array([21.0, 24.0, 3.0]))
    strays = DailyLosses(*(column * [1, 1, 0.01] for column in days))
    found = compare_paired("squared error", strays)
    assert (found.days, found.champion) == (2, 2_000)


def days_with(*rides: float, challenger: float = 1.0) -> DailyLosses:
    """Simulated days with so many rides of the champion, and a share of them of the challenger."""
    count = np.array(rides)
    level = np.random.default_rng(20).uniform(20, 30, (2, count.size))
    return DailyLosses(count, count * level[0], challenger * count, challenger * count * level[1])


@pytest.mark.parametrize("challenger", [1.0, 0.05])
def test_a_very_busy_day_does_not_make_others_too_empty(challenger: float) -> None:
    for busy in ([100_000.0], [100_000.0] * 3, [1_000_000.0]):
        found = compare_split("squared error", [days_with(*busy, *[2_000.0] * 30, challenger=challenger)])
        assert (found.days, found.enough) == (30 + len(busy), True)


def test_many_stray_dates_are_not_the_usual_day() -> None:
    found = compare_paired("squared error", days_with(*[1.0, 2.0] * 30, *[2_000.0] * 10))
    assert (found.days, found.champion) == (10, 20_000)
    early = compare_paired("squared error", days_with(*[1.0] * 60, *[2_000.0] * 5))
    assert (early.days, early.enough) == (5, False)
    said = "too early to say: 5 of 7 days with joined rides (not counting 60 with fewer than 100 rides, 5 % of a usual"
    assert early.verdict.startswith(said)


def test_ordinary_days_count_as_they_did_by_the_fullest_day() -> None:
    generator = np.random.default_rng(21)
    for _ in range(200):
        n, m = generator.integers(300, 3_000, (2, generator.integers(2, 40))).astype(float)
        n[0], m[0] = 20, 10  # the beginning of a day
        days = DailyLosses(n, n, m, m)
        full = (n >= 0.05 * n.max()) & (m >= 0.05 * m.max())
        counted = _full_days(days)
        assert all(np.array_equal(column, before[full]) for column, before in zip(counted, days, strict=True))
    drawn = np.stack(draw(generator, simulated_days().scaled(), 50, DAYS)).sum(axis=-1)
    assert all(_full_days(DailyLosses(*drawn[:, i])).champion.size == DAYS for i in range(50))


@pytest.mark.parametrize(
    ("worse", "said"),
    [
        (-0.05, "challenger better by 4.9 % of the RMSE (3.6 to 6.2 %)"),
        (0.05, "challenger worse by 5.1 % of the RMSE (3.8 to 6.4 %)"),
        (0.01, "no difference shown yet: RMSE +1.1 % (-0.2 to +2.4 %); about 7 more days may show one"),
        (0.00, "no difference shown yet: RMSE +0.1 % (-1.2 to +1.4 %)"),
    ],
)
def test_the_verdict_is_in_words(worse: float, said: str) -> None:
    noise = np.random.default_rng(19).normal(0, 0.02, 21)
    level = np.full(21, 25.0)
    assert compare_paired("squared error", days_of(level, level * (1 + worse + noise) ** 2)).verdict == said


def test_as_many_more_days_as_forecast_show_the_difference() -> None:
    noise = np.tile([-0.04, 0.0, 0.04], 7)

    def after(days: int) -> Difference:
        ratio = np.resize(1.02 + noise, days)
        return compare_paired("squared error", days_of(np.full(days, 25.0), 25 * ratio**2))

    now = after(21)
    assert now.more is not None
    assert not after(21 + now.more - 4).low > 0
    assert after(21 + now.more + 4).low > 0


def test_variants_that_answer_the_same_do_not_differ() -> None:
    level = np.linspace(20, 30, 9)
    same = compare_paired("squared error", days_of(level, level))
    assert (same.low, same.high, same.p) == (0, 0, 1)
    assert same.verdict == "no difference shown yet: RMSE +0.0 % (+0.0 to +0.0 %)"
    nobody_errs = compare_paired("squared error", days_of(0 * level, 0 * level))
    assert (nobody_errs.low, nobody_errs.high) == (0, 0)


def test_a_champion_without_error_can_be_compared() -> None:
    level = np.linspace(20, 30, 9)
    found = compare_paired("squared error", days_of(0 * level, level))
    assert found.low > 1
    assert math.isfinite(found.high)


def test_all_losses_have_a_name() -> None:
    assert [Difference(loss, True, 200, 200, 9, -0.02, -0.03, -0.01, 0.01).verdict for loss in LOSSES] == [
        "challenger better by 2.0 % of the RMSE (1.0 to 3.0 %)",
        "challenger better by 2.0 % of the MAE (1.0 to 3.0 %)",
    ]
