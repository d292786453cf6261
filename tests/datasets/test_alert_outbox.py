"""Alerts of the catalog: raised and sent when they are saved, listed when they are loaded."""

from pathlib import Path
from typing import Any

import pytest

from ride_duration.datasets import AlertOutboxDataset
from ride_duration.errors import ConfigurationError
from tests.support.alerting.samples import MODEL, read_defaults
from tests.support.verdicts import write_verdict


def outbox(project: Path, alerting: dict[str, Any] | None = None, **serving: str) -> AlertOutboxDataset:
    given = {"store": "sqlite:///data/serving/predictions.db"} | serving
    return AlertOutboxDataset(str(project / "data"), given, alerting or read_defaults(), "green", "simulated")


def found(last: str, *names: str, **changes: Any) -> dict[str, Any]:
    alert = {"cause": "level", "what": "off", "since": 1.0, "how_bad": "very", "evidence": "report.html",
             "next_command": "look", "version": 1}  # fmt: skip
    alerts = [alert | {"name": name} for name in names]
    of_run = {"official": True, "evidence": "log", "version": 1, "last": last}
    return {**of_run, "names": ["retrain", "incident"], "alerts": alerts, "keep": []} | changes


def test_what_is_saved_is_raised_and_resolved(tmp_path: Path) -> None:
    dataset = outbox(tmp_path)
    dataset.save(found("2021-03-31", "retrain"))
    (alert,) = dataset.load()
    assert (alert["name"], alert["subject"], alert["severity"], alert["evidence"]) == (
        "retrain", MODEL, "ticket", "report.html"
    )  # fmt: skip
    dataset.save(found("2021-03-31", official=False))
    assert len(dataset.load()) == 1, "a look at something else resolves nothing"
    dataset.save(found("2021-03-31"))
    assert dataset.load() == []


def test_an_old_window_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ride_duration")
    dataset = outbox(tmp_path)
    write_verdict(f"sqlite:///{tmp_path}/data/serving/predictions.db", MODEL)  # up to 2021-03-31
    dataset.save(found("2021-03-30", "retrain"))
    assert dataset.load() == []
    assert "Alerts stay as they are: the days up to 2021-03-31 were monitored already." in caplog.text
    dataset.save(found("2021-03-31", "retrain"))
    dataset.save(found("2021-03-30"))
    assert [alert["name"] for alert in dataset.load()] == ["retrain"]


def test_the_report_may_have_an_address(tmp_path: Path) -> None:
    dataset = outbox(tmp_path, read_defaults() | {"report_url": "https://example.org/report"})
    dataset.save(found("2021-03-31", "incident"))
    assert dataset.load()[0]["evidence"] == "https://example.org/report"


def test_a_mistake_is_said_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"alerting\.severities\.drift is page"):
        outbox(tmp_path, read_defaults() | {"severities": read_defaults()["severities"] | {"drift": "page"}})
