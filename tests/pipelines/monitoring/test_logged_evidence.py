"""One run sees one moment of the store, whatever comes in while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.hooks import hook_impl
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner

from ride_duration.datasets import ConclusionDataset, DayStatesDataset, MonitoringRowsDataset
from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.pipelines.monitoring.logged_evidence import read_logged_evidence
from ride_duration.pipelines.monitoring.pipeline import create_pipeline
from ride_duration.registry import model_name
from ride_duration.store.log_records import ActualRecord
from ride_duration.store.monitoring import DayState
from ride_duration.trips.clock import find_midnight
from tests.support.logged_rides import LogWriter, make_log, open_store, run_increment
from tests.support.monitoring import CONFIGURED, monitored, monitoring

MODEL = model_name("green", "tlc")
DAYS, RIDES, REPORTED = 14, 60, 8
WINDOW = f"2021-03-01..2021-03-{DAYS}"
#: The middle of the day after the window.
NOW = find_midnight("2021-03-15") + 12 * 3600
THRESHOLDS = CONFIGURED["verdict_thresholds"] | {"min_rides_of_a_day": 20, "min_rides": 100, "min_days": 2}


class Kept(MemoryDataset):
    """What is still there when the run has ended."""

    def _release(self) -> None:
        pass


class AfterNode:
    """Does something when a node has run.

    Args:
        name: Of the node.
        act: What is done.
    """

    def __init__(self, name: str, act: Callable[[], object]) -> None:
        self._name, self._act = name, act

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        if node.name == f"monitoring.{self._name}":
            self._act()


def run_pipeline(url: str, folder: Path, hook: AfterNode | None = None) -> dict[str, Any]:
    """Run the nodes of the monitoring on a store, and return the verdict, its figures and the sums it is made from."""
    of_store = {"path": str(folder / "data"), "serving": {"store": url}, "taxi_type": "green", "source": "tlc"}
    rows, store = MonitoringRowsDataset(**of_store), open_store(url, MODEL)
    asked = monitoring(window=WINDOW, verdict_thresholds=THRESHOLDS)
    given = {
        "scored_trips@months": {}, "registered_packages": {}, "accepted_changes": [], "params:monitoring": asked,
        "params:given_parameters": [], "params:environment": "test",
    }  # fmt: skip
    kept = {name: Kept() for name in ("label_figures", "daily_sums", "verdict", "monitoring_summary")}
    catalog = DataCatalog(
        {
            **{name: MemoryDataset(value) for name, value in given.items()}, **kept,
            "prediction_log": MemoryDataset(store, copy_mode="assign"), "logged_days@increment": rows,
            "logged_days@rows": rows, "day_states": DayStatesDataset(**of_store),
            "conclusion": ConclusionDataset(**of_store),
        }
    )  # fmt: skip
    hooks = _create_hook_manager()
    if hook is not None:
        hooks.register(hook)
    wanted = create_pipeline().to_outputs("day_states", "conclusion", "monitoring_summary")
    SequentialRunner().run(wanted, catalog, hooks)
    found = {name: dataset.load() for name, dataset in kept.items()}
    store.close()
    return found | {"conclusion": catalog["conclusion"].load()[0], "day_states": catalog["day_states"].load()}


def test_what_arrives_between_two_nodes_is_seen_by_none_of_them(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LogWriter(store_url)
    log = make_log(MODEL, first="2021-03-01", days=DAYS, rides=RIDES)
    stop = find_midnight("2021-03-01", REPORTED)
    late = [one.record for one in log if isinstance(one.record, ActualRecord) and one.at >= stop]
    writer.write([one.record for one in log if one.record not in late])
    times = [NOW]
    monkeypatch.setattr(MonitoredStore, "now", lambda _: times.pop())

    def let_others_compute() -> None:
        writer.write(late)
        other = open_store(store_url, MODEL)
        assert len(run_increment(other)) >= DAYS - REPORTED
        other.close()

    found = run_pipeline(store_url, tmp_path, AfterNode("read_logged_evidence", let_others_compute))
    assert times == [], "nobody asks for the time twice"
    sums = found["daily_sums"]
    whole = sums[(sums["slice"] == "all") & (sums["moment"] == "at_request_time")]
    figures, verdict = found["label_figures"], found["verdict"]
    assert whole["rides"].sum() == figures["rides"] == DAYS * RIDES
    counts = whole["state"].value_counts().to_dict()
    assert counts == {"final": figures["final"], "incomplete": figures["incomplete"]}
    assert figures["open"] == 0
    assert set(found["day_states"].values()) == {DayState(state) for state in counts}
    closed = whole[whole["state"] != "open"]
    assert figures["labelled"] == pytest.approx(closed["labelled"].sum() / closed["rides"].sum(), abs=1e-4)
    assert verdict["figures"]["labelled"] == [figures["labelled"]] * 3
    named = whole[whole["state"] == "incomplete"]["day"].dt.strftime("%Y-%m-%d").tolist()
    assert f"{named[0]} to {named[-1]}: fewer actual durations than usual are reported" in verdict["missing"]
    row = found["conclusion"]
    assert (row.computed_at, row.details["labels"]) == (NOW, figures)
    assert row.last_actual < stop

    times.append(NOW)
    after = run_pipeline(store_url, tmp_path)
    assert after["label_figures"]["labelled"] > figures["labelled"]
    assert after["conclusion"].last_actual > stop
    writer.close()


def test_a_day_of_two_spans_is_read_once(store_url: str) -> None:
    writer, store = LogWriter(store_url), open_store(store_url, MODEL)
    writer.write([one.record for one in make_log(MODEL, first="2021-03-01", days=2, rides=5)])
    run_increment(store)
    limits = CONFIGURED["incident_limits"] | {"history_days": 400}  # reaches into the same window a year before
    evidence = read_logged_evidence(store, monitored(window="2021-03-02", incident_limits=limits))
    key = ["day", "version", "variant", "moment", "slice"]
    assert set(evidence.sums["day"]) == {"2021-03-01", "2021-03-02"}
    assert not evidence.sums.duplicated(key).any()
    assert list(evidence.answers) == ["2021-03-02"]
    assert read_logged_evidence(store, monitored(window="2021-02")).sums.empty
    writer.close()
    store.close()
