"""What is kept of a run: rows that say the same as the verdict."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ride_duration.datasets import ConclusionDataset
from ride_duration.pipelines.monitoring.conclusion import conclude, resolve_window
from ride_duration.pipelines.monitoring.daily_sums import sum_days
from ride_duration.pipelines.monitoring.judgement import judge_window
from ride_duration.store.monitoring import Evidence, load_days, load_incident_days, load_newest_verdict, load_scores
from tests.support.logged_rides import open_store
from tests.support.monitoring import monitoring, partitions, scored_month

SCORES = pd.DataFrame(
    {
        "first": [np.datetime64("2021-03-25")], "last": [np.datetime64("2021-03-31")], "feature": ["hour"],
        "psi": [0.01], "psi_to_previous": [0.03], "p_value_to_previous": [0.4], "adjusted_to_previous": [1.0],
        "jensen_shannon": [0.002], "wasserstein": [0.1], "missing": [0.0],
        "missing_in_reference": [0.0], "p_value": [0.2], "adjusted": [1.0], "beyond": [False],
    }
)  # fmt: skip


def test_verdict_scores_sums_and_incidents_of_scored_months_are_kept_once(tmp_path: Path) -> None:
    asked = monitoring(window="2021-03", source="simulated")
    trips = scored_month("2021-03", rides=60)
    broken = trips["lpep_pickup_datetime"].dt.day == 20
    trips.loc[broken, "actual_duration"] *= 1.6
    sums = sum_days(partitions(trips), asked)
    verdict = judge_window(sums, SCORES, asked)
    url = f"sqlite:///{tmp_path}/data/predictions.db"
    dataset = ConclusionDataset(
        path=str(tmp_path / "data"), serving={"store": url}, taxi_type="green", source="simulated"
    )
    for _ in range(2):
        dataset.save(conclude(verdict, sums, SCORES, {}, asked, asked))
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
    store.close()


def test_the_last_days_end_before_today_in_new_york(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/none.db", "green")
    monkeypatch.setattr(store, "now", lambda: 1_616_990_400.0)  # 2021-03-29 04:00 UTC: midnight in New York
    assert resolve_window(store, monitoring(window="last_28d")).window == "2021-03-01..2021-03-28"
    monkeypatch.setattr(store, "now", lambda: 1_616_990_399.0)
    assert resolve_window(store, monitoring(window="last_7d")).window == "2021-03-21..2021-03-27"
    assert resolve_window(store, monitoring(window="2021-03")).window == "2021-03"
    assert not (tmp_path / "none.db").exists()
