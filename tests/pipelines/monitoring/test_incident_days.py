"""Days on which something broke: what is found in daily sums, and how it is said."""

import numpy as np
import pandas as pd
import pytest

from ride_duration.pipelines.monitoring.daily_sums import ALL, LACKING, find_silent_hours, select_checks, sum_days
from ride_duration.pipelines.monitoring.incident_days import (
    Incident,
    compare_groups,
    describe_incidents,
    find_incidents,
)
from ride_duration.pipelines.monitoring.verdict_text import summarise_verdict
from tests.support.daily_sums import sums_of
from tests.support.monitoring import find_verdict, monitored, partitions, scored_month

NO_DRIFT = pd.DataFrame({name: [] for name in ("feature", "beyond", "missing", "missing_in_reference")})
RIDES = 900
DAY = np.datetime64("2021-03-20")


def found(*months: pd.DataFrame) -> list[Incident]:
    asked = monitored(window="2021-03")
    sums = sum_days(partitions(*months), asked)
    return find_incidents(sums, asked, 1, "at_request_time", "2021-02-01", "2021-03-31")


def on(trips: pd.DataFrame, first: int, last: int = 31) -> pd.Series:
    return trips["lpep_pickup_datetime"].dt.day.between(first, last)


@pytest.fixture(scope="module")
def february() -> pd.DataFrame:
    return scored_month("2021-02", rides=RIDES)


def test_quiet_months_have_no_incidents(february: pd.DataFrame) -> None:
    assert found(february, scored_month("2021-03", rides=RIDES)) == []


def test_a_group_that_is_far_from_the_others_is_named(february: pd.DataFrame) -> None:
    trips = scored_month("2021-03", rides=RIDES)
    manhattan = trips["PULocationID"].isin([74, 75])
    trips.loc[on(trips, 20, 22) & manhattan, "actual_duration"] *= 1.3
    incidents = found(february, trips)
    assert {(incident.kind, str(incident.day)) for incident in incidents} == {
        ("group", f"2021-03-{day}") for day in (20, 21, 22)
    }
    assert "from Manhattan took 1.3" in " ".join(describe_incidents(incidents))


def test_repeated_records_are_an_incident_where_they_are_more_than_usual(february: pd.DataFrame) -> None:
    trips = scored_month("2021-03", rides=RIDES)
    twice = pd.concat([trips, trips[on(trips, 30)].iloc[::20]], ignore_index=True)
    incidents = found(february, twice)
    assert [(incident.kind, str(incident.day)) for incident in incidents] == [
        ("doubled", "2021-03-30"), ("doubled", "2021-03-31"),
    ]  # fmt: skip
    assert describe_incidents(incidents) == [
        "2021-03-30 to 2021-03-31, 2 days: on the last, 4.8% of the records repeat another one"
    ]
    few = pd.concat([trips, trips[on(trips, 30)].iloc[::200]], ignore_index=True)
    assert found(february, few) == []


