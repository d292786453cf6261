"""Alerts and settings that tests begin with."""

from typing import Any

import yaml

from ride_duration.alerting.alert import Alert, Severity
from ride_duration.alerting.configuration import AlertingSettings, parse_alerting
from tests.conftest import REPOSITORY

MODEL = "ride-duration-green-simulated"


def make_alert(name: str = "retrain", severity: Severity = Severity.TICKET, **changes: Any) -> Alert:
    """Return an alert."""
    facts = {
        "subject": MODEL, "cause": "level", "what": "The model is off", "since": 1_700_000_000.0,
        "how_bad": "level 1.12", "evidence": "report.html", "next_command": "kedro run",
    }  # fmt: skip
    return Alert(name=name, severity=severity, **{**facts, **changes})


def read_defaults() -> dict[str, Any]:
    """Return what the project's configuration says."""
    given: dict[str, Any] = yaml.safe_load((REPOSITORY / "conf/base/parameters_alerting.yml").read_text())["alerting"]
    return given


def make_settings(*enabled: str, **changes: Any) -> AlertingSettings:
    """Return the default settings with these channels and no others."""
    given = read_defaults() | changes
    for name, channel in given["channels"].items():
        channel["enabled"] = name in enabled
    given["channels"]["email"]["recipients"] = ["on-call@example.org"]
    return parse_alerting(given)
