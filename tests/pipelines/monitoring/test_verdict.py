import numpy as np
import pytest
from numpy.typing import NDArray

from ride_duration.pipelines.monitoring.evidence import DailySums
from ride_duration.pipelines.monitoring.verdict import Verdict, decide
from ride_duration.store.monitoring import Cause, Finding
from tests.support.daily_sums import THRESHOLDS, sums_of

QUIET = np.tile([0.02, -0.02, 0.01, -0.01], 7)


def verdict(days: DailySums, incidents: NDArray[np.bool_] | None = None, **given: object) -> Verdict:
    """Decide about days of which none is an incident, and whose rides have not changed."""
    none = np.zeros(len(days.day), dtype=bool)
    arguments = {"drifted": (), "missing": (), "thresholds": THRESHOLDS} | given
    return decide(days, none if incidents is None else incidents, **arguments)  # type: ignore[arg-type]


def test_quiet_days_are_ok() -> None:
    found = verdict(sums_of(QUIET))
    assert (found.finding, found.cause) == (Finding.OK, Cause.NONE)
    assert "2021-02-15 to 2021-02-28: rides take 0.0% longer" in found.reasons[0]


@pytest.mark.parametrize("shift", [0.09, -0.09])
def test_a_level_that_stays_off_calls_for_retraining(shift: float) -> None:
    found = verdict(sums_of(QUIET + shift))
    assert (found.finding, found.cause) == (Finding.RETRAIN, Cause.LEVEL)
    assert ("longer" if shift > 0 else "shorter") in found.reasons[0]
    assert "beyond 5.1%" in found.reasons[0]


def test_errors_that_stay_large_at_the_right_level_are_a_matter_of_structure() -> None:
    found = verdict(sums_of(QUIET, spread=1.15))
    assert (found.finding, found.cause) == (Finding.RETRAIN, Cause.STRUCTURE)
    assert found.gain == pytest.approx(1 - 1 / 1.15, abs=0.01)
    assert "retraining is expected to save 13." in found.reasons[-1]


def test_one_window_beyond_is_watched() -> None:
    days = QUIET.copy()
    days[14:] += 0.08
    assert verdict(sums_of(days)).finding == Finding.WATCH


def test_a_gain_too_small_is_not_worth_a_retraining() -> None:
    assert verdict(sums_of(QUIET + 0.055, expected=1.8, spread=1.2)).finding == Finding.WATCH


def test_a_package_without_an_error_model_is_judged_by_its_level() -> None:
    found = verdict(sums_of(QUIET + 0.09, expected=np.nan))
    assert (found.finding, found.cause) == (Finding.RETRAIN, Cause.LEVEL)
    assert found.gain > 0.02


def test_a_level_that_was_off_by_as_much_a_year_before_is_the_season() -> None:
    year_before = sums_of(QUIET + 0.08, first="2020-02-03")
    found = verdict(sums_of(QUIET + 0.09), year_before=year_before)
    assert (found.finding, found.cause) == (Finding.RETRAIN, Cause.SEASON)


def test_too_few_labels_are_said_to_be_too_few() -> None:
    for days in (sums_of(QUIET[:13]), sums_of(QUIET, rides=60.0), sums_of(QUIET, rides=10.0)):
        found = verdict(days)
        assert (found.finding, found.cause) == (Finding.INSUFFICIENT, Cause.NONE)
        assert "20,000 rides are needed" in found.reasons[0]


def test_a_few_broken_days_count_neither_way() -> None:
    days = QUIET.copy()
    days[5:9] = 0.7
    broken = np.zeros(28, dtype=bool)
    broken[5:9] = True
    assert verdict(sums_of(days)).finding != Finding.OK
    assert verdict(sums_of(days), broken).finding == Finding.OK


