from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.playback.plan import PlaybackPlan
from ride_duration.playback.player import batch_reports, iterate_steps
from ride_duration.playback.timetable import Due, PlayedReport, Timetable, schedule_day
from ride_duration.trips.clock import NEW_YORK, find_midnight
from tests.support.playback import quiet_plan

PLAN = quiet_plan(days=2, rides_per_day=300)


def take_all(plan: PlaybackPlan, *steps: float) -> Due:
    timetable = Timetable(plan, plan.simulate())
    taken = [timetable.take(at) for at in (*steps, plan.ends_at)]
    return Due([ride for due in taken for ride in due.rides], [report for due in taken for report in due.reports])


ALL = take_all(PLAN)
DAYS = list(PLAN.simulate())


@settings(deadline=None)
@given(steps=st.lists(st.floats(min_value=PLAN.begins_at - 1e5, max_value=PLAN.ends_at), max_size=40).map(sorted))
def test_whatever_the_steps_all_is_taken_once_and_in_the_order_of_time(steps: list[float]) -> None:
    timetable = Timetable(PLAN, DAYS)
    rides, reports = [], []
    for at in [*steps, PLAN.ends_at]:
        due = timetable.take(at)
        assert all(one.at <= at for one in (*due.rides, *due.reports))
        rides += due.rides
        reports += due.reports
    assert rides == ALL.rides
    assert sorted(reports) == sorted(ALL.reports)
    assert rides == sorted(rides)


@pytest.mark.parametrize("start", ["2021-03-01", "2021-03-13", "2021-11-06"])
def test_a_report_comes_the_delay_after_the_drop_off_whatever_the_clocks_do(start: str) -> None:
    plan = quiet_plan(start=start, days=2, label_delay=5_400.0)
    due = take_all(plan)
    begun = {ride.ride_id: ride for ride in due.rides}
    for ride in due.rides:
        shown = datetime.fromisoformat(ride.body["pickup_datetime"])
        assert shown.timestamp() == ride.at
        assert shown.utcoffset() == datetime.fromtimestamp(ride.at, NEW_YORK).utcoffset()
    assert len(due.reports) > 200
    for report in due.reports:
        ended = datetime.fromisoformat(report.body["dropoff_datetime"]).timestamp()
        assert report.at == pytest.approx(max(ended, begun[report.ride_id].at) + 5_400)
    metered = [(report, begun[report.ride_id]) for report in due.reports if "trip_distance" in report.body]
    assert len(metered) > 0.9 * len(due.reports)
    assert sum(report.body["trip_distance"] == ride.miles for report, ride in metered) > 0.98 * len(metered)
    assert all(0 < report.body["trip_distance"] <= 100 for report, _ in metered)
    days = {ride.ride_id[:10] for ride in due.rides}
    assert days >= {f"{datetime.fromisoformat(start) + timedelta(days=day):%Y-%m-%d}" for day in range(2)}


def test_a_share_is_never_reported_and_doubled_records_are_reported_twice() -> None:
    quiet = quiet_plan(days=6, rides_per_day=2_000, unreported=0.2)
    rides = [ride for day in quiet.simulate() for ride in schedule_day(day, quiet).rides]
    reports = Counter(r.ride_id for day in quiet.simulate() for r in schedule_day(day, quiet).reports)
    assert len({ride.ride_id for ride in rides}) == len(rides)
    assert 0.18 < 1 - len(reports) / len(rides) < 0.22
    assert sum(count > 1 for count in reports.values()) < 0.02 * len(reports)
    doubled = quiet_plan(days=6, rides_per_day=2_000, scenario="doubled_records", strength=0.5)
    reports = Counter(r.ride_id for day in doubled.simulate() for r in schedule_day(day, doubled).reports)
    assert 0.45 < sum(count > 1 for count in reports.values()) / len(reports) < 0.55


def test_a_silent_day_has_neither_rides_nor_reports() -> None:
    silent = quiet_plan(days=2, scenario="silent_source", strength=1.0)
    assert take_all(silent) == Due([], [])


@settings(deadline=None)
@given(resumed=st.floats(min_value=PLAN.begins_at, max_value=PLAN.ends_at))
def test_the_clock_goes_on_from_where_it_was_by_whole_steps_to_the_end(resumed: float) -> None:
    steps = list(iterate_steps(PLAN, resumed))
    assert (steps[0], steps[-1]) == (resumed, PLAN.ends_at)
    assert all(0 < later - at <= PLAN.step for at, later in pairwise(steps))
    assert all((at - PLAN.begins_at) % PLAN.step == 0 for at in steps[1:-1])


@settings(deadline=None)
@given(copies=st.lists(st.integers(min_value=1, max_value=3), max_size=1_500))
def test_reports_about_one_ride_go_together_in_requests_of_a_thousand(copies: list[int]) -> None:
    reports = [
        PlayedReport(1.0, f"ride {ride}", number, {"ride_id": ride})
        for number, ride in enumerate(ride for ride, count in enumerate(copies) for _ in range(count))
    ]
    batches = list(batch_reports(reports))
    assert sorted(report.number for batch in batches for report in batch) == [report.number for report in reports]
    assert all(0 < len(batch) <= 1_000 for batch in batches)
    assert sum(len({report.ride_id for report in batch}) for batch in batches) == len(copies)


def test_only_days_that_have_begun_are_made() -> None:
    made: list[str] = []

    def days():  # type: ignore[no-untyped-def]
        for day in PLAN.simulate():
            made.append(str(day.day))
            yield day

    timetable = Timetable(PLAN, days())
    timetable.take(find_midnight("2021-03-01") - 1)
    assert made == []
    timetable.take(find_midnight("2021-03-02") - 1)
    assert made == ["2021-03-01"]
