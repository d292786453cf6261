"""Figures beside those that decide: what is expected before labels come, and answers with and without the distance."""

import numpy as np
import pandas as pd
import pytest

from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.evaluated import find_evaluated
from ride_duration.pipelines.monitoring.report import write_report
from ride_duration.pipelines.monitoring.verdict_text import summarise_verdict
from tests.pipelines.monitoring.test_window_verdict import NO_DRIFT, RIDES
from tests.support.monitoring import find_verdict, monitored, partitions, scored_month

ASKED = monitored(window="2021-03")


def test_the_error_of_rides_without_a_report_is_estimated() -> None:
    trips = scored_month("2021-03", rides=RIDES)
    awaited = trips["lpep_pickup_datetime"].dt.day >= 25
    trips.loc[awaited, "actual_duration"] = np.nan
    sums = sum_days(partitions(trips), ASKED)
    verdict = find_verdict(sums, NO_DRIFT, ASKED)
    expected = trips.loc[awaited, "expected_squared_error_without_distance"]
    assert verdict["expected"]["rides"] == awaited.sum() == 7 * RIDES
    value, low, high = verdict["expected"]["rmse"]
    assert value == pytest.approx(np.sqrt(expected.mean()), abs=1e-4)
    assert low < value < high
    sentence = f"Estimate: RMSE {value:.3f} min ({low:.3f} to {high:.3f}) for {7 * RIDES:,} rides"
    for text in (summarise_verdict(verdict), write_report(verdict, sums, NO_DRIFT, find_evaluated(sums, ASKED), ASKED)):
        assert sentence in text
        assert "It cannot see concept drift" in text


def test_an_estimate_does_not_see_slower_streets_and_needs_an_error_model() -> None:
    trips = scored_month("2021-03", rides=RIDES)
    trips.loc[trips["lpep_pickup_datetime"].dt.day >= 25, "actual_duration"] = np.nan
    slower = trips.assign(actual_duration=1.3 * trips["actual_duration"])
    both = [find_verdict(sum_days(partitions(one), ASKED), NO_DRIFT, ASKED)["expected"] for one in (trips, slower)]
    assert both[0] == both[1]
    nothing = trips.drop(columns="expected_squared_error_without_distance")
    verdict = find_verdict(sum_days(partitions(nothing), ASKED), NO_DRIFT, ASKED)
    assert verdict["expected"] is None
    assert "Estimate" not in summarise_verdict(verdict)


def test_nothing_is_estimated_where_every_duration_is_known() -> None:
    sums = sum_days(partitions(scored_month("2021-03", rides=RIDES)), ASKED)
    assert find_verdict(sums, NO_DRIFT, ASKED)["expected"] is None


def test_answers_with_and_without_the_distance_stand_side_by_side() -> None:
    trips = scored_month("2021-03", rides=RIDES)
    trips["predicted_duration"] = (trips["predicted_duration"] + trips["actual_duration"]) / 2
    sums = sum_days(partitions(trips), ASKED)
    verdict = find_verdict(sums, NO_DRIFT, ASKED)
    moments = verdict["moments"]
    assert set(moments) == {"with_distance", "at_request_time"}
    assert set(moments["with_distance"]) == {"rides", "rmse", "mae", "bias", "level", "coverage"}
    assert moments["at_request_time"]["rmse"] == verdict["figures"]["rmse"]
    assert moments["with_distance"]["rmse"][0] == pytest.approx(verdict["figures"]["rmse"][0] / 2, rel=1e-3)
    summary, page = (
        summarise_verdict(verdict),
        write_report(verdict, sums, NO_DRIFT, find_evaluated(sums, ASKED), ASKED),
    )
    assert f"Answers with distance, {31 * RIDES:,} rides:" in summary
    assert f"{moments['with_distance']['rmse'][0]:.3f}" in summary
    assert "With and without the metered distance" in page


def test_one_moment_alone_is_not_compared() -> None:
    trips = scored_month("2021-03", rides=RIDES)
    alone = trips.drop(columns=[name for name in trips if "without" in name])
    verdict = find_verdict(sum_days(partitions(alone), ASKED), NO_DRIFT, ASKED)
    assert verdict["moments"] == {}
    assert "Answers with distance," not in summarise_verdict(verdict)


def test_a_verdict_of_a_former_program_is_shown_again() -> None:
    verdict = find_verdict(sum_days(partitions(scored_month("2021-03", rides=RIDES)), ASKED), NO_DRIFT, ASKED)
    former = {name: value for name, value in verdict.items() if name not in ("expected", "moments", "drifted_in")}
    assert "Data drift: none" in summarise_verdict(former)
    assert "Data drift: hour, weekday\n" in summarise_verdict(former | {"drifted": ["hour", "weekday"]})
    newer = summarise_verdict(verdict | {"drifted": ["hour", "weekday"]})
    assert "Data drift: hour, weekday (2 of the last 3 weeks)\n" in newer


def test_the_next_command_names_its_environment() -> None:
    trips = scored_month("2021-03", rides=RIDES, level=1.12)
    of_tlc = monitored(window="2021-03", environment="tlc")
    sums = sum_days(partitions(trips), of_tlc)
    assert "`kedro run --env tlc --params=train_data=" in find_verdict(sums, NO_DRIFT, of_tlc)["next"]
    assert "--env" not in find_verdict(sums, NO_DRIFT, ASKED)["next"]


def test_sums_of_a_former_program_are_evaluated() -> None:
    sums = sum_days(partitions(scored_month("2021-03", rides=RIDES)), ASKED)
    former = pd.DataFrame(sums.drop(columns=["awaited", "awaited_expected"]))
    assert find_verdict(former, NO_DRIFT, ASKED)["expected"] is None