@pytest.mark.parametrize("broken", [range(4, 12), [27]])
def test_many_broken_days_or_the_last_one_are_an_incident(broken: list[int]) -> None:
    incidents = np.isin(np.arange(28), [*broken])
    found = verdict(sums_of(QUIET), incidents)
    assert (found.finding, found.cause) == (Finding.INCIDENT, Cause.DATA)


def test_other_rides_alone_are_watched_and_never_retrained() -> None:
    found = verdict(sums_of(QUIET), drifted=("pickup_x", "hour"))
    assert (found.finding, found.cause) == (Finding.WATCH, Cause.MIX)
    assert "pickup_x, hour" in found.reasons[0]
    found = verdict(sums_of(QUIET), drifted=("trip_distance",), missing=("trip_distance",))
    assert (found.finding, found.cause) == (Finding.WATCH, Cause.DATA)


def test_a_level_that_moves_is_seen_before_a_window_is_over() -> None:
    days = QUIET.copy()
    days[22:] += 0.09
    found = verdict(sums_of(days))
    assert (found.finding, found.cause) == (Finding.WATCH, Cause.LEVEL)
    assert "beyond the limit since 2021-02-2" in found.reasons[0]


def test_a_fortnight_of_which_little_is_known_is_not_said_to_be_ok() -> None:
    sums = sums_of(np.tile(QUIET, 2)[:31], spread=1.5)
    known = np.isin(np.arange(31), [*range(17), 19, 21, 23, 25, 27, 30])
    found = verdict(sums._replace(labelled=np.where(known, sums.labelled, 0.0)))
    assert found.finding == Finding.INSUFFICIENT
    assert "in 0 of 2 windows of 14 days" in found.reasons[0]


def test_good_months_before_do_not_hide_what_the_last_fortnights_show() -> None:
    spread = np.ones(196)
    spread[-28:] = 1.1
    found = verdict(sums_of(np.tile(QUIET, 7), spread=spread))
    assert (found.finding, found.cause) == (Finding.RETRAIN, Cause.STRUCTURE)
    assert found.gain == pytest.approx(1 - 1 / 1.1, abs=0.01)


def test_a_level_that_swings_both_ways_does_not_last() -> None:
    days = QUIET.copy()
    days[:14] += 0.12
    days[14:] -= 0.10
    assert verdict(sums_of(days, expected=1.3)).finding == Finding.WATCH


def test_the_cause_is_that_of_the_part_which_is_beyond() -> None:
    spread = np.ones(28)
    spread[:14] = 1.15
    found = verdict(sums_of(QUIET, spread=spread))
    assert (found.finding, found.cause) == (Finding.WATCH, Cause.STRUCTURE)


def test_an_incident_goes_on_until_a_labelled_day_says_otherwise() -> None:
    sums = sums_of(QUIET)
    sums = sums._replace(labelled=np.where(np.arange(28) == 27, 0.0, sums.labelled))
    assert verdict(sums, np.arange(28) == 26).finding == Finding.INCIDENT


@pytest.mark.parametrize("known", [14, 21, 27])
def test_days_that_should_be_known_and_are_not_leave_no_verdict(known: int) -> None:
    sums = sums_of(QUIET)
    sums = sums._replace(labelled=np.where(np.arange(28) < known, sums.labelled, 0.0))
    overdue = np.arange(28) >= known
    found = verdict(sums, lacking=overdue)
    assert (found.finding, found.cause) == (Finding.INSUFFICIENT, Cause.NONE)
    assert f"{28 - known} days since {sums.day[known]}: fewer actual durations than usual" in found.reasons[0]
    assert verdict(sums).finding == Finding.OK, "as long as their time is not over"


def test_days_that_are_lacking_before_known_ones_are_left_out() -> None:
    sums = sums_of(QUIET)
    lacking = np.isin(np.arange(28), [20, 21])
    found = verdict(sums._replace(labelled=np.where(lacking, 0.0, sums.labelled)), lacking=lacking)
    assert found.finding == Finding.OK
    assert "2021-02-15 to 2021-02-28" in found.reasons[0]
