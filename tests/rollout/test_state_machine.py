"""The rollout: whatever is seen, and whenever, it goes on only when it may, and stops when it must."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.rollout.plan import RolloutLimits, RolloutPlan, Stage
from ride_duration.rollout.state_machine import Evidence, RolloutState, Step, decide_next_step
from ride_duration.stats.sequential import FIRST_LOOK, Difference

BEGAN = datetime(2026, 11, 2, 12, tzinfo=UTC)
PLAN = RolloutPlan(
    (Stage(0.0, 7, 200, 100), Stage(0.05, 1, 200), Stage(0.25, 1, 200, 100), Stage(1.0, 1, 200)),
    RolloutLimits(100, 0.01, 50, 0.01, 500, 0.25),
)
STATE = RolloutState(3, 2, PLAN.stages[0].share, BEGAN)


def seen_of(low: float, high: float, days: int = FIRST_LOOK, rides: int = 499, paired: bool = True) -> Difference:
    """The RMSE of the challenger lies between these, relative to the champion's."""
    return Difference("squared error", paired, rides, rides, days, (low + high) / 2, low, high, 0.01)


def early(estimate: float, rides: int, paired: bool = True) -> Difference:
    return Difference("squared error", paired, rides, rides, FIRST_LOOK - 1, estimate)


BETTER, OPEN, DOUBTFUL = seen_of(-0.06, -0.02), seen_of(-0.02, 0.03), seen_of(0.0, 0.06)
GOOD = Evidence(BEGAN, 2, 200, 0, 12.0, 100, BETTER)


def after(days: float, **seen: object) -> Step:
    return decide_next_step(PLAN, STATE, msgspec.structs.replace(GOOD, **seen), BEGAN + timedelta(days=days))


def test_a_rollout_goes_through_all_its_stages() -> None:
    state: RolloutState | None = STATE
    shares, now, step = [], BEGAN, None
    while state is not None:
        shares.append(state.share)
        now += timedelta(days=1 if state.share else 7)
        load_compared = None if state.share else BETTER
        step = decide_next_step(
            PLAN, state, msgspec.structs.replace(GOOD, since=state.since, difference=load_compared), now
        )
        state = step.state
    assert shares == [0.0, 0.05, 0.25, 1.0]
    assert step == Step(
        "finish", "100 % is done after 200 predictions and 100 actuals; version 3 is to be champion", None
    )


def test_what_is_awaited_is_told() -> None:
    step = after(4.5, requests=150, actuals=99, difference=early(0.02, 499))
    awaited = "3 more days, 50 more predictions, 1 more actuals, joined rides of 1 more days"
    assert step == Step("stay", f"shadow: awaits {awaited}", STATE)
    assert after(6.5).why == "shadow: awaits 12 more hours"
    assert after(6.99).why == "shadow: awaits 15 more minutes"


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"failed": 3}, "shadow: 3 of 200 requests failed, 1.50% and more than 1.00%"),
        ({"p99_ms": 80.0}, "shadow: the 99th percentile of its time is 80.0 ms, above 50 ms"),
        (
            {"difference": seen_of(0.02, 0.04)},
            "shadow: challenger worse by 3.0 % of the RMSE (2.0 to 4.0 %); 1 % is allowed",
        ),
        (
            {"difference": early(0.26, 500)},
            "shadow: RMSE 26.0 % above the champion's on 500 shared rides; 25 % is allowed before the test looks",
        ),
        (
            {"difference": early(0.26, 2_000, paired=False)},
            "shadow: RMSE 26.0 % above the champion's on 2,000 rides of each; 25 % is allowed before the test looks",
        ),
    ],
)
def test_a_broken_limit_ends_the_rollout(seen: dict[str, object], why: str) -> None:
    for days in (0.001, 7, 30):
        assert after(days, **seen) == Step("rollback", why, None)


def test_once_the_test_has_looked_the_coarse_guard_is_silent() -> None:
    wild = seen_of(-0.45, 2.17, days=9, rides=10_000, paired=False)
    assert wild.estimate > PLAN.limits.guard_worse_rmse
    step = after(9, difference=wild)
    assert step.kind == "stay"
    assert "accuracy to be decided" in step.why


def test_few_requests_and_small_differences_break_no_limit() -> None:
    assert after(0.1, requests=99, failed=99, p99_ms=1e6, actuals=0).kind == "stay"
    assert after(7, difference=seen_of(0.009, 0.01)).kind == "advance"
    for difference in (early(0.9, 499), early(0.24, 10_000), early(0.9, 1_999, paired=False)):
        assert after(0.1, difference=difference).kind == "stay"


def test_no_stage_ends_before_the_test_has_looked() -> None:
    for difference in (None, early(-0.5, 10_000)):
        step = after(30, difference=difference)
        assert step.kind == "stay"
        assert "joined rides of" in step.why


