"""A change that somebody has accepted is what days are compared with, of that version and from that day on."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.pipelines.monitoring.acceptance import Accepted, compare_with
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.evaluated import find_evaluated
from ride_duration.pipelines.monitoring.report import write_report
from ride_duration.pipelines.monitoring.verdict import Verdict, decide
from ride_duration.pipelines.monitoring.verdict_text import summarise_verdict
from ride_duration.store.monitoring import REBASE, DecisionRow, Finding
from tests.pipelines.monitoring.test_window_verdict import NO_DRIFT, RIDES, scored_by
from tests.support.daily_sums import THRESHOLDS, sums_of
from tests.support.monitoring import find_verdict, monitored, partitions, scored_month
from tests.support.packages import package

QUIET = np.tile([0.02, -0.02, 0.01, -0.01], 7)
ASKED = monitored(window="2021-03")


def accept(offer: dict[str, Any] | None, version: int = 1) -> list[DecisionRow]:
    assert offer is not None
    return [DecisionRow(version, REBASE, 1_617_000_000.0, "Ana", "the limit <stays>", offer)]


@settings(max_examples=30, deadline=None)
@given(level=st.floats(0.7, 1.5), spread=st.floats(0.8, 1.5), first=st.integers(0, 27))
def test_days_as_they_were_accepted_are_neither_slow_nor_wrong(level: float, spread: float, first: int) -> None:
    days = sums_of(np.log(level) + QUIET, spread=spread)
    covered = days.select(np.arange(28) >= first)
    ratio = covered.corrected_error_ratio
    accepted = Accepted(days.day[first], covered.level, ratio, {}, "Ana", "why", 0.0)
    compared = compare_with(days, [accepted])
    after = compared.select(np.arange(28) >= first)
    assert after.level == pytest.approx(1)
    assert after.error_ratio == pytest.approx(1)
    for before, same in zip(days, compared, strict=True):
        assert (before[:first] == same[:first]).all()
    undone = compare_with(compared, [accepted._replace(level=1 / covered.level, error_ratio=1 / ratio)])
    for before, same in zip(days, undone, strict=True):
        np.testing.assert_allclose(before.astype(float), same.astype(float), rtol=1e-6)


def test_a_movement_that_was_accepted_is_where_its_sums_begin_again() -> None:
    days = sums_of(QUIET + np.where(np.arange(28) >= 20, 0.09, 0.0))
    nothing = np.zeros(28, dtype=bool)
    assert decide(days, nothing, (), (), THRESHOLDS).finding == Finding.WATCH
    accepted = Accepted(days.day[20], float(np.exp(0.09)), 1.0, {}, "Ana", "why", 0.0)
    compared = compare_with(days, [accepted])
    found = decide(compared, nothing, (), (), THRESHOLDS, accepted_since=accepted.since)
    assert found.finding == Finding.OK
    further = compare_with(sums_of(QUIET + np.where(np.arange(28) >= 20, 0.18, 0.0)), [accepted])
    assert decide(further, nothing, (), (), THRESHOLDS, accepted_since=accepted.since).finding == Finding.WATCH


@cache
def sum_march(level: float, version: int = 1) -> pd.DataFrame:
    return sum_days(partitions(scored_month("2021-03", version=version, rides=RIDES, level=level)), ASKED)


def evaluate_march(level: float, decisions: list[DecisionRow], version: int = 1) -> dict[str, Any]:
    return find_verdict(sum_march(level, version), NO_DRIFT, ASKED, decisions=decisions)


def test_an_accepted_level_is_right_for_that_version_and_a_further_change_is_found() -> None:
    before = evaluate_march(1.12, [])
    assert (before["verdict"], before["accepted"]) == ("retrain", None)
    assert before["offer"]["since"] == "2021-03-04"
    assert before["offer"]["level"] == pytest.approx(1.12, abs=0.03)
    decisions = accept(before["offer"])
    after = evaluate_march(1.12, decisions)
    assert (after["verdict"], after["cause"], after["offer"]) == ("ok", "none", None)
    assert "than accepted (within 5.1%)" in after["reasons"][0]
    assert after["figures"]["level"] == before["figures"]["level"], "figures stay as they are"
    said = "by Ana because: the limit <stays>"
    assert f"accepted on 2021-03-29 {said}" in summarise_verdict(after)
    sums = sum_march(1.12)
    page = write_report(after, sums, NO_DRIFT.iloc[:0], find_evaluated(sums, ASKED), ASKED)
    assert "accepted on 2021-03-29 by Ana because: the limit &lt;stays&gt;" in page

    again = evaluate_march(1.12 * 1.12, decisions)
    assert (again["verdict"], again["cause"]) == ("retrain", "level")
    assert again["offer"]["level"] == pytest.approx(1.25, abs=0.04)
    both = [*accept(again["offer"]), *decisions]  # at one time, on a clock that stands still: the newest first
    assert evaluate_march(1.12 * 1.12, both)["verdict"] == "ok"
    assert evaluate_march(1.12 * 1.12, both[::-1])["verdict"] == "retrain", "the older came later"
    newer = DecisionRow(1, REBASE, decisions[0].at + 1, "Ana", "why", again["offer"])
    assert evaluate_march(1.12 * 1.12, [newer, *decisions])["verdict"] == "ok"

    assert evaluate_march(1.12, decisions, version=2)["verdict"] == "retrain"
    for other in ({"evidence": "log"}, {"moment": "with_distance"}, {"since": "2021-04-01"}):
        assert evaluate_march(1.12, accept(before["offer"] | other))["verdict"] == "retrain", other
    assert evaluate_march(1.0, [])["offer"] is None


def test_accepted_rides_are_no_drift_and_other_rides_again_are() -> None:
    trips = scored_month("2021-03", rides=RIDES, DOLocationID=1)
    scores, asked = scored_by(package(), trips)
    sums = sum_days(partitions(trips), asked)
    before = find_verdict(sums, scores, asked)
    assert (before["verdict"], before["cause"]) == ("watch", "data")  # some distances contradict the zones
    assert (before["offer"]["level"], before["offer"]["error_ratio"]) == (1.0, 1.0)
    assert sorted(before["offer"]["rides"]) == sorted(before["drifted"])
    decisions = accept(before["offer"])
    after = find_verdict(sums, scores, asked, decisions=decisions)
    assert (after["verdict"], after["drifted"]) == ("ok", [])
    assert "other rides (" in summarise_verdict(after)

    elsewhere, _ = scored_by(package(), scored_month("2021-03", rides=RIDES, DOLocationID=265 - 9))
    assert "dropoff_x" in find_verdict(sums, elsewhere, asked, decisions=decisions)["drifted"]
    assert isinstance(elsewhere, pd.DataFrame)


def test_an_exploratory_verdict_neither_offers_a_change_nor_follows_one() -> None:
    sums = sum_march(1.12)
    looked_at = monitored(window="2021-03", why_exploratory="its window is not last_28d")
    alone = find_verdict(sums, NO_DRIFT, looked_at)
    assert (alone["verdict"], alone["offer"]) == ("retrain", None)
    decisions = accept(find_verdict(sums, NO_DRIFT, ASKED)["offer"])
    found = find_verdict(sums, NO_DRIFT, looked_at, decisions=decisions)
    assert (found["verdict"], found["accepted"], found["offer"]) == ("retrain", None, None)
    note = "changes that were accepted: they hold for official verdicts alone"
    assert note in found["missing"]
    assert note not in alone["missing"]
    assert "than predicted" in found["reasons"][0]


def test_days_that_are_marked_are_not_in_what_is_offered() -> None:
    trips = scored_month("2021-03", rides=RIDES, level=1.12)
    late = trips["lpep_pickup_datetime"].dt.day > 26
    trips.loc[late, "actual_duration"] *= 1.2
    sums = sum_days(partitions(trips), ASKED)
    marked = tuple((f"2021-03-{day}", "Ana", "meters") for day in range(27, 32))
    asked = monitored(window="2021-03", marked=marked)
    found = find_verdict(sums, NO_DRIFT, asked)
    assert (found["verdict"], found["cause"]) == ("retrain", "level")
    assert found["offer"]["level"] == pytest.approx(1.12, abs=0.03)
    after = find_verdict(sums, NO_DRIFT, asked, decisions=accept(found["offer"]))
    assert (after["verdict"], after["offer"]) == ("ok", None)


def test_days_without_reports_are_neither_accepted_nor_passed_over() -> None:
    days, nothing = sums_of(np.log(1.12) + QUIET), np.zeros(28, dtype=bool)
    accepted = Accepted(days.day[0], days.level, 1.0, {}, "Ana", "why", 0.0)

    def decide_without(*lacking: int) -> Verdict:
        late = np.isin(np.arange(28), lacking)
        known = days._replace(labelled=np.where(late, 0.0, days.labelled))
        compared = compare_with(known, [accepted])
        return decide(compared, nothing, (), (), THRESHOLDS, lacking=late, accepted_since=accepted.since)

    assert decide_without().finding == Finding.OK
    between = decide_without(5, 6, 20)
    assert between.finding == Finding.OK
    assert "than accepted" in between.reasons[0]
    newest = decide_without(26, 27)
    assert newest.finding == Finding.INSUFFICIENT
    assert "2 days since 2021-02-27" in newest.reasons[0]
