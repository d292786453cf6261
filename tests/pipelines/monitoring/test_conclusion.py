"""What is kept of a run: rows that say the same as the verdict."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ride_duration.datasets import ConclusionDataset
from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.monitoring.conclusion import conclude, resolve_window
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.evaluated import find_evaluated
from ride_duration.pipelines.monitoring.logged_evidence import LoggedEvidence
from ride_duration.pipelines.monitoring.parameters import Monitored
from ride_duration.store.monitoring import Evidence, load_days, load_incident_days, load_newest_verdict, load_scores
from tests.support.logged_rides import LogWriter, make_log, open_store
from tests.support.monitoring import find_verdict, monitored, monitoring, partitions, scored_month

#: Of the log, where scored months are looked at.
NOTHING = LoggedEvidence(pd.DataFrame(), [], {}, [], {})

SCORES = pd.DataFrame(
    {
        "first": [np.datetime64("2021-03-25")], "last": [np.datetime64("2021-03-31")], "feature": ["hour"],
        "psi": [0.01], "psi_to_previous": [0.03], "p_value_to_previous": [0.4], "adjusted_to_previous": [1.0],
        "jensen_shannon": [0.002], "wasserstein": [0.1], "missing": [0.0],
        "missing_in_reference": [0.0], "p_value": [0.2], "adjusted": [1.0], "beyond": [False],
        "unseen": [0.02], "separation": [0.53],
    }
)  # fmt: skip


def test_verdict_scores_sums_and_incidents_of_scored_months_are_kept_once(tmp_path: Path) -> None:
    asked = monitored(window="2021-03", source="simulated")
    trips = scored_month("2021-03", rides=60)
    broken = trips["lpep_pickup_datetime"].dt.day == 20
    trips.loc[broken, "actual_duration"] *= 1.6
    sums = sum_days(partitions(trips), asked)
    verdict = find_verdict(sums, SCORES, asked)
    url = f"sqlite:///{tmp_path}/data/predictions.db"
    dataset = ConclusionDataset(
        path=str(tmp_path / "data"), serving={"store": url}, taxi_type="green", source="simulated"
    )
    for _ in range(2):
        dataset.save(conclude(verdict, sums, SCORES, find_evaluated(sums, asked), {}, NOTHING, asked, asked))
    store = open_store(url, "ride-duration-green-simulated")
    rows = load_days(store.engine, store.model, Evidence.SCORED)
    assert len(rows) == len(sums)
    assert sum(row["squared"] for row in rows) == pytest.approx(sums["squared"].sum())
    kept = load_newest_verdict(store.engine, store.model)
    assert kept is not None
    assert (kept.verdict, kept.figures, kept.window) == (verdict["verdict"], verdict["figures"], "2021-03")
    assert kept.details == verdict | {"labels": {}}
    assert [row.number for row in dataset.load()] == [2, 1]
    incidents = load_incident_days(store.engine, store.model)
    assert ("2021-03-20", "level", "") in {(one.day, one.kind, one.source) for one in incidents}
    scores = {score["statistic"]: score for score in load_scores(store.engine, store.model)}
    assert (scores["psi"]["value"], scores["psi"]["p_value"], scores["wasserstein"]["p_value"]) == (0.01, 0.2, None)
    assert [scores["psi_to_previous"][name] for name in ("value", "p_value", "adjusted")] == [0.03, 0.4, 1.0]
    assert (scores["unseen"]["value"], scores["separation"]["value"], scores["separation"]["feature"]) == (
        0.02, 0.53, "all",
    )  # fmt: skip
    slices = {(score["slice"], score["statistic"]): score for score in load_scores(store.engine, store.model)}
    assert slices["all", "level"]["value"] == verdict["figures"]["level"][0]
    assert slices["from Queens", "rmse"]["value"] > 0
    assert {slices["from Queens", "rmse"][name] for name in ("feature", "first", "last")} == {
        "duration", "2021-03-01", "2021-03-31",
    }  # fmt: skip
    store.close()


def save_twice(folder: Path, asked: Monitored) -> MonitoredStore:
    """Keep what an incident of scored months comes to, twice, and return the store."""
    trips = scored_month("2021-03", rides=60)
    broken = trips["lpep_pickup_datetime"].dt.day == 20
    trips.loc[broken, "actual_duration"] *= 1.6
    sums = sum_days(partitions(trips), asked)
    verdict = find_verdict(sums, SCORES, asked)
    url = f"sqlite:///{folder}/data/predictions.db"
    dataset = ConclusionDataset(
        path=str(folder / "data"), serving={"store": url}, taxi_type="green", source="simulated"
    )
    for _ in range(2):
        dataset.save(conclude(verdict, sums, SCORES, find_evaluated(sums, asked), {}, NOTHING, asked, asked))
    return open_store(url, "ride-duration-green-simulated")


@pytest.mark.parametrize("what_if", [True, False])
def test_an_exploratory_verdict_is_kept_and_marks_nothing(tmp_path: Path, what_if: bool) -> None:
    asked = monitored(window="2021-03", source="simulated", why_exploratory="for a reason", is_what_if=what_if)
    store = save_twice(tmp_path, asked)
    assert load_incident_days(store.engine, store.model) == []
    assert bool(load_scores(store.engine, store.model)) is not what_if
    assert load_newest_verdict(store.engine, store.model, only_official=True) is None
    kept = load_newest_verdict(store.engine, store.model)
    assert kept is not None
    assert not kept.official
    store.close()


def at(store: MonitoredStore, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr(store, "now", lambda: now)


#: 2021-03-29 04:00 UTC: midnight in New York.
MIDNIGHT = 1_616_990_400.0


def test_the_last_days_end_before_today_in_new_york(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/none.db", "green")
    at(store, monkeypatch, MIDNIGHT)
    assert resolve_window(store, monitoring(window="last_28d"), []).window == "2021-03-01..2021-03-28"
    at(store, monkeypatch, MIDNIGHT - 1)
    assert resolve_window(store, monitoring(window="last_7d"), []).window == "2021-03-21..2021-03-27"
    assert resolve_window(store, monitoring(window="2021-02"), []).window == "2021-02"
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("window", "last_day", "to_come"),
    [
        ("2021-03-01..2021-03-28", "2021-03-28", None),
        ("2021-03-01..2021-03-29", "2021-03-28", ("2021-03-29", "2021-03-29")),
        ("2021-03-01..2021-12-31", "2021-03-28", ("2021-03-29", "2021-12-31")),
        ("2021-03", "2021-03-28", ("2021-03-29", "2021-03-31")),
        ("2021-02", "2021-02-28", None),
    ],
)
def test_days_that_are_not_over_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, window: str, last_day: str, to_come: tuple[str, str] | None
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/none.db", "green")
    at(store, monkeypatch, MIDNIGHT)
    found = resolve_window(store, monitoring(window=window), [])
    assert (found.last_day, found.days_to_come, found.now) == (last_day, to_come, MIDNIGHT)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("2021-03-29", "not one day of 2021-03-29 is over: yesterday was 2021-03-28 in New York"),
        ("2021-03-30..2021-04-02", "2021-03-30 has not begun .today is 2021-03-29 on the store's clock"),
        ("2021-04", "2021-04-01 has not begun"),
    ],
)
def test_a_window_of_which_no_day_is_over_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, window: str, message: str
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/none.db", "green")
    at(store, monkeypatch, MIDNIGHT)
    with pytest.raises(RideDurationError, match=message):
        resolve_window(store, monitoring(window=window), [])


@pytest.mark.parametrize(
    ("window", "given", "logged", "why"),
    [
        ("last_28d", [], True, ""),
        ("last_28d", ["window", "source", "official_window"], True, ""),
        ("last_28d", ["monitored_moment"], True, "monitored_moment given for this run alone"),
        ("last_28d", ["verdict_thresholds"], False, "verdict_thresholds given for this run alone"),
        ("last_27d", [], True, "its window is not last_28d"),
        ("2021-02-01..2021-02-28", [], False, "its window is not last_28d"),
        ("2021-02", [], False, ""),
        ("2021-02", [], True, "the service logs answers, and these are scored months"),
    ],
)
def test_one_window_as_configured_is_official(
    tmp_path: Path, window: str, given: list[str], logged: bool, why: str
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/predictions.db", "green")
    if logged:
        writer = LogWriter(f"sqlite:///{tmp_path}/predictions.db")
        writer.write([arrival.record for arrival in make_log("green", days=1, rides=1)])
        writer.close()
    found = resolve_window(store, monitoring(window=window), given)
    assert found.why_exploratory == why
    assert found.is_what_if == ("given" in why)
    store.close()