def test_a_challenger_that_looks_worse_than_allowed_waits_for_a_decision() -> None:
    step = after(8, difference=DOUBTFUL)
    told = "no difference shown yet: RMSE +3.0 % (+0.0 to +6.0 %); 1 % worse is allowed"
    assert step == Step("stay", f"shadow: awaits accuracy to be decided ({told})", STATE)


@pytest.mark.parametrize(("shown", "kind"), [(BETTER, "advance"), (OPEN, "stay")])
def test_shares_need_a_comparison_of_their_own_until_one_has_shown_enough(shown: Difference, kind: str) -> None:
    step = after(7, difference=shown)
    assert step.state is not None
    assert (step.state.share, step.state.not_worse) == (0.05, kind == "advance")
    began, later = step.state.since, step.state.since + timedelta(days=1)
    seen = msgspec.structs.replace(GOOD, since=began, difference=early(0.02, 300, paired=False))
    share = decide_next_step(PLAN, step.state, seen, later)
    assert share.kind == kind
    looked = msgspec.structs.replace(seen, difference=seen_of(-0.2, 0.1, paired=False))
    assert decide_next_step(PLAN, step.state, looked, later).kind == "advance"
    worse = msgspec.structs.replace(seen, difference=seen_of(0.02, 0.1, paired=False))
    assert decide_next_step(PLAN, step.state, worse, later).kind == "rollback"


def test_a_plan_that_compares_no_accuracy_ends_in_minutes_but_is_guarded() -> None:
    minute = 1 / 1_440
    limits = msgspec.structs.replace(PLAN.limits, worse_rmse=None)
    plan = RolloutPlan((Stage(0.0, minute, 200), Stage(1.0, minute, 200)), limits)
    now = BEGAN + timedelta(minutes=1)
    assert (
        decide_next_step(plan, STATE, msgspec.structs.replace(GOOD, difference=early(0.2, 500)), now).kind == "advance"
    )
    assert (
        decide_next_step(plan, STATE, msgspec.structs.replace(GOOD, difference=seen_of(0.1, 0.2)), now).kind
        == "advance"
    )
    told = "shared rides; 25 % is allowed while no test looks (worse_rmse is null)"
    for gross in (early(0.3, 500), seen_of(0.2, 0.4, days=9, rides=500)):
        step = decide_next_step(plan, STATE, msgspec.structs.replace(GOOD, difference=gross), now)
        assert step == Step("rollback", f"shadow: RMSE 30.0 % above the champion's on 500 {told}", None)


@pytest.mark.parametrize(
    ("champion", "why"),
    [
        (3, "version 3 became champion by another decision, before all stages were done"),
        (4, "version 4 is champion now, and the comparison was with version 2"),
        (None, "there is no champion any more; it was version 2"),
    ],
)
def test_another_decision_about_the_champion_ends_it(champion: int | None, why: str) -> None:
    for days in (0.001, 30):
        assert after(days, champion=champion, failed=200) == Step("end", why, None)


def test_after_the_last_stage_the_registry_is_awaited() -> None:
    promoting = msgspec.structs.replace(STATE, share=1.0, promoting=True)
    champions = {2: "stay", 3: "finish", 4: "end", None: "end"}
    for champion, kind in champions.items():
        seen = Evidence(BEGAN, champion, failed=200, requests=200)
        assert decide_next_step(PLAN, promoting, seen, BEGAN + timedelta(days=30)).kind == kind


def test_a_clock_that_was_put_back_makes_a_stage_longer() -> None:
    assert after(-2) == Step("stay", "shadow: awaits 9 more days", STATE)


def test_what_was_seen_in_another_stage_does_not_count() -> None:
    step = after(7)
    assert step.state is not None
    again = decide_next_step(PLAN, step.state, GOOD, BEGAN + timedelta(days=30))
    assert again == Step("stay", "5 %: awaits what is seen since it began", step.state)


def test_the_plan_may_be_edited_meanwhile() -> None:
    now = BEGAN + timedelta(days=7)
    longer = msgspec.structs.replace(PLAN, stages=(Stage(0.0, 9, 200), *PLAN.stages[1:]))
    assert decide_next_step(longer, STATE, GOOD, now).kind == "stay"
    inserted = msgspec.structs.replace(PLAN, stages=(PLAN.stages[0], Stage(0.01, 1, 200), *PLAN.stages[1:]))
    following = decide_next_step(inserted, STATE, GOOD, now).state
    assert following is not None
    assert following.share == 0.01
    gone = msgspec.structs.replace(PLAN, stages=PLAN.stages[1:])
    assert decide_next_step(gone, STATE, GOOD, now) == Step("rollback", "the plan has no stage shadow any more", None)


