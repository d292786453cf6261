"""Reports that stop are said, and nothing is said to be ok."""

from __future__ import annotations

import pytest

from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.label_delays import summarise_labels
from ride_duration.pipelines.monitoring.logged_evidence import note_day_states, read_logged_evidence
from ride_duration.store.monitoring import DayState, set_states
from ride_duration.trips.clock import find_midnight
from tests.pipelines.monitoring.test_window_verdict import NO_DRIFT
from tests.support.logged_rides import LogWriter, make_log, open_store, run_increment
from tests.support.monitoring import CONFIGURED, find_verdict, monitored


def test_where_reports_stop_nothing_is_said_to_be_ok(store_url: str) -> None:
    store = open_store(store_url, "green")
    writer = LogWriter(store_url)
    log = make_log("green", first="2021-03-01", days=28, rides=60)
    stop = find_midnight("2021-03-18") + 6 * 3600
    writer.write([one.record for one in log if not hasattr(one.record, "actual_id") or one.at < stop])
    run_increment(store)
    thresholds = CONFIGURED["verdict_thresholds"] | {"min_rides": 100, "log_level": 0.5, "min_rides_of_a_day": 20}
    asked = monitored(window="2021-03-01..2021-03-28", verdict_thresholds=thresholds)
    evidence = read_logged_evidence(store, asked)
    states = note_day_states(evidence)
    set_states(store.engine, store.model, states)
    assert list(states.values()) == [DayState.FINAL] * 17 + [DayState.INCOMPLETE] * 11
    figures = summarise_labels(evidence, asked)
    assert figures["labelled"] == pytest.approx(17.2 / 28, abs=0.04)
    assert (figures["final"], figures["incomplete"]) == (17, 11)
    verdict = find_verdict(sum_days({}, asked, evidence), NO_DRIFT, asked, figures)
    assert verdict["verdict"] != "ok"
    assert verdict["figures"]["labelled"] == [figures["labelled"]] * 3
    named = "2021-03-18 to 2021-03-28: fewer actual durations than usual are reported"
    assert named in verdict["missing"]
    writer.close()
    store.close()
