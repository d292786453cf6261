"""The state machine: the same state whatever the batches, exact replays, and what is kept out."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.level import STEP, EndedRides, LevelState, LevelTrace, advance, replay, sum_steps
from tests.support.level import DAY, HOUR, MONDAY, level_rules, rides_at, select

#: A green month has about 2,200 rides a day.
RIDES_A_DAY = 2_400


def begins(days: float, start: float = MONDAY, rides_a_day: int = RIDES_A_DAY) -> Any:
    """Pick-ups that are spread evenly over some days."""
    return start + np.arange(int(days * rides_a_day)) * (DAY / rides_a_day)


def follow(rides: EndedRides, days: float, rules: Any) -> LevelTrace:
    """The level from Monday on, step by step: 96 steps are a day."""
    trace = replay(sum_steps(rides), MONDAY + days * DAY, rules)
    before = trace.first - int(MONDAY // STEP)
    factors = np.pad(trace.factors, (before, 0), constant_values=1.0)
    return LevelTrace(trace.first - before, factors, np.pad(trace.frozen, (before, 0)))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.floats(0, 1, allow_nan=False), max_size=6),
    delay=st.sampled_from([0.0, 1.0, 24.0]),
    factor=st.sampled_from([0.8, 1.0, 1.2, 2.0]),
)
def test_the_state_is_the_same_whatever_the_batches_and_the_times_that_it_is_asked_for(
    seed: int, cuts: list[float], delay: float, factor: float
) -> None:
    rules, rng = level_rules(delay), np.random.default_rng(seed)
    rides = rides_at(rng.uniform(MONDAY, MONDAY + 1.5 * DAY, 900), factor, seed=seed, delay_hours=delay)
    end = float(rides.known_at.max()) + HOUR
    at_once = advance(LevelState.begin(MONDAY), rides, end, rules)
    state, left = LevelState.begin(MONDAY), np.ones(len(rides.known_at), dtype=bool)
    for now in [*sorted(MONDAY + cut * (end - MONDAY) for cut in cuts), end]:
        known = left & (rides.known_at <= now)
        # What became known in the step that is still open may come in several batches, and in any order.
        is_late = known & (rides.known_at >= now // STEP * STEP) & (rng.random(len(known)) < 0.5)
        late = np.array_split(rng.permutation(np.flatnonzero(is_late)), 3)
        for batch in (rng.permutation(np.flatnonzero(known & ~is_late)), *late):
            state = advance(state, select(rides, batch), now, rules)
            state = LevelState.from_row(json.loads(json.dumps(state.to_row())))
        left &= ~known
    assert state.to_row() == at_once.to_row()
    assert not left.any()


def test_a_replay_gives_the_very_factors_that_were_used() -> None:
    rules = level_rules(24.0)
    rides = rides_at(begins(4), 1.1, delay_hours=24.0)
    end = MONDAY + 6 * DAY
    trace = replay(sum_steps(rides), end, rules)
    state, used = LevelState(trace.first), []
    for now in np.arange(trace.first + 1, int(end // STEP) + 1) * STEP:
        chosen = (rides.known_at >= state.since) & (rides.known_at < now)
        state = advance(state, select(rides, chosen), float(now), rules)
        used.append(state.factor)
    assert np.array_equal(trace.factors[1:], np.array(used))
    assert len(np.unique(trace.factors)) > 100


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), cut=st.floats(0.1, 2.9), delay=st.sampled_from([0.0, 1.0, 24.0]))
def test_a_label_counts_only_from_when_it_became_known(seed: int, cut: float, delay: float) -> None:
    rules = level_rules(delay)
    rides = rides_at(begins(3, rides_a_day=600), 1.1, seed=seed, delay_hours=delay)
    now = MONDAY + cut * DAY
    changed = np.where(rides.known_at >= now // STEP * STEP, 3.0, 1.0)  # not known by then
    other = rides._replace(actual=rides.actual * changed)
    one, two = (replay(sum_steps(known), now, rules) for known in (rides, other))
    assert np.array_equal(one.factors, two.factors)


@pytest.mark.parametrize(("delay", "hours"), [(1.0, 24), (24.0, 24 * 4)])
@pytest.mark.parametrize("factor", [0.85, 1.0, 1.15])
def test_the_factor_becomes_what_rides_take(factor: float, delay: float, hours: int) -> None:
    rules = level_rules(delay)
    rides = rides_at(begins(14), factor, delay_hours=delay)
    trace = follow(rides, 14, rules)
    truth = rides.actual.sum() / rides.predicted.sum()
    settled = trace.factors[int(hours + delay) * 4 :]
    assert not trace.frozen.any()
    assert np.abs(settled / truth - 1).max() < 0.035
    assert abs(settled.mean() / truth - 1) < 0.01


def test_without_new_actuals_the_factor_goes_back_to_1() -> None:
    trace = follow(rides_at(begins(3), 1.2), 12, level_rules())
    after = trace.factors[4 * 96 :]
    assert trace.factors[3 * 96] > 1.15
    assert (np.diff(after) <= 0).all()
    assert 1.0 <= after[-1] < 1.005
    assert not trace.frozen.any()


def test_it_never_changes_faster_than_it_may_nor_beyond_its_bounds() -> None:
    times = begins(6)
    factor = np.where((times - MONDAY) // DAY % 2 == 0, 1.24, 0.9)
    trace = replay(sum_steps(rides_at(times, factor)), MONDAY + 6 * DAY, level_rules(guard_distance=9.0))
    assert np.abs(np.diff(trace.factors) / trace.factors[:-1]).max() <= 0.01 + 1e-12
    assert np.abs(trace.factors - 1).max() > 0.1
    wild = replay(sum_steps(rides_at(times, 3.0)), MONDAY + 6 * DAY, level_rules(guard_distance=9.0))
    assert wild.factors.max() == 1.5


@pytest.mark.parametrize("delay", [1.0, 24.0])
@pytest.mark.parametrize("hour", [0, 8, 15])
def test_a_day_of_doubled_durations_moves_it_little_and_it_is_right_within_a_day_after(delay: float, hour: int) -> None:
    rules = level_rules(delay)
    times = begins(14)
    begin = 7 + hour / 24
    is_doubled = (times >= MONDAY + begin * DAY) & (times < MONDAY + (begin + 1) * DAY)
    quiet = rides_at(times, 1.08, delay_hours=delay)
    # Reports say twice the minutes; they come when they would have come.
    broken = quiet._replace(actual=quiet.actual * np.where(is_doubled, 2.0, 1.0))
    before, after = (follow(rides, 14, rules) for rides in (quiet, broken))
    usual, moved, frozen = before.factors, after.factors, after.frozen
    known = int((begin + delay / 24) * 96)
    assert not frozen[: known + 1].any()
    assert not before.frozen.any()
    froze = known + int(np.argmax(frozen[known:]))
    assert froze - known <= 8, "it took more than two hours to freeze"
    assert np.abs(moved[known:] / usual[known:] - 1)[: froze - known + 1].max() < 0.05
    thawed = np.flatnonzero(frozen)[-1] + 1
    assert 96 - 8 <= thawed - froze <= 96 + 10, "frozen for about the day that was broken"
    # Of the answers of all hours, compared with the same days without a fault.
    day_after = thawed + 96
    assert np.abs(moved[day_after:] / usual[day_after:] - 1).max() < 0.02
    assert np.abs(moved[known:] / usual[known:] - 1).max() < 0.08


def test_few_rides_release_it_once_they_are_plausible_but_never_freeze_it() -> None:
    busy = MONDAY + np.sort(np.random.default_rng(3).uniform(0, 5 * DAY, 2_000))
    sparse = MONDAY + np.sort(np.random.default_rng(4).uniform(5 * DAY, 12 * DAY, 7 * 60))
    times = np.concatenate([busy, sparse])
    is_wrong = (times >= MONDAY + 4.4 * DAY) & (times < MONDAY + 5 * DAY)
    rides = rides_at(times, np.where(is_wrong, 1.6, 1.1))
    frozen = follow(rides, 12, level_rules()).frozen
    assert frozen[int(4.9 * 96)]
    assert not frozen[int(6.5 * 96) :].any(), "a day after the last implausible ride it is free"
    wild = follow(rides_at(sparse, 1.6), 12, level_rules())
    assert not wild.frozen.any()


def test_what_was_frozen_out_does_not_enter_later() -> None:
    times = begins(8)
    is_wrong = (times >= MONDAY + 4 * DAY) & (times < MONDAY + 5 * DAY)
    rides = rides_at(times, 1.0)
    traces = []
    for wrong in (2.0, 3.0):  # within the freeze it does not matter how wrong they are
        factor = np.where(is_wrong & (times >= MONDAY + 4.25 * DAY), wrong, np.where(is_wrong, 2.0, 1.0))
        traces.append(follow(rides._replace(actual=rides.actual * factor), 7, level_rules()))
    inside = slice(int(4.5 * 96), int(4.9 * 96))
    assert traces[0].frozen[inside].all()
    assert len(np.unique(traces[0].factors[inside])) == 1
    released = [int(np.flatnonzero(trace.frozen)[-1]) for trace in traces]
    assert traces[0].factors[released[0]] == traces[1].factors[released[1]]


def test_it_is_frozen_in_an_incident_and_goes_on_from_there() -> None:
    rules, rides = level_rules(), rides_at(begins(4), 1.1)
    noon = MONDAY + 2.5 * DAY
    before = advance(LevelState.begin(MONDAY), select(rides, rides.known_at <= noon), noon, rules)
    during = select(rides, (rides.known_at > noon) & (rides.known_at <= noon + DAY))
    frozen = advance(before, during, noon + DAY, rules, in_incident=True)
    assert frozen.is_frozen
    assert not before.is_frozen
    assert (frozen.factor, frozen.rides, frozen.actual) == (before.factor, before.rides, before.actual)
    after = select(rides, (rides.known_at > noon + DAY) & (rides.known_at <= noon + 1.2 * DAY))
    assert not advance(frozen, after, noon + 1.2 * DAY, rules).is_frozen


def test_few_rides_are_no_reason_to_freeze_and_silence_is_one_to_go_on() -> None:
    few = rides_at(begins(3, rides_a_day=100), 2.0)
    assert not follow(few, 3, level_rules()).frozen.any()
    times = begins(5)
    wrong = rides_at(times, np.where(times > MONDAY + 4 * DAY, 2.0, 1.1))
    trace = follow(wrong, 12, level_rules())
    assert trace.frozen[int(4.9 * 96) : int(5.9 * 96)].all()
    assert not trace.frozen[int(6.2 * 96) :].any()
    assert trace.factors[-1] < 1.01 < trace.factors[int(5.9 * 96)]


@pytest.mark.parametrize("known_at", [MONDAY - 1.0, MONDAY + HOUR + 1.0])
def test_rides_of_a_closed_step_and_of_the_future_are_refused(known_at: float) -> None:
    ride = EndedRides(np.array([known_at]), np.array([10.0]), np.array([9.0]))
    with pytest.raises(ValueError, match="from the open step to now"):
        advance(LevelState.begin(MONDAY), ride, MONDAY + HOUR, level_rules())


def test_time_does_not_go_back() -> None:
    state = advance(LevelState.begin(MONDAY), select(rides_at([MONDAY], 1.0), slice(0)), MONDAY + DAY, level_rules())
    with pytest.raises(ValueError, match="from the open step to now"):
        advance(state, select(rides_at([MONDAY], 1.0), slice(0)), MONDAY, level_rules())