def test_the_state_survives_a_restart() -> None:
    stored = msgspec.json.decode(msgspec.json.encode(STATE), type=RolloutState)
    assert stored == STATE
    assert decide_next_step(PLAN, stored, GOOD, BEGAN + timedelta(days=7)) == after(7)


counts = st.integers(0, 1_000)


def stage_of(share: float) -> st.SearchStrategy[Stage]:
    return st.builds(Stage, st.just(share), st.floats(0.01, 10), st.integers(1, 500), counts)


stages = st.lists(st.sampled_from([0.0, 0.01, 0.05, 0.25, 0.5, 1.0]), min_size=1, unique=True).flatmap(
    lambda shares: st.tuples(*(stage_of(share) for share in sorted(shares)))
)
shares = st.floats(0.001, 0.9)
limits = st.builds(
    RolloutLimits,
    st.integers(1, 500),
    st.floats(0, 0.5),
    st.floats(0.1, 200),
    st.none() | shares,
    st.integers(1, 900),
    shares,
)
plans = st.builds(RolloutPlan, stages, limits)
spans = st.tuples(st.floats(-0.5, 0.5), st.floats(0, 0.3))
compute_differences = st.none() | st.builds(
    lambda span, days, rides, paired: (
        seen_of(span[0], sum(span), days, rides, paired) if days >= FIRST_LOOK else early(span[0], rides, paired)
    ),
    spans,
    st.integers(0, 30),
    counts,
    st.booleans(),
)
versions = st.none() | st.sampled_from([2, 2, 2, 2, 3, 4])


@st.composite
def evidence(draw: st.DrawFn, since: datetime) -> Evidence:
    requests = draw(counts)
    failed = draw(st.sampled_from([0, 0, 0, requests // 200, requests]))
    p99 = draw(st.none() | st.floats(0, 100))
    return Evidence(since, draw(versions), requests, failed, p99, draw(counts), draw(compute_differences))


def inaccurate(limit: RolloutLimits, difference: Difference | None) -> bool:
    if difference is None:
        return False
    rides = limit.guard_rides if difference.paired else 4 * limit.guard_rides
    guarded = limit.worse_rmse is None or difference.days < FIRST_LOOK
    gross = guarded and difference.champion >= rides and difference.estimate > limit.guard_worse_rmse
    return gross or (limit.worse_rmse is not None and difference.low > limit.worse_rmse)


def compared(limit: RolloutLimits, difference: Difference | None) -> bool:
    """Whether the test has looked, and the challenger does not look worse than allowed."""
    if limit.worse_rmse is None:
        return True
    return difference is not None and difference.days >= FIRST_LOOK and difference.estimate <= limit.worse_rmse


@given(plans, st.data())
def test_whatever_happens_no_stage_is_left_early_and_no_broken_limit_is_passed(
    plan: RolloutPlan, data: st.DataObject
) -> None:
    state, now = RolloutState(3, 2, plan.stages[0].share, BEGAN), BEGAN
    for _ in range(12):
        now += timedelta(days=data.draw(st.floats(-3, 15)))
        seen = data.draw(evidence(state.since))
        step = decide_next_step(plan, state, seen, now)
        assert step == decide_next_step(plan, state, seen, now)
        assert step.why
        limit = plan.limits
        broken = (
            (seen.requests >= limit.requests and seen.failed / seen.requests > limit.error_rate)
            or (seen.requests >= limit.requests and (seen.p99_ms or 0) > limit.p99_ms)
            or inaccurate(limit, seen.difference)
        )
        stage = plan.stage(state.share)
        assert stage is not None
        if seen.champion != 2:
            assert step.kind == "end"
        elif broken:
            assert step.kind == "rollback"
        else:
            done = (
                now - state.since >= timedelta(days=stage.days - 1e-9)
                and seen.requests - seen.failed >= stage.predictions
                and seen.actuals >= stage.actuals
                and (state.share == 1 or state.not_worse or compared(limit, seen.difference))
            )
            assert (step.kind != "stay") == done
        if step.state is None:
            assert step.kind in ("finish", "rollback", "end")
            return
        if step.kind == "advance":
            assert step.state.share == min(other.share for other in plan.stages if other.share > state.share)
            assert step.state.since == now
            shown = limit.worse_rmse is not None and seen.difference and seen.difference.high <= limit.worse_rmse
            assert step.state.not_worse == bool(state.not_worse or shown)
            assert decide_next_step(plan, step.state, seen, now + timedelta(days=9)).kind == "stay"
        else:
            assert step.state == state
        state = step.state


def test_a_latency_that_is_not_measured_is_no_reason() -> None:
    assert after(7, p99_ms=None).kind == "advance"
