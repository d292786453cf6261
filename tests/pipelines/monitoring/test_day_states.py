"""How much is known of a day: by the share that is usual, and by the time that has passed."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ride_duration.pipelines.monitoring.day_states import find_states
from ride_duration.store.monitoring import DELAY_EDGES, DayState
from ride_duration.trips.clock import find_midnight
from tests.support.monitoring import monitored

LIMITS = monitored().log_limits
LATER = find_midnight("2021-06-01")


def labels(*shares: float, rides: int = 1000) -> list[dict[str, Any]]:
    """Rows of days since 2021-03-01 of whose rides these shares are reported, within an hour."""
    rows = []
    for number, share in enumerate(shares, 1):
        delays = [0] * (len(DELAY_EDGES) + 1)
        delays[20] = int(share * rides)
        rows.append({"day": f"2021-03-{number:02}", "rides": rides, "labelled": delays[20], "delays": delays})
    return rows


def test_a_day_whose_reports_do_not_come_is_incomplete_and_does_not_become_usual() -> None:
    states = list(find_states(labels(*[0.98] * 7, *[0.1] * 24), LATER, LIMITS).values())
    assert states == [DayState.FINAL] * 7 + [DayState.INCOMPLETE] * 24


def test_a_source_that_reports_few_rides_is_usual_where_it_always_did() -> None:
    states = find_states(labels(*[0.3, 0.32, 0.28, 0.31] * 7, 0.2), LATER, LIMITS)
    assert [*states.values()] == [DayState.FINAL] * 28 + [DayState.INCOMPLETE]


def test_one_bad_day_of_the_first_week_is_not_usual_for_it() -> None:
    states = find_states(labels(0.1, 0.0, *[0.98] * 6), LATER, LIMITS)
    assert [*states.values()] == [DayState.INCOMPLETE] * 2 + [DayState.FINAL] * 6


def test_before_the_delay_is_over_a_day_is_open_or_labelled() -> None:
    rows = labels(*[0.98] * 10, 0.95, 0.5)
    assert list(find_states(rows, find_midnight("2021-03-12") + 600, LIMITS).values())[-2:] == [
        DayState.LABELLED, DayState.OPEN,
    ]  # fmt: skip
    assert set(find_states(labels(0.0, 0.0), LATER, LIMITS).values()) == {DayState.OPEN}, "no delay is known"


@given(
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=30),
    hours=st.integers(0, 24 * 40),
    more=st.integers(1, 24 * 40),
)
def test_time_alone_never_opens_a_day_again(shares: list[float], hours: int, more: int) -> None:
    rows, begin = labels(*shares), find_midnight("2021-03-01")
    before = find_states(rows, begin + 3600 * hours, LIMITS)
    after = find_states(rows, begin + 3600 * (hours + more), LIMITS)
    over = {DayState.FINAL, DayState.INCOMPLETE}
    assert all(after[day] in over for day, state in before.items() if state in over)
