"""What follows from decisions."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ride_duration.registry.decisions import (
    MOVING,
    Decision,
    champion_tenures,
    find_gate,
    former_champions,
    previous_champion,
    status_of,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def decision(number: int, kind: str, version: int | None, previous: int | None = None) -> Decision:
    run = f"run {number}"
    at = NOON + timedelta(minutes=number // 2)
    return Decision(number, kind, version, previous, at, "Ana", "because", run, run if kind == "gate" else None)


def story(*made: tuple[str, int | None]) -> list[Decision]:
    return [decision(number, kind, version) for number, (kind, version) in enumerate(made, start=1)]


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Decision], list[int]]:
    """Decisions as a registry would let them happen, and the promotions that no rollback has undone."""
    made: list[tuple[str, int | None]] = []
    standing: list[int] = []
    for kind in draw(
        st.lists(st.sampled_from(["gate", "promotion", "approval", "rejection", "rollback"]), max_size=30)
    ):
        if kind == "rollback":
            if len(standing) > 1:
                standing.pop()
                made.append((kind, standing[-1]))
        elif kind in MOVING:
            standing.append(draw(st.integers(1, 6).filter(lambda version: [version] != standing[-1:])))
            made.append((kind, standing[-1]))
        else:
            made.append((kind, None if kind == "gate" else 7))
    return story(*made), standing


@given(stories())
def test_tenures_have_no_gaps_and_only_the_last_is_open(made: tuple[list[Decision], list[int]]) -> None:
    decisions, standing = made
    history = champion_tenures(decisions)
    assert [tenure.version for tenure in history] == [d.version for d in decisions if d.kind in MOVING]
    assert all(earlier.until == later.since for earlier, later in pairwise(history))
    assert [tenure.until is None for tenure in history] == [False] * (len(history) - 1) + [True] * bool(history)
    assert all(tenure.since <= tenure.until for tenure in history if tenure.until)
    assert [tenure.version for tenure in history[-1:]] == standing[-1:]


@given(stories())
def test_a_rollback_undoes_the_latest_promotion_that_stands(made: tuple[list[Decision], list[int]]) -> None:
    decisions, standing = made
    assert previous_champion(decisions) == (standing[-2] if len(standing) > 1 else None)


@given(stories(), st.integers(1, 9))
def test_rollbacks_in_a_row_go_back_to_the_first_champion(made: tuple[list[Decision], list[int]], version: int) -> None:
    decisions, standing = made
    for expected in reversed(standing[:-1]):
        assert previous_champion(decisions) == expected
        decisions = [*decisions, decision(len(decisions) + 1, "rollback", expected)]
    assert previous_champion(decisions) is None


@given(stories())
def test_former_champions_are_those_whose_promotion_stands_each_once(made: tuple[list[Decision], list[int]]) -> None:
    decisions, standing = made
    champion = standing[-1] if standing else None
    former = former_champions(decisions)
    assert set(former) == set(standing) - {champion}
    assert [standing[::-1].index(version) for version in former] == sorted(standing[::-1].index(v) for v in former)


def test_a_champion_that_was_rolled_back_is_no_former_champion_until_it_is_promoted_again() -> None:
    decisions = story(("promotion", 1), ("promotion", 2), ("promotion", 3), ("rollback", 2))
    assert former_champions(decisions) == [1]
    assert former_champions([*decisions, decision(5, "promotion", 3)]) == [2, 1]
    assert former_champions([*decisions, decision(5, "vacancy", None)]) == [2, 1]


def test_a_version_may_be_champion_twice() -> None:
    decisions = story(("promotion", 1), ("promotion", 2), ("rollback", 1), ("promotion", 3), ("promotion", 2))
    assert [tenure.version for tenure in champion_tenures(decisions)] == [1, 2, 1, 3, 2]
    assert previous_champion(decisions) == 3


def test_a_version_that_follows_itself_is_undone_once() -> None:
    assert previous_champion(story(("promotion", 1), ("promotion", 3), ("promotion", 3))) == 1
    assert previous_champion(story(("promotion", 3), ("promotion", 3))) is None


def test_a_vacancy_ends_a_reign_and_a_rollback_ends_the_vacancy() -> None:
    vacant = story(("promotion", 1), ("promotion", 3), ("vacancy", None))
    first, last = champion_tenures(vacant)
    assert (first.until, last.until) == (last.since, vacant[-1].at)
    assert previous_champion(vacant) == 3
    assert previous_champion([*vacant, decision(4, "rollback", 3)]) == 1
    assert previous_champion([*vacant, decision(4, "promotion", 3)]) == 1
    assert previous_champion([*vacant, decision(4, "promotion", 2)]) == 3


def test_before_the_first_decision_there_is_no_history() -> None:
    assert champion_tenures([]) == []
    assert previous_champion([]) is None


@pytest.mark.parametrize(
    ("about", "approval", "champion", "status"),
    [
        ([], "auto", None, "candidate"),
        ([], "manual", None, "awaiting approval"),
        (["rejection"], "manual", 2, "rejected"),
        (["rejection"], "auto", None, "rejected"),
        (["approval"], "manual", 1, "champion"),
        (["approval"], "manual", 2, "former champion"),
        (["promotion"], "auto", 2, "former champion"),
        (["promotion", "rollback"], "auto", 2, "former champion"),
    ],
)
def test_the_status_of_a_version(about: list[str], approval: str, champion: int | None, status: str) -> None:
    decisions = story(*((kind, 1) for kind in about), ("promotion", 2))
    assert status_of(1, approval, decisions, champion) == status


def test_the_gate_of_a_version_is_found_by_its_run() -> None:
    decisions = [decision(1, "gate", None, 4), decision(2, "promotion", 5, 4), decision(3, "gate", None, 5)]
    gate = find_gate("run 3", decisions)
    assert gate is not None
    assert gate.previous == 5
    assert find_gate("run 2", decisions) is None
    assert find_gate(None, decisions) is None