def test_records_out_of_range_are_an_incident(february: pd.DataFrame) -> None:
    trips = scored_month("2021-03", rides=RIDES)
    trips.loc[on(trips, 20, 20), "DOLocationID"] = 264
    trips.loc[on(trips, 21, 21), "actual_duration"] = np.nan
    assert [(incident.kind, str(incident.day)[-2:]) for incident in found(february, trips)] == [
        ("out_of_range", "20"), ("unreported", "21"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value"),
    [("PULocationID", "pick-up zone"), ("DOLocationID", "drop-off zone"), ("trip_distance", "distance")],
)
def test_a_column_that_loses_its_values_is_an_incident_as_long_as_it_lasts(
    february: pd.DataFrame, column: str, value: str
) -> None:
    trips = scored_month("2021-03", rides=RIDES).astype({"PULocationID": float, "DOLocationID": float})
    lost = on(trips, 20) & (np.arange(len(trips)) % 4 == 0)
    trips.loc[lost, column] = np.nan
    incidents = [one for one in found(february, trips) if one.kind == "missing"]
    assert {(one.source, str(one.day)[-2:]) for one in incidents} == {(value, str(day)) for day in range(20, 32)}
    assert incidents[-1].text == f"25.0% of the records have no {value}"
    asked = monitored(window="2021-03", source="simulated")
    verdict = find_verdict(sum_days(partitions(february, trips), asked), NO_DRIFT, asked)
    assert (verdict["verdict"], verdict["cause"]) == ("incident", "data")
    assert f"2021-03-20 to 2021-03-31, 12 days: on the last, 25.0% of the records have no {value}" in verdict["broken"]


def test_what_records_have_never_had_or_rarely_lack_is_not_missing(february: pd.DataFrame) -> None:
    trips = scored_month("2021-03", rides=RIDES)
    trips.loc[on(trips, 20) & (np.arange(len(trips)) % 20 == 0), "trip_distance"] = np.nan
    assert found(february, trips) == []
    without = [month.assign(trip_distance=np.nan) for month in (february, trips)]
    assert found(*without) == []
    older = [month.drop(columns="trip_distance") for month in (february, trips)]
    assert found(*older) == []


def test_a_silent_source_is_an_incident_on_the_day_and_for_hours(february: pd.DataFrame) -> None:
    trips = scored_month("2021-03", rides=RIDES)
    hours = trips["lpep_pickup_datetime"].dt.hour
    heard = trips[~(on(trips, 20, 20) & hours.between(8, 11)) & ~on(trips, 25, 26)].reset_index(drop=True)
    incidents = found(february, heard)
    assert {(incident.kind, str(incident.day)[-2:]) for incident in incidents} == {
        ("silent", "20"), ("silent", "25"), ("silent", "26"),
    }  # fmt: skip
    assert incidents[0].text == "not one record for 4 hours"


def test_silence_that_goes_on_is_the_verdict(february: pd.DataFrame) -> None:
    trips = scored_month("2021-03", rides=RIDES)
    asked = monitored(window="2021-03", source="simulated")
    sums = sum_days(partitions(february, trips[~on(trips, 28)].reset_index(drop=True)), asked)
    verdict = find_verdict(sums, NO_DRIFT, asked)
    assert (verdict["verdict"], verdict["cause"]) == ("incident", "data")
    assert verdict["incidents"] == ["2021-03-28", "2021-03-29", "2021-03-30", "2021-03-31"]
    assert "2021-03-28 to 2021-03-31, 4 days: on the last, not one record for 24 hours" in summarise_verdict(verdict)


def test_a_few_broken_days_leave_the_verdict_to_the_others(february: pd.DataFrame) -> None:
    trips = scored_month("2021-03", rides=RIDES)
    trips.loc[on(trips, 10, 12), "actual_duration"] *= 1.6
    asked = monitored(window="2021-03", source="simulated")
    verdict = find_verdict(sum_days(partitions(february, trips), asked), NO_DRIFT, asked)
    assert (verdict["verdict"], len(verdict["incidents"])) == ("ok", 3)
    assert "2021-03-10 to 2021-03-12, 3 days" in verdict["broken"][0]


def test_rows_of_a_former_program_are_not_checked() -> None:
    asked = monitored(window="2021-03")
    sums = sum_days(partitions(scored_month("2021-03", rides=10)), asked)
    former = sums.drop(columns=["records", "doubled", "out_of_range", "silent_hours", "unreported"])
    assert select_checks(former, "2021-03-01", "2021-03-31").isna().all(axis=None)
    assert find_incidents(former, asked, 1, "at_request_time", "2021-03-01", "2021-03-31") == []


def test_days_before_the_first_record_are_not_silent() -> None:
    asked = monitored(window="2021-03")
    trips = scored_month("2021-03", rides=10)
    sums = sum_days(partitions(trips[on(trips, 10)].reset_index(drop=True)), asked)
    checks = select_checks(sums, "2021-02-01", "2021-03-31")
    assert checks["records"].first_valid_index() == pd.Timestamp("2021-03-10")


@pytest.mark.parametrize(("hours", "silent"), [(range(24), 0), ([0, 5, 23], 17), ([3], 20)])
def test_silent_hours(hours: list[int], silent: float) -> None:
    assert find_silent_hours(["2021-03-01"], [hours]) == [silent]


def test_a_silence_across_midnight_is_one_silence_of_the_day_on_which_it_ends() -> None:
    until_ten, from_two = range(22), range(2, 24)
    assert find_silent_hours(["2021-02-28", "2021-03-01"], [until_ten, from_two]) == [2, 4]
    assert find_silent_hours(["2021-02-27", "2021-03-01"], [until_ten, from_two]) == [2, 2], (
        "the day between is unknown"
    )


def test_the_broken_one_of_several_groups_is_found_and_the_others_are_not() -> None:
    rng = np.random.default_rng(3)
    groups = np.exp(rng.normal(0, 0.03, (4, 60)))
    groups[0, 40:] *= 1.4
    groups[3, ::3] = np.nan  # few rides on some days
    found = compare_groups(groups, 0.15, 28)
    assert [(odd.day, odd.groups) for odd in found] == [(day, (0,)) for day in range(40, 60)]
    assert [odd.off for odd in found] == pytest.approx([1.4] * 20, abs=0.15)


def test_of_two_groups_nobody_can_say_which_one_is_off() -> None:
    groups = np.exp(np.random.default_rng(3).normal(0, 0.03, (3, 40)))
    groups[0, 30:] *= 1.5
    groups[2, 5:] = np.nan  # too few days to say what is usual
    found = compare_groups(groups, 0.15, 28)
    assert [(odd.day, odd.groups) for odd in found] == [(day, (0, 1)) for day in range(30, 40)]
    assert [odd.off for odd in found] == pytest.approx([1.5] * 10, abs=0.2)


def test_how_far_off_a_group_is_is_said_by_the_days_before() -> None:
    groups = np.ones((3, 40))
    groups[0, 30:] = 1.5
    whole, cut = (compare_groups(levels, 0.15, 28) for levels in (groups, groups[:, :31]))
    assert whole[0] == cut[0] == (30, (0,), 1.5)


def test_a_group_alone_is_compared_with_nothing() -> None:
    assert compare_groups(np.array([np.full(30, 2.0), np.full(30, np.nan)]), 0.15, 28) == []


@pytest.mark.parametrize("last", [10, 34, 35, 60])
def test_a_fault_that_is_not_repaired_stays_an_incident(last: int) -> None:
    days = pd.date_range("2021-01-01", periods=60 + last, freq="D")
    rng = np.random.default_rng(5)
    rows = []
    for name in (ALL, "from Bronx", "from Brooklyn", "from Queens"):
        broken = {ALL: 1.06, "from Brooklyn": 1.5}.get(name, 1.0)
        levels = np.exp(rng.normal(0, 0.02, len(days))) * np.where(np.arange(len(days)) >= 60, broken, 1.0)
        sums = sums_of(np.log(levels), first="2021-01-01")._asdict()
        rows.append(pd.DataFrame(sums | {"day": days, "slice": name}))
    table = pd.concat(rows).assign(
        version=1, variant="champion", moment="at_request_time", state="final", records=2_000.0, doubled=0.0,
        out_of_range=100.0, silent_hours=0.0, unreported=40.0, reports=2_000.0, **dict.fromkeys(LACKING, 0.0),
    )  # fmt: skip
    window = f"{days[-28].date()}..{days[-1].date()}"
    verdict = find_verdict(table, NO_DRIFT, monitored(window=window))
    assert (verdict["verdict"], verdict["cause"]) == ("incident", "data"), verdict["reasons"]
    assert "rides from Brooklyn took 1." in verdict["broken"][0]


def test_rides_that_are_not_reported_any_more_are_an_incident(february: pd.DataFrame) -> None:
    sums = sum_days(partitions(february, scored_month("2021-03", rides=RIDES)), monitored(window="2021-03"))
    late = sums["day"] >= "2021-03-25"
    sums.loc[late, "unreported"] = 0.9 * sums.loc[late, "records"]
    incidents = find_incidents(sums, monitored(window="2021-03"), 1, "at_request_time", "2021-02-01", "2021-03-31")
    assert {(one.kind, str(one.day)) for one in incidents} == {
        ("unreported", f"2021-03-{day}") for day in range(25, 32)
    }
    assert "90.0% of the rides have no valid actual duration" in incidents[0].text


def test_answers_that_are_not_the_packages_are_an_incident_as_long_as_it_lasts_and_never_usual(
    february: pd.DataFrame,
) -> None:
    trips = scored_month("2021-03", rides=RIDES)
    trips.loc[on(trips, 1, 20), "actual_duration"] *= 1.5
    asked = monitored(window="2021-03")
    sums = sum_days(partitions(february, trips), asked)
    skewed = sums["day"].astype(str).between("2021-03-01", "2021-03-20").to_numpy()
    probed = sums.assign(
        drawn=100.0, probed=100.0, differing=100.0 * skewed, largest_difference=np.where(skewed, 3.0, 0.0)
    )

    def find(sums: pd.DataFrame, **changed: object) -> list[tuple[str, int]]:
        asked = monitored(window="2021-03", **changed)
        incidents = find_incidents(sums, asked, 1, "at_request_time", "2021-02-01", "2021-03-31")
        return [(one.kind, int(str(one.day)[-2:])) for one in incidents]

    assert ("level", 25) in find(sums), "the level of the days before has become usual"
    assert find(probed) == [("skew", day) for day in range(1, 21)]
    marked = (("2021-03-05", "Ana", "another library"),)
    assert find(probed, marked=marked) == [("skew", day) for day in range(1, 21) if day != 5]
