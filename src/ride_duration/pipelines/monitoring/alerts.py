"""A verdict -> what somebody has to know, and which former alerts are over."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from ride_duration.pipelines.monitoring.parameters import Monitored
from ride_duration.pipelines.monitoring.window_verdict import NEXT_OF_SKEW
from ride_duration.store.monitoring import SKEW, Cause, Finding
from ride_duration.trips.clock import find_midnight

#: All that are looked for.
NAMES = ("incident", "retrain", "drift", "watch", "insufficient", SKEW)

_WHAT = {
    "incident": "Records are broken: the model cannot be evaluated",
    "retrain": "The model needs retraining",
    "drift": "Other rides are requested than the model was trained on",
    "watch": "The model may be getting worse",
    "insufficient": "Too few actual durations to evaluate the model",
}


def describe_alerts(verdict: dict[str, Any], report: str, monitoring: Monitored) -> dict[str, Any]:
    """Say which alerts a verdict raises, and about which nothing can be said.

    `retrain` is over only once a verdict is `ok`, or another version is evaluated; a few labels, or an incident, say
    nothing about it. Drift is a matter of its own only where nothing else is found.

    A skew of another version is an alert of its own, whatever the verdict, until the last day of the window is without.

    Args:
        verdict: Of `evaluate_window`.
        report: The page that alerts refer to, which so is written before they are sent.
        monitoring: Says how long windows are.

    Returns:
        Whether the verdict is `official`: else nothing is raised or resolved; its `evidence`; `version`; `last` day;
        `names`, all that were looked for; `alerts`, those found (at most one, and `skew`), each with the fields of an
        `Alert` but its subject and severity; `keep`, the names of those that stay open.
    """
    del report
    finding = verdict["verdict"]
    name = _name_alert(verdict)
    alerts = []
    if name:
        cause = "" if verdict["cause"] == "none" else f" (cause: {verdict['cause']})"
        alerts.append(
            {
                "name": name,
                "cause": verdict["cause"],
                "what": f"{_WHAT[name]}: version {verdict['version']} on {verdict['taxi_type']} taxis{cause}",
                "since": _find_since(name, verdict, monitoring),
                "how_bad": "; ".join(verdict["reasons"]),
                "evidence": monitoring.report,
                "next_command": verdict["next"],
                "version": verdict["version"],
            }
        )
    if skewed := [one for one in verdict["skew_of_others"] if one["last"] == verdict["last"]]:
        alerts.append(_describe_skew(skewed, verdict, monitoring))
    keep = {
        Finding.OK: (),
        Finding.WATCH: ("retrain",),
        Finding.RETRAIN: (),
        Finding.INCIDENT: ("retrain", "drift", "watch"),
        Finding.INSUFFICIENT: ("incident", "retrain", "drift", "watch"),
    }[Finding(finding)]
    drifted = ("drift",) if verdict["drifted"] else ()
    return {
        "official": verdict["official"],
        "evidence": verdict["evidence"],
        "version": verdict["version"],
        "last": verdict["last"],
        "names": list(NAMES),
        "alerts": alerts,
        "keep": sorted({*keep, *drifted}),
    }


def _describe_skew(skewed: list[dict[str, Any]], verdict: dict[str, Any], monitoring: Monitored) -> dict[str, Any]:
    names = " and ".join(one["version"] for one in skewed)
    return {
        "name": SKEW,
        "cause": str(Cause.DATA),
        "what": f"Answers of {names} on {verdict['taxi_type']} taxis differ from what the package says",
        "since": find_midnight(min(one["first"] for one in skewed)),
        "how_bad": "; ".join(one["broken"][0] for one in skewed),
        "evidence": monitoring.report,
        "next_command": NEXT_OF_SKEW.format(env=monitoring.env_option),
        "version": 0,
    }


def _name_alert(verdict: dict[str, Any]) -> str:
    if verdict["verdict"] == Finding.OK:
        return ""
    if verdict["verdict"] == Finding.WATCH and verdict["drifted"] and verdict["cause"] in (Cause.MIX, Cause.DATA):
        return "drift"
    return str(verdict["verdict"])


def _find_since(name: str, verdict: dict[str, Any], monitoring: Monitored) -> float:
    """Return the beginning of the evidence: midnight in New York, as seconds since 1970-01-01 UTC."""
    limits, drift = monitoring.verdict_thresholds, monitoring.drift_limits
    if name == "incident" and verdict["incidents"]:
        first = date.fromisoformat(min(verdict["incidents"]))
    else:
        days = drift.windows * drift.window_days if name == "drift" else limits.windows * limits.window_days
        first = date.fromisoformat(verdict["last"]) - timedelta(days=days - 1)
    first = max(first, date.fromisoformat(verdict["first"]))
    return find_midnight(str(first))
