"""Which alerts a verdict raises, and which it leaves open."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ride_duration.alerting.configuration import NAMES as CONFIGURED
from ride_duration.pipelines.monitoring.alerts import NAMES, describe_alerts
from ride_duration.store.monitoring import Finding
from tests.support.monitoring import monitored


def verdict(finding: str, cause: str = "none", **changes: Any) -> dict[str, Any]:
    facts = {
        "verdict": finding, "cause": cause, "reasons": ["level 1.12", "RMSE 1.2"], "next": "look", "version": 3,
        "taxi_type": "green", "first": "2021-03-01", "last": "2021-03-31", "drifted": [], "incidents": [],
        "official": True, "evidence": "log", "skew_of_others": [],
    }  # fmt: skip
    return facts | changes


@pytest.mark.parametrize(
    ("said", "name", "keep"),
    [
        (verdict("ok"), None, []),
        (verdict("retrain", "level"), "retrain", []),
        (verdict("retrain", "level", drifted=["hour"]), "retrain", ["drift"]),
        (verdict("watch", "level"), "watch", ["retrain"]),
        (verdict("watch", "mix", drifted=["hour"]), "drift", ["drift", "retrain"]),
        (verdict("watch", "level", drifted=["hour"]), "watch", ["drift", "retrain"]),
        (verdict("incident", "data", incidents=["2021-03-30"]), "incident", ["drift", "retrain", "watch"]),
        (verdict("incident", "data", drifted=["hour"]), "incident", ["drift", "retrain", "watch"]),
        (verdict("insufficient"), "insufficient", ["drift", "incident", "retrain", "watch"]),
    ],
)
def test_a_verdict_raises_one_alert_at_most(said: dict[str, Any], name: str | None, keep: list[str]) -> None:
    described = describe_alerts(said, "page", monitored())
    assert [alert["name"] for alert in described["alerts"]] == ([name] if name else [])
    assert described["keep"] == keep
    assert set(described["names"]) == set(NAMES)
    assert set(NAMES) <= set(CONFIGURED)


def test_a_skew_of_another_version_is_an_alert_beside_any_verdict_until_its_days_are_over() -> None:
    skew = {"version": "version 4", "first": "2021-03-30", "last": "2021-03-31", "broken": ["5 of 9 answers differ"]}
    for finding in Finding:
        found = describe_alerts(verdict(finding, skew_of_others=[skew]), "page", monitored(environment="simulated"))
        assert [one["name"] for one in found["alerts"]] == [*([] if finding == "ok" else [finding]), "skew"]
        assert found["version"] == 3
    alert = found["alerts"][-1]
    assert alert["what"] == "Answers of version 4 on green taxis differ from what the package says"
    assert alert["how_bad"] == "5 of 9 answers differ"
    assert "`kedro models list --env simulated`" in alert["next_command"]
    assert datetime.fromtimestamp(alert["since"], UTC) == datetime(2021, 3, 30, 4, tzinfo=UTC)
    over = describe_alerts(verdict("ok", skew_of_others=[skew | {"last": "2021-03-30"}]), "page", monitored())
    assert over["alerts"] == []
    assert "skew" in over["names"]
    assert "skew" not in over["keep"]


def test_every_finding_is_known() -> None:
    for finding in Finding:
        assert describe_alerts(verdict(finding), "page", monitored())["version"] == 3


def test_an_alert_says_what_since_when_how_bad_and_what_to_do() -> None:
    (alert,) = describe_alerts(verdict("retrain", "level"), "page", monitored())["alerts"]
    assert alert["what"] == "The model needs retraining: version 3 on green taxis (cause: level)"
    assert alert["how_bad"] == "level 1.12; RMSE 1.2"
    assert alert["next_command"] == "look"
    # both fortnights, from midnight in New York
    assert datetime.fromtimestamp(alert["since"], UTC) == datetime(2021, 3, 4, 5, tzinfo=UTC)
    (alert,) = describe_alerts(
        verdict("incident", "data", incidents=["2021-03-29", "2021-03-30"]), "page", monitored()
    )["alerts"]
    assert datetime.fromtimestamp(alert["since"], UTC) == datetime(2021, 3, 29, 4, tzinfo=UTC)
    (alert,) = describe_alerts(verdict("watch", "mix", drifted=["hour"]), "page", monitored())["alerts"]
    assert datetime.fromtimestamp(alert["since"], UTC) == datetime(2021, 3, 11, 5, tzinfo=UTC)
    (alert,) = describe_alerts(verdict("watch", "level", first="2021-03-20"), "page", monitored())["alerts"]
    assert datetime.fromtimestamp(alert["since"], UTC) == datetime(2021, 3, 20, 4, tzinfo=UTC)
