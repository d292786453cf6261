"""The rollout: whatever is seen, and whenever, it goes on only when it may, and stops when it must."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.serving.ab import Difference
from ride_duration.serving.rollout import Evidence, RolloutState, Step, next_step
from ride_duration.serving.rollout_plan import Limits, RolloutPlan, Stage

BEGAN = datetime(2026, 11, 2, 12, tzinfo=UTC)
PLAN = RolloutPlan(
    (Stage(0.0, 60, 200, 100), Stage(0.05, 60, 200), Stage(0.25, 60, 200, 100), Stage(1.0, 60, 200)),
    Limits(100, 0.01, 50, 0.1),
)
STATE = RolloutState(3, 2, PLAN.stages[0].share, BEGAN)
GOOD = Evidence(BEGAN, 2, 200, 0, 12.0, 100)


def after(minutes: float, **seen: object) -> Step:
    return next_step(PLAN, STATE, msgspec.structs.replace(GOOD, **seen), BEGAN + timedelta(minutes=minutes))


def worse(low: float) -> Difference:
    return Difference("absolute error", True, 500, 500, low + 0.1, low, low + 0.2, 0.01)


def test_a_rollout_goes_through_all_its_stages() -> None:
    state: RolloutState | None = STATE
    shares, now, step = [], BEGAN, None
    while state is not None:
        shares.append(state.share)
        now += timedelta(minutes=60)
        step = next_step(PLAN, state, msgspec.structs.replace(GOOD, since=state.since), now)
        state = step.state
    assert shares == [0.0, 0.05, 0.25, 1.0]
    assert step == Step(
        "finish", "100 % is done after 200 predictions and 100 actuals; version 3 is to be champion", None
    )


def test_what_is_awaited_is_told() -> None:
    step = after(59.5, requests=150, actuals=99)
    assert step == Step("stay", "shadow: awaits 1 more minutes, 50 more predictions, 1 more actuals", STATE)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"failed": 3}, "shadow: 3 of 200 requests failed, 1.50% and more than 1.00%"),
        ({"p99_ms": 80.0}, "shadow: the 99th percentile of its time is 80.0 ms, above 50 ms"),
        (
            {"difference": worse(0.15)},
            "shadow: challenger worse by 0.25 min (0.15 to 0.35) in mean absolute error; 0.1 min are allowed",
        ),
    ],
)
def test_a_broken_limit_ends_the_rollout(seen: dict[str, object], why: str) -> None:
    for minutes in (1, 60, 600):
        assert after(minutes, **seen) == Step("rollback", why, None)


def test_few_requests_and_small_differences_break_no_limit() -> None:
    assert after(5, requests=99, failed=99, p99_ms=1e6, actuals=0).kind == "stay"
    assert after(60, difference=worse(0.09)).kind == "advance"
    assert after(60, difference=Difference("absolute error", True, 9, 9)).kind == "advance"


@pytest.mark.parametrize(
    ("champion", "why"),
    [
        (3, "version 3 became champion by another decision, before all stages were done"),
        (4, "version 4 is champion now, and the comparison was with version 2"),
        (None, "there is no champion any more; it was version 2"),
    ],
)
def test_another_decision_about_the_champion_ends_it(champion: int | None, why: str) -> None:
    for minutes in (1, 600):
        assert after(minutes, champion=champion, failed=200) == Step("end", why, None)


def test_after_the_last_stage_the_registry_is_awaited() -> None:
    promoting = msgspec.structs.replace(STATE, share=1.0, promoting=True)
    champions = {2: "stay", 3: "finish", 4: "end", None: "end"}
    for champion, kind in champions.items():
        seen = Evidence(BEGAN, champion, failed=200, requests=200)
        assert next_step(PLAN, promoting, seen, BEGAN + timedelta(minutes=600)).kind == kind


def test_a_clock_that_was_put_back_makes_a_stage_longer() -> None:
    assert after(-120) == Step("stay", "shadow: awaits 180 more minutes", STATE)


def test_what_was_seen_in_another_stage_does_not_count() -> None:
    step = after(60)
    assert step.state is not None
    again = next_step(PLAN, step.state, GOOD, BEGAN + timedelta(minutes=600))
    assert again == Step("stay", "5 %: awaits what is seen since it began", step.state)


def test_the_plan_may_be_edited_meanwhile() -> None:
    now = BEGAN + timedelta(minutes=60)
    longer = msgspec.structs.replace(PLAN, stages=(Stage(0.0, 90, 200), *PLAN.stages[1:]))
    assert next_step(longer, STATE, GOOD, now).kind == "stay"
    inserted = msgspec.structs.replace(PLAN, stages=(PLAN.stages[0], Stage(0.01, 60, 200), *PLAN.stages[1:]))
    following = next_step(inserted, STATE, GOOD, now).state
    assert following is not None
    assert following.share == 0.01
    gone = msgspec.structs.replace(PLAN, stages=PLAN.stages[1:])
    assert next_step(gone, STATE, GOOD, now) == Step("rollback", "the plan has no stage shadow any more", None)


def test_the_state_survives_a_restart() -> None:
    stored = msgspec.json.decode(msgspec.json.encode(STATE), type=RolloutState)
    assert stored == STATE
    assert next_step(PLAN, stored, GOOD, BEGAN + timedelta(minutes=60)) == after(60)


counts = st.integers(0, 1_000)


def stage_of(share: float) -> st.SearchStrategy[Stage]:
    return st.builds(Stage, st.just(share), st.floats(0.1, 300), st.integers(1, 500), counts)


stages = st.lists(st.sampled_from([0.0, 0.01, 0.05, 0.25, 0.5, 1.0]), min_size=1, unique=True).flatmap(
    lambda shares: st.tuples(*(stage_of(share) for share in sorted(shares)))
)
limits = st.builds(Limits, st.integers(1, 500), st.floats(0, 0.5), st.floats(0.1, 200), st.floats(0, 1))
plans = st.builds(RolloutPlan, stages, limits)
differences = st.none() | st.floats(-2, 2).map(worse) | st.just(Difference("absolute error", True, 5, 5))
versions = st.none() | st.sampled_from([2, 2, 2, 2, 3, 4])


@st.composite
def evidence(draw: st.DrawFn, since: datetime) -> Evidence:
    requests = draw(counts)
    failed = draw(st.sampled_from([0, 0, 0, requests // 200, requests]))
    p99 = draw(st.none() | st.floats(0, 100))
    return Evidence(since, draw(versions), requests, failed, p99, draw(counts), draw(differences))


@given(plans, st.data())
def test_whatever_happens_no_stage_is_left_early_and_no_broken_limit_is_passed(
    plan: RolloutPlan, data: st.DataObject
) -> None:
    state, now = RolloutState(3, 2, plan.stages[0].share, BEGAN), BEGAN
    for _ in range(12):
        now += timedelta(minutes=data.draw(st.floats(-100, 500)))
        seen = data.draw(evidence(state.since))
        step = next_step(plan, state, seen, now)
        assert step == next_step(plan, state, seen, now)
        assert step.why
        limit = plan.limits
        broken = (
            (seen.requests >= limit.requests and seen.failed / seen.requests > limit.error_rate)
            or (seen.requests >= limit.requests and (seen.p99_ms or 0) > limit.p99_ms)
            or (seen.difference is not None and seen.difference.low > limit.worse_minutes)
        )
        stage = plan.stage(state.share)
        assert stage is not None
        if seen.champion != 2:
            assert step.kind == "end"
        elif broken:
            assert step.kind == "rollback"
        else:
            done = (
                now - state.since >= timedelta(minutes=stage.minutes - 1e-6)
                and seen.requests - seen.failed >= stage.predictions
                and seen.actuals >= stage.actuals
            )
            assert (step.kind != "stay") == done
        if step.state is None:
            assert step.kind in ("finish", "rollback", "end")
            return
        if step.kind == "advance":
            assert step.state.share == min(other.share for other in plan.stages if other.share > state.share)
            assert step.state.since == now
            assert next_step(plan, step.state, seen, now + timedelta(days=9)).kind == "stay"
        else:
            assert step.state == state
        state = step.state


def test_a_latency_that_is_not_measured_is_no_reason() -> None:
    assert after(60, p99_ms=None).kind == "advance"
