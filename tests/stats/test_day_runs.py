"""Days drawn again in runs: weekdays are kept, and so is what days have in common with the day before."""

import numpy as np

from ride_duration.stats.day_runs import draw_runs

DAYS = np.datetime64("2021-02-01") + np.arange(56)  # a Monday
WANTED = np.arange(56) % 7


def test_weekdays_and_neighbours_are_kept() -> None:
    drawn = draw_runs(DAYS, WANTED, np.random.default_rng(1))
    assert (drawn % 7 == WANTED).all()
    assert np.mean(np.diff(drawn) == 1) >= 0.65
    single = draw_runs(DAYS, WANTED, np.random.default_rng(1), lengths=(1, 1))
    assert np.mean(np.diff(single) == 1) < 0.4


def test_a_run_ends_before_a_gap() -> None:
    days = DAYS[np.r_[0:10, 20:56]]
    for seed in range(20):
        drawn = draw_runs(days, WANTED, np.random.default_rng(seed))
        assert ((days[drawn].astype(int) + 3) % 7 == WANTED).all()


def test_a_weekday_that_is_missing_is_any_day() -> None:
    days = DAYS[DAYS.astype(int) % 7 != 0]
    drawn = draw_runs(days, WANTED, np.random.default_rng(1))
    assert len(drawn) == len(WANTED)
    assert set(drawn.tolist()) <= set(range(len(days)))


def test_the_correlation_of_days_survives() -> None:
    rng = np.random.default_rng(3)
    levels = rng.standard_normal(len(DAYS))
    for day in range(1, len(levels)):
        levels[day] = 0.6 * levels[day - 1] + 0.8 * levels[day]

    def correlate(lengths: tuple[int, int]) -> float:
        draws = [levels[draw_runs(DAYS, WANTED, rng, lengths)] - levels.mean() for _ in range(200)]
        return float(np.mean([drawn[1:] @ drawn[:-1] for drawn in draws]) / np.mean([drawn @ drawn for drawn in draws]))

    own = levels - levels.mean()
    assert abs(correlate((1, 1))) < 0.15
    assert correlate((3, 7)) > 0.5 * (own[1:] @ own[:-1]) / (own @ own)
