"""Alerts follow official verdicts alone, and those about the newest days."""

from typing import Any

import pytest

from ride_duration.alerting.decisions import list_alerts
from ride_duration.alerting.outbox import Outbox
from ride_duration.alerting.verdict_alerts import report_verdict
from ride_duration.store.monitoring import Evidence, open_monitoring
from tests.support.alerting.samples import make_settings
from tests.support.verdicts import write_verdict

#: Noon in New York on 2021-04-01: the newest verdict is about days up to 2021-03-31.
NOW = 1_617_292_800.0


def describe(name: str = "", **changes: Any) -> dict[str, Any]:
    alert = {
        "name": name, "cause": "level", "what": "slower", "since": 0.0, "how_bad": "1.12", "evidence": "page",
        "next_command": "look", "version": 1,
    }  # fmt: skip
    facts = {"official": True, "evidence": "log", "version": 1, "last": "2021-03-31", "names": ["retrain"], "keep": []}
    return facts | {"alerts": [alert] if name else []} | changes


def list_open(outbox: Outbox) -> list[str]:
    return [one.alert.name for one in list_alerts(outbox.engine, NOW) if one.resolved_at is None]


@pytest.mark.parametrize(
    "other",
    [
        {"last": "2021-12-31", "window": "2021-03-01..2021-12-31", "official": False},
        {"last": "2021-12-31", "window": "2021-03-01..2021-12-31"},  # of a former program: all its verdicts count
        {"last": "2021-04-30", "window": "2021-04", "evidence": Evidence.SCORED},
    ],
)
def test_what_was_looked_at_besides_mutes_no_alert(store_url: str, other: dict[str, Any]) -> None:
    write_verdict(store_url, "green", at=NOW)
    write_verdict(store_url, "green", at=NOW + 1, **other)
    outbox = Outbox(open_monitoring(store_url), make_settings("log"))
    report_verdict(outbox, "green", describe("retrain"), NOW + 2)
    assert list_open(outbox) == ["retrain"]
    report_verdict(outbox, "green", describe(), NOW + 3)
    assert list_open(outbox) == []
    outbox.close()


def test_what_was_looked_at_besides_neither_raises_nor_resolves(store_url: str) -> None:
    write_verdict(store_url, "green", at=NOW)
    outbox = Outbox(open_monitoring(store_url), make_settings("log"))
    report_verdict(outbox, "green", describe("retrain", official=False), NOW)
    assert list_open(outbox) == []
    report_verdict(outbox, "green", describe("retrain"), NOW)
    report_verdict(outbox, "green", describe(official=False), NOW + 1)
    report_verdict(outbox, "green", describe(last="2021-03-30"), NOW + 2)
    assert list_open(outbox) == ["retrain"]
    outbox.close()
