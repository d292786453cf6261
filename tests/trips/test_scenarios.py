"""Trouble in the simulated city: what happens, from when to when, and what stays the same."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ride_duration.errors import RideDurationError
from ride_duration.trips.simulation import CommonEffects, Kind, Scenario, default_city, simulate_days, simulate_month
from ride_duration.trips.simulation.days_of_rides import DayOfRides
from ride_duration.trips.simulation.ground import MANHATTAN
from ride_duration.trips.simulation.scenarios import BROKEN_BOROUGH, NEW_ZONE
from ride_duration.trips.zones import zones

EFFECTS = CommonEffects(0.04, 0.3)
ORIGIN, FIRST, END = np.datetime64("2021-01-20"), 8, 16
BOROUGH = np.array([zones()[zone].borough if zone in zones() else "" for zone in range(266)])


def make(scenario: Scenario | None, days: int = 28) -> list[DayOfRides]:
    return list(simulate_days(ORIGIN, days, default_city(), 3, EFFECTS, scenario))


@pytest.fixture(scope="module")
def quiet() -> list[DayOfRides]:
    return make(None)


def place(kind: Kind, strength: float, end: int | None = END) -> Scenario:
    return Scenario.begin_at(ORIGIN, kind, FIRST, end, strength)


def test_days_are_those_of_the_months(quiet: list[DayOfRides]) -> None:
    month = simulate_month("2021-01", default_city(), 3, EFFECTS).to_pandas()
    assert [one.day for one in quiet] == [*(ORIGIN + np.arange(28))]
    for one in quiet[:12]:
        rows = month[month["lpep_pickup_datetime"].dt.date == one.day.astype(object)]
        assert len(one.ride) == len(rows)
        assert one.trip_distance.sum() == pytest.approx(rows["trip_distance"].sum())
        minutes = (rows["lpep_dropoff_datetime"] - rows["lpep_pickup_datetime"]).dt.total_seconds() / 60
        assert one.duration.sum() == pytest.approx(minutes.sum())
        assert (np.diff(one.pickup_datetime.astype(np.int64)) >= 0).all()


def test_a_month_by_itself_equals_the_same_month_among_others() -> None:
    alone = simulate_month("2021-02", default_city(), 3, EFFECTS)
    simulate_month("2021-01", default_city(), 3, EFFECTS)
    assert simulate_month("2021-02", default_city(), 3, EFFECTS).equals(alone)


@pytest.mark.parametrize("kind", list(Kind))
def test_other_days_stay_the_same(quiet: list[DayOfRides], kind: Kind) -> None:
    for number, (now, then) in enumerate(zip(make(place(kind, 0.5)), quiet, strict=True)):
        same = len(now.ride) == len(then.ride) and all(
            np.array_equal(*pair) for pair in zip(now[1:], then[1:], strict=True)
        )
        assert same == (not FIRST <= number < END), number


def ratios(kind: Kind, strength: float, quiet: list[DayOfRides]) -> pd.Series:
    """Median duration of each day by that of the same day without trouble."""
    pairs = zip(make(place(kind, strength, None)), quiet, strict=True)
    return pd.Series([np.median(now.duration) / np.median(then.duration) for now, then in pairs])


def test_speed_limit_slows_all_rides_at_once_and_winter_by_and_by(quiet: list[DayOfRides]) -> None:
    limit, winter = ratios(Kind.SPEED_LIMIT, 0.2, quiet), ratios(Kind.WINTER, 0.2, quiet)
    assert limit[FIRST:].to_numpy() == pytest.approx(1.2, abs=0.06)
    assert winter[FIRST + 13 :].to_numpy() == pytest.approx(1.2, abs=0.06)
    assert winter[FIRST : FIRST + 5].mean() == pytest.approx(1 + 0.2 * 3 / 14, abs=0.03)


def test_demand_moves_out_of_manhattan_by_its_strength(quiet: list[DayOfRides]) -> None:
    def share(days: list[DayOfRides]) -> float:
        zone = np.concatenate([one.pickup_zone for one in days[FIRST:END]])
        return float((BOROUGH[zone] == MANHATTAN).mean())

    before = share(quiet)
    assert share(make(place(Kind.DEMAND_SHIFT, 1.0))) == pytest.approx(before / (before + 2 * (1 - before)), abs=0.04)


def test_a_zone_without_rides_gets_its_share(quiet: list[DayOfRides]) -> None:
    days = make(place(Kind.NEW_ZONE, 0.1))
    there = [float((one.dropoff_zone == NEW_ZONE + 1).mean()) for one in days]
    assert np.mean(there[FIRST:END]) == pytest.approx(0.1, abs=0.01)
    assert max(there[:FIRST]) < 0.003
    assert zones()[NEW_ZONE + 1].name == "Willets Point"


def test_meters_of_one_borough_run_fast(quiet: list[DayOfRides]) -> None:
    for now, then in list(zip(make(place(Kind.BROKEN_METER, 0.5)), quiet, strict=True))[FIRST:END]:
        medians = [
            [np.median(one.duration[(BOROUGH[one.pickup_zone] == BROKEN_BOROUGH) == broken]) for one in (now, then)]
            for broken in (True, False)
        ]
        assert medians[0][0] / medians[0][1] == pytest.approx(1.5, abs=0.05)
        assert medians[1][0] == medians[1][1]


def test_doubled_records_are_the_same_ride_and_silence_is_no_record(quiet: list[DayOfRides]) -> None:
    doubled = make(place(Kind.DOUBLED_RECORDS, 0.5))
    for now, then in list(zip(doubled, quiet, strict=True))[FIRST:END]:
        assert len(now.ride) / len(then.ride) == pytest.approx(1.5, abs=0.05)
        assert now.ride[-1] == then.ride[-1]
        twice = np.flatnonzero(np.diff(now.ride) == 0)
        assert all((column[twice] == column[twice + 1]).all() for column in now[1:])
    silent = make(place(Kind.SILENT_SOURCE, 1.0))
    assert [len(one.ride) == 0 for one in silent] == [FIRST <= number < END for number in range(28)]


def test_an_unknown_scenario_is_refused_by_name() -> None:
    with pytest.raises(RideDurationError, match="unknown scenario 'flood'; choose one of speed_limit, winter"):
        Scenario.begin_at(ORIGIN, "flood", 0, None, 0.1)


def test_rides_of_a_village_without_records_are_empty_days() -> None:
    city = default_city()
    nobody = tuple((0.0,) * 24 for _ in range(7))
    fleets = [
        dataclasses.replace(fleet, demand=dataclasses.replace(fleet.demand, rides=nobody))
        for fleet in (city.hailed, city.dispatched)
    ]
    empty = dataclasses.replace(city, hailed=fleets[0], dispatched=fleets[1])
    days = list(simulate_days(ORIGIN, 3, empty, 1, EFFECTS))
    assert [len(one.ride) for one in days] == [0, 0, 0]
