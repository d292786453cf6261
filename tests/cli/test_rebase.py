"""What the newest verdict offers to be accepted, and when there is nothing."""

from typing import Any

import msgspec
import pytest

from ride_duration.cli.rebase import find_offer
from ride_duration.errors import DecisionRefused, NotFound
from ride_duration.store.monitoring import DecisionRow, Evidence, VerdictRow

OFFER = {"since": "2021-03-04", "level": 1.12, "error_ratio": 1.0, "rides": {}, "evidence": "log", "moment": "at_r"}
VERDICT = VerdictRow(
    model="green", evidence=Evidence.LOG, window="last_28d", first="2021-03-04", last="2021-03-31", computed_at=100.0,
    version=2, variant="champion", moment="at_request_time", verdict="retrain", cause="level", gain=0.1, reasons=[],
    figures={}, next="", simulated=True, details={"offer": OFFER},
)  # fmt: skip


def decision(version: int, at: float) -> DecisionRow:
    return DecisionRow(version, "rebase", at, "Ana", "why", OFFER)


def test_the_newest_official_verdict_is_what_can_be_accepted() -> None:
    older = msgspec.structs.replace(VERDICT, details={"offer": None})
    looked_at = msgspec.structs.replace(VERDICT, computed_at=102.0, official=False)
    for decisions in ([], [decision(2, 99.0)], [decision(1, 101.0)]):
        assert find_offer([VERDICT, older], decisions) == (VERDICT, OFFER)
        assert find_offer([looked_at, VERDICT, older], decisions) == (VERDICT, OFFER)


def test_on_a_clock_that_stands_still_a_newer_verdict_is_not_the_accepted_one() -> None:
    accepted = msgspec.structs.replace(decision(2, 100.0), accepted=OFFER | {"verdict": 7})
    first, second = (msgspec.structs.replace(VERDICT, number=number) for number in (7, 8))
    assert find_offer([second, first], [accepted]) == (second, OFFER)
    with pytest.raises(DecisionRefused, match="Ana has already accepted"):
        find_offer([first], [accepted])
    again = msgspec.structs.replace(accepted, accepted=OFFER | {"verdict": 8})
    with pytest.raises(DecisionRefused, match="Ana has already accepted"):
        find_offer([second, first], [again, accepted])


@pytest.mark.parametrize(
    ("verdicts", "decisions", "message"),
    [
        ([], [], "there is no verdict yet whose change could be accepted; `kedro monitor run --window WINDOW -e x`"),
        ([{"official": False}], [], "all verdicts so far are exploratory"),
        ([{}], [decision(2, 100.0)], "Ana has already accepted what the newest official verdict about version 2 found"),
        ([{"details": {}}], [], "made by a former program"),
        ([{"details": {"offer": None}, "verdict": "ok"}], [], "is ok: nothing has changed"),
        ([{"details": {"offer": None}, "verdict": "insufficient"}], [], "is insufficient: too little is known"),
        ([{"details": {"offer": None}, "verdict": "incident"}], [], "something is broken, which is no reference"),
        ([{"details": {"offer": None}, "verdict": "watch"}], [], "is watch: the change is over"),
    ],
)
def test_where_there_is_nothing_to_accept_it_says_why(
    verdicts: list[dict[str, Any]], decisions: list[DecisionRow], message: str
) -> None:
    kept = [msgspec.structs.replace(VERDICT, **changed) for changed in verdicts]
    with pytest.raises((DecisionRefused, NotFound)) as refused:
        find_offer(kept, decisions, " -e x")
    assert message in str(refused.value)
