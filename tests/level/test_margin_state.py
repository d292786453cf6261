"""The state machine of margins: the same state whatever the batches, exact replays, and what is kept out."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.level import (
    STEP,
    BoundedRides,
    LevelState,
    MarginState,
    MarginTrace,
    advance_margins,
    count_scores,
    follow_steps,
    replay,
    replay_margins,
    sum_steps,
)
from tests.support.intervals import BUCKETS, bounded_rides, margin_rules, select_bounded
from tests.support.level import DAY, HOUR, MONDAY, level_rules, rides_at


def replayed(rides: BoundedRides, until: float, kept_out: Any = (), **changed: Any) -> MarginTrace:
    """The margins of rides up to an instant."""
    rules = margin_rules(**changed)
    enters = ~np.isin(np.floor_divide(rides.known_at, STEP), list(kept_out))
    return replay_margins(count_scores(select_bounded(rides, enters), rules.refresh, BUCKETS), until, rules)


def find(trace: MarginTrace, instant: float, *, bucket: int = 1, tail: int = 1) -> float:
    """A margin at request time at an instant."""
    return float(trace.find_margins(np.array([instant]), np.array([bucket]), np.array([True]))[tail][0])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.floats(0, 1, allow_nan=False), max_size=5),
    kept_out=st.sets(st.integers(0, 10 * 96), max_size=80),
    begin=st.sampled_from([MONDAY, MONDAY + 4_321.0]),
)
def test_the_state_is_the_same_whatever_the_batches_and_a_replay_gives_the_very_margins(
    seed: int, cuts: list[float], kept_out: set[int], begin: float
) -> None:
    rules, rng = margin_rules(window_days=1, least_rides=20), np.random.default_rng(seed)
    rides = bounded_rides(rng.uniform(begin, begin + 1.5 * DAY, 700), seed=seed, spread=1.3)
    out = {int(MONDAY // STEP) + step for step in kept_out}
    end = float(rides.known_at.max()) + HOUR
    at_once = advance_margins(MarginState.begin(begin, rules), rides, end, rules, kept_out=out)
    state, left = MarginState.begin(begin, rules), np.ones(len(rides.known_at), dtype=bool)
    trace = replayed(rides, end, out, window_days=1, least_rides=20)
    for now in [*sorted(begin + cut * (end - begin) for cut in cuts), end]:
        known = left & (rides.known_at <= now)
        # What became known in the step that is still open may come in several batches, and in any order.
        is_late = known & (rides.known_at >= now // STEP * STEP) & (rng.random(len(known)) < 0.5)
        late = np.array_split(rng.permutation(np.flatnonzero(is_late)), 3)
        for batch in (rng.permutation(np.flatnonzero(known & ~is_late)), *late):
            state = advance_margins(state, select_bounded(rides, batch), now, rules, kept_out=out)
            state = MarginState.from_row(json.loads(json.dumps(state.to_row())))
        left &= ~known
        block = int(now // rules.refresh) - trace.first
        used = trace.minutes[block] if block >= 0 else np.zeros((2, 2, BUCKETS))
        assert np.array_equal(state.margins, used)
    assert state.to_row() == at_once.to_row()
    assert not left.any()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), cut=st.floats(0.5, 2.9), delay=st.sampled_from([0.0, 1.0, 24.0]))
def test_a_label_counts_only_from_when_it_became_known(seed: int, cut: float, delay: float) -> None:
    times = np.random.default_rng(seed).uniform(MONDAY, MONDAY + 3 * DAY, 3_000)
    rides = bounded_rides(times, seed=seed, delay_hours=delay)
    now = MONDAY + cut * DAY
    other = rides._replace(actual=np.where(rides.known_at >= now // STEP * STEP, 55.0, rides.actual))
    one, two = (replayed(each, now) for each in (rides, other))
    assert np.array_equal(one.minutes, two.minutes)


def test_margins_follow_rides_that_spread_and_forget_them_after_seven_days() -> None:
    times = MONDAY + np.arange(0, 24 * DAY, 120.0)
    is_wild = (times >= MONDAY + 8 * DAY) & (times < MONDAY + 12 * DAY)
    quiet, wild = bounded_rides(times), bounded_rides(times, spread=1.8)
    rides = BoundedRides._make(np.where(is_wild, two, one) for one, two in zip(quiet, wild, strict=True))
    trace, usual = (replayed(each, MONDAY + 24 * DAY) for each in (rides, quiet))
    assert abs(find(usual, MONDAY + 12 * DAY)) < 1.0
    assert find(trace, MONDAY + 8 * DAY) == find(usual, MONDAY + 8 * DAY)
    assert find(trace, MONDAY + 12.1 * DAY) > find(usual, MONDAY + 12.1 * DAY) + 2.0
    assert find(trace, MONDAY + 20 * DAY) == find(usual, MONDAY + 20 * DAY)


def test_without_labels_the_margins_of_the_package_stand_at_once_and_again_after_seven_days() -> None:
    rides = bounded_rides(MONDAY + np.arange(0, 3 * DAY, 60.0), spread=1.5)
    trace = replayed(rides, MONDAY + 15 * DAY)
    assert find(trace, MONDAY + HOUR) == 0.0
    assert find(trace, MONDAY + DAY) > 0.5
    assert find(trace, MONDAY + 9.9 * DAY) > 0.5
    assert find(trace, MONDAY + 10.5 * DAY) == 0.0
    assert find(trace, MONDAY - DAY) == 0.0, "before the trace"
    assert find(trace, MONDAY + 20 * DAY) == 0.0, "after it"
    rules = margin_rules()
    none = select_bounded(rides, slice(0, 0))
    silent = advance_margins(MarginState.begin(MONDAY, rules), none, MONDAY + 9 * DAY, rules)
    assert (silent.margins, silent.blocks) == (rules.no_margins, ())
    assert replay_margins({}, MONDAY, rules).minutes.tolist() == [np.zeros((2, 2, BUCKETS)).tolist()]


def test_what_the_guard_of_the_level_has_frozen_out_does_not_enter() -> None:
    times = MONDAY + np.arange(0, 12 * DAY, 45.0)
    is_wrong = (times >= MONDAY + 8 * DAY) & (times < MONDAY + 9 * DAY)
    known = rides_at(times, np.where(is_wrong, 2.0, 1.0))
    levels = replay(sum_steps(known), MONDAY + 12 * DAY, level_rules())
    assert 80 < levels.frozen.sum() < 110
    margins = []
    for factor in (1.0, 2.0):  # bounds of the quiet rides, and what was reported
        actual = known.predicted * np.where(is_wrong & (factor == 2.0), 2.0, 1.0)
        bucket, without = np.ones(len(times), dtype=np.intp), np.ones(len(times), dtype=np.bool_)
        rides = BoundedRides(known.known_at, actual, 0.8 * known.predicted, 1.2 * known.predicted, bucket, without)
        entering = select_bounded(rides, ~levels.find_kept_out(rides.known_at))
        margins.append([find(replayed(each, MONDAY + 12 * DAY), MONDAY + 11 * DAY) for each in (rides, entering)])
    [quiet, quiet_entering], [all_wrong, wrong_entering] = margins
    assert all_wrong > quiet + 3.0, "a day of seven would move the margin"
    assert abs(wrong_entering - quiet_entering) < 1.0, "the hour before it freezes does, a little"


def test_steps_that_the_level_froze_in_an_incident_are_kept_out_as_the_state_machine_names_them() -> None:
    times = MONDAY + np.arange(0, 2 * DAY, 60.0)
    known, rules = rides_at(times, 1.0), level_rules()
    sums, first = sum_steps(known), int(MONDAY // STEP)
    kept_out = {
        state.step - 1
        for state in follow_steps(LevelState(first), sums, first + 96, rules, in_incident=True)
        if state.is_frozen
    }
    assert kept_out == {*range(first, first + 96)}
    trace = replay(sums, MONDAY + 2 * DAY, rules)
    assert trace.find_kept_out(np.array([MONDAY - DAY, MONDAY + 3 * DAY])).tolist() == [True, True]
    assert trace.find_kept_out(np.array([MONDAY + DAY])).tolist() == [False]


def test_rides_of_a_closed_step_and_of_the_future_are_refused() -> None:
    rules = margin_rules()
    rides = bounded_rides([MONDAY], delay_hours=0.0)
    for known_at in (MONDAY - 1.0, MONDAY + HOUR + 1.0):
        with pytest.raises(ValueError, match="from the open step to now"):
            advance_margins(
                MarginState.begin(MONDAY, rules),
                rides._replace(known_at=np.array([known_at])),
                MONDAY + HOUR,
                rules,
            )
