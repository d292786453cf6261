"""Retraining policies as users write them, and the months that they learn from."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.backtest.policies import Policy, parse_policies

REPEATABLE = settings(derandomize=True, deadline=None)

POLICIES = st.one_of(st.just("never"), st.integers(1, 40).map("last_{}".format))


@REPEATABLE
@given(st.lists(POLICIES, min_size=1, max_size=6))
def test_a_sum_names_each_policy_once_and_in_its_order(names: list[str]) -> None:
    assert [policy.name for policy in parse_policies(" + ".join(names))] == list(dict.fromkeys(names))


@REPEATABLE
@given(POLICIES, st.integers(1, 60))
def test_a_policy_learns_from_months_so_far_and_from_no_more_than_it_says(name: str, so_far: int) -> None:
    [policy] = parse_policies(name)
    before = tuple(f"month {number}" for number in range(so_far))
    learnt_from = policy.select_months(before)
    if policy.last is None:
        assert learnt_from == before[:1]
    else:
        assert len(learnt_from) == min(policy.last, so_far)
        assert learnt_from == before[so_far - len(learnt_from) :]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("never", "never retrained"),
        ("last_1", "retrained monthly on the last month"),
        ("last_3", "retrained monthly on the last 3 months"),
    ],
)
def test_policies_have_words(name: str, words: str) -> None:
    assert [policy.words for policy in parse_policies(name)] == [words]


def test_policies_are_known_by_name_and_months() -> None:
    assert parse_policies("last_12+never") == (Policy("last_12", 12), Policy("never", None))


@pytest.mark.parametrize(
    "text", ["", "+", "always", "last_0", "last_-1", "last_x", "last", "never+", "Never", "last_03"]
)
def test_what_is_no_policy_is_refused_with_examples(text: str) -> None:
    with pytest.raises(
        RideDurationError, match=r"does not name retraining policies; write never, last_1 .*never\+last_3"
    ):
        parse_policies(text)
