"""Logged answers, scored again: a skew is found on its days, and none where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.errors import IntegrityError
from ride_duration.model_package import ModelPackage, Rides, SingleRides
from ride_duration.model_package.package import Answers
from ride_duration.pipelines.monitoring.alerts import describe_alerts
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.evaluated import find_evaluated
from ride_duration.pipelines.monitoring.incident_days import find_incidents
from ride_duration.pipelines.monitoring.logged_evidence import note_day_states, read_logged_evidence
from ride_duration.pipelines.monitoring.report import write_report
from ride_duration.pipelines.monitoring.skew import compute_differences, join_probe, probe_skew
from ride_duration.pipelines.monitoring.verdict_text import summarise_verdict
from ride_duration.store.log_records import ActualRecord, PredictionRecord
from ride_duration.store.monitoring import load_labels, set_states
from ride_duration.store.queries.sampled_answers import SampledAnswers
from ride_duration.trips.features import HALF_ZONE
from tests.pipelines.monitoring.test_window_verdict import NO_DRIFT
from tests.support.logged_rides import LogWriter, open_store, run_increment
from tests.support.monitoring import find_verdict, monitored, partitions, scored_month
from tests.support.packages import package

DAYS, RIDES = 3, 60
ASKED = monitored(window=f"2021-02-01..2021-02-0{DAYS}", verdict_thresholds={
    **monitored().verdict_thresholds.model_dump(), "min_rides_of_a_day": 5,
})  # fmt: skip


def write_log(store: MonitoredStore, served: ModelPackage, **changed: object) -> None:
    """Log what the service answers: with and without a distance, or one that no ride can have, or with unknown ends."""
    rng = np.random.default_rng(1)
    answer = SingleRides(served).answer
    records: list[PredictionRecord | ActualRecord] = []
    for number in range(DAYS * RIDES):
        when = datetime(2021, 2, 1) + timedelta(days=number // RIDES, seconds=int(rng.integers(86_400)))
        at = when.replace(tzinfo=UTC).timestamp() + 5 * 3600
        ends = (int(rng.integers(1, 264)), None if number % 9 == 0 else int(rng.integers(1, 264)))
        miles = (None, float(rng.uniform(0.5, 20)), 90_000.0)[number % 3]
        minutes = answer(*ends, when, miles)
        first = PredictionRecord(
            f"{number}-p", f"{number}", at, when, *ends, miles, *minutes, 1, "champion", 0.5, store.model, at
        )
        shadow = {"prediction_id": f"{number}-shadow", "variant": "shadow", "model_version": 2}
        records += [first, msgspec.structs.replace(first, **shadow)]
        received = at + 3600 + 60 * minutes.duration
        records.append(ActualRecord(f"{number}-a", f"{number}", received, minutes.duration * rng.uniform(0.8, 1.2)))
    writer = LogWriter(store._url)
    writer.write(records)
    writer.close()
    assert run_increment(store, {1: lambda: served}) == tuple(f"2021-02-0{day}" for day in range(1, DAYS + 1))
    set_states(store.engine, store.model, note_day_states(read_logged_evidence(store, ASKED)))


def sum_up(store: MonitoredStore) -> pd.DataFrame:
    return sum_days({}, ASKED, read_logged_evidence(store, ASKED))


def probe(store: MonitoredStore, *versions: int) -> pd.DataFrame:
    served = package()
    return probe_skew(read_logged_evidence(store, ASKED), dict.fromkeys(versions, lambda: served), ASKED)


@pytest.fixture
def store(store_url: str) -> Iterator[MonitoredStore]:
    opened = open_store(store_url, "green")
    write_log(opened, package())
    yield opened
    opened.close()


def change(store: MonitoredStore, sql: str) -> int:
    with store.engine.begin() as connection:
        return connection.execute(text(sql)).rowcount


def test_an_untouched_log_agrees_and_a_changed_one_is_an_incident_of_its_day(store: MonitoredStore) -> None:
    assert [(row["no_pickup_zone"], row["no_dropoff_zone"]) for row in load_labels(store.engine, store.model)] == [
        (0, 7), (0, 7), (0, 6),
    ]  # fmt: skip
    probed = probe(store, 1, 2)
    assert (probed["differing"] == 0).all()
    assert (probed.groupby("version")["probed"].sum() > DAYS * RIDES / 3).all()
    assert probed["largest_difference"].max() < 1e-5
    assert probe(store, 1, 2).equals(probed)
    sums, _ = join_probe(sum_up(store), probed)
    assert find_incidents(sums, ASKED, 1, "at_request_time", "2021-02-01", "2021-02-03") == []

    slower = "UPDATE predictions SET duration = duration + 1.5 WHERE model_version = 1 AND pickup_datetime"
    assert change(store, f"{slower} BETWEEN '2021-02-02' AND '2021-02-03'") == RIDES
    probed = probe(store, 1, 2)
    found = probed[probed["differing"] > 0]
    assert found[["day", "version"]].to_numpy().tolist() == [[pd.Timestamp("2021-02-02"), 1]]
    sums, _ = join_probe(sum_up(store), probed)
    (incident,) = find_incidents(sums, ASKED, 1, "at_request_time", "2021-02-01", "2021-02-03")
    assert (str(incident.day), incident.kind, incident.source) == ("2021-02-02", "skew", "version 1")
    number = int(found["probed"].iloc[0])
    assert f"{number} of {number} answers of version 1 differ" in incident.text
    assert "by up to 1.5 min" in incident.text
    verdict = find_verdict(sums, NO_DRIFT, ASKED)
    assert (verdict["verdict"], verdict["cause"]) == ("incident", "data")
    assert verdict["incidents"] == ["2021-02-02"]
    assert "what differs between the service and this package" in verdict["next"]
    for shown in (
        summarise_verdict(verdict),
        write_report(verdict, sums, NO_DRIFT.iloc[:0], find_evaluated(sums, ASKED), ASKED),
    ):
        assert f"2021-02-02: {incident.text}" in shown


@pytest.mark.parametrize(
    "column", ["dropoff_zone = 132", "trip_distance = 0.9", "pickup_datetime = '2021-02-01T03:00:00'"]
)
def test_a_changed_request_is_a_skew_as_well(store: MonitoredStore, column: str) -> None:
    changed = change(store, f"UPDATE predictions SET {column} WHERE pickup_datetime < '2021-02-02'")
    assert changed == 2 * RIDES
    probed = probe(store, 1, 2)
    assert set(probed[probed["differing"] > 0]["day"].astype(str)) == {"2021-02-01"}


def test_what_another_version_answered_is_found_and_what_is_not_registered_is_named(store: MonitoredStore) -> None:
    change(store, "UPDATE predictions SET duration = 7 WHERE variant = 'shadow'")
    probed = probe(store, 1, 2)
    assert set(probed[probed["differing"] > 0]["version"]) == {2}
    sums, _ = join_probe(sum_up(store), probed)
    evaluated = find_evaluated(sums, ASKED)
    assert (evaluated.version, evaluated.incidents) == (1, [])
    assert [(str(one.day)[-1], one.kind, one.source) for one in evaluated.of_others] == [
        (day, "skew", "version 2") for day in "123"
    ]
    verdict = find_verdict(sums, NO_DRIFT, ASKED)
    assert (verdict["verdict"], verdict["incidents"], verdict["broken"]) == ("insufficient", [], [])
    (skew,) = verdict["skew_of_others"]
    assert (skew["version"], skew["first"], skew["last"]) == ("version 2", "2021-02-01", "2021-02-03")
    said = f"Incident of version 2, not of version 1: {skew['broken'][0]}"
    assert "answers of version 2 differ from what its package says" in said
    assert said in summarise_verdict(verdict)
    assert said in write_report(verdict, sums, NO_DRIFT.iloc[:0], evaluated, ASKED)
    (alert,) = [one for one in describe_alerts(verdict, "page", ASKED)["alerts"] if one["name"] == "skew"]
    assert alert["what"] == "Answers of version 2 on green taxis differ from what the package says"

    a_day_ago = monitored(**dict(ASKED) | {"marked": (("2021-02-03", "Ana", "a test"),)})
    (skew,) = find_verdict(sums, NO_DRIFT, a_day_ago)["skew_of_others"]
    assert skew["last"] == "2021-02-02"

    probed = probe(store, 1)
    assert not probed["differing"].any()
    verdict = find_verdict(join_probe(sum_up(store), probed)[0], NO_DRIFT, ASKED)
    drawn = int(probed[probed["version"] == 2]["drawn"].sum())
    missing = f"{drawn} answers of version 2 scored again: its package is damaged, or not registered here"
    assert missing in verdict["missing"]
    assert [one["version"] for one in verdict["probed"]] == [1, 2]


def test_a_damaged_package_of_another_version_is_left_out(
    store: MonitoredStore, caplog: pytest.LogCaptureFixture
) -> None:
    served = package()

    def open_damaged() -> ModelPackage:
        raise IntegrityError("model.onnx of version 2 was changed")

    probed = probe_skew(read_logged_evidence(store, ASKED), {1: lambda: served, 2: open_damaged}, ASKED)
    assert probed[probed["version"] == 1]["probed"].sum() > 0
    assert probed[probed["version"] == 2]["drawn"].sum() > 0
    assert not probed[probed["version"] == 2]["probed"].any()
    assert "version 2 is looked at without its package: model.onnx of version 2 was changed" in caplog.text


class Unable(ModelPackage):
    """A package whose graphs give no number for rides without a distance."""

    def answer_columns(self, columns: dict[str, Any], *, intervals: bool = True) -> Answers:
        answers = super().answer_columns(columns, intervals=intervals)
        return answers._replace(duration=np.where(np.isnan(columns["trip_distance"]), np.nan, answers.duration))


def test_an_answer_that_is_not_a_number_any_more_is_a_skew(store: MonitoredStore) -> None:
    served = Unable(package().contents)
    probed = probe_skew(read_logged_evidence(store, ASKED), {1: lambda: served}, ASKED)
    assert np.isinf(probed[probed["version"] == 1]["largest_difference"]).all()
    verdict = find_verdict(join_probe(sum_up(store), probed)[0], NO_DRIFT, ASKED)
    assert "which for some is not a number" in verdict["broken"][0]
    assert json.loads(json.dumps(verdict, allow_nan=False))["probed"][0]["largest_difference"] is None


def test_scored_months_have_no_log_to_be_probed(store: MonitoredStore) -> None:
    asked = monitored(window="2021-02")
    sums = sum_days(partitions(scored_month("2021-02", rides=10)), asked)
    probed = probe_skew(read_logged_evidence(store, asked), {}, asked)
    assert probed.empty
    assert join_probe(sums, probed)[0].equals(sums)


def test_what_an_earlier_release_answered_with_the_package_is_no_skew(store: MonitoredStore) -> None:
    """It used distances that contradict the zones, and did not limit answers: both are told from a wrong answer."""
    served = package()
    ends, miles = (132, 230), 0.1  # from JFK to Times Square
    rides = Rides(*(np.full(3, zone, dtype=float) for zone in ends), np.repeat(WHEN, 3), np.full(3, miles))
    columns = served.columns(rides)
    assert np.isnan(columns["trip_distance"]).all()
    used = {"trip_distance": rides.trip_distance, "detour": miles / (columns["straight_distance"] + HALF_ZONE)}
    without, with_it = (served.answer_columns(columns | changed, intervals=False).duration[0] for changed in ({}, used))
    assert abs(with_it - without) > 0.1
    logged = SampledAnswers(
        rides.pickup_datetime, rides.pickup_zone, rides.dropoff_zone, rides.trip_distance,
        np.array([without, with_it, with_it + 0.01]), np.ones(3, dtype=np.int64),
    )  # fmt: skip
    assert compute_differences(logged, served) == pytest.approx([0, 0, 0.01], abs=1e-5)

    slow = Slow(served.contents)
    many = logged._replace(trip_distance=np.full(3, np.nan), duration=np.array([90.0, 60.0, 59.0]))
    assert compute_differences(many, slow) == pytest.approx([0, 0, 1])


WHEN = np.datetime64("2021-02-01T17:30:00", "s")


class Slow(ModelPackage):
    """A package that finds every ride to take 90 minutes, before answers are limited."""

    def estimate_columns(self, columns: dict[str, Any], *, intervals: bool = True) -> Answers:
        answers = super().estimate_columns(columns, intervals=intervals)
        return answers._replace(duration=np.full_like(answers.duration, 90.0))
