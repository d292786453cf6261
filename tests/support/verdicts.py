"""Verdicts in the store, as a monitoring run leaves them."""

from datetime import date, timedelta
from typing import Any

from ride_duration.store.monitoring import (
    DayEvidence,
    Evidence,
    IncidentDay,
    VerdictRow,
    add_verdict,
    open_monitoring,
    replace_days,
    replace_incident_days,
    replace_scores,
)

LAST = date(2021, 3, 31)


def write_verdict(
    store_url: str, model: str, finding: str = "ok", cause: str = "none", at: float = 1_700_000_000.0, **changes: Any
) -> None:
    """Write a verdict about the last four weeks of March 2021, with its days and scores; the last day is broken if it
    is an incident.
    """
    engine = open_monitoring(store_url)
    level = changes.pop("level", 1.02)
    days = [LAST - timedelta(days=back) for back in reversed(range(35))]
    replace_days(engine, model, Evidence.LOG, [_day(str(day), level) for day in days], at)
    replace_scores(engine, model, Evidence.LOG, [make_score(psi, feature) for feature, psi in DRIFT.items()], at)
    if finding == "incident":
        replace_incident_days(
            engine, model, str(LAST), str(LAST), "monitoring", [IncidentDay(str(LAST), "level", "", at, "monitoring")]
        )
    facts = {
        "evidence": Evidence.LOG, "window": "last_28d", "first": str(LAST - timedelta(days=27)), "last": str(LAST),
        "version": 1, "variant": "champion", "moment": "at_request_time", "gain": 0.0, "reasons": ["for a reason"],
        "figures": {"level": [level, 0.99, 1.05], "error_ratio": [1.01, 0.9, 1.1], "coverage": [0.9, 0.88, 0.92],
                    "labelled": [0.95, 0.95, 0.95]},
        "next": "nothing to do", "simulated": True, "watermark": None, "last_actual": at - 60, "watermark_at": at - 120,
        "details": {"drifted": ["hour"], "incidents": []},
    }  # fmt: skip
    add_verdict(engine, VerdictRow(model=model, verdict=finding, cause=cause, computed_at=at, **facts | changes))
    engine.dispose()


DRIFT = {"hour": 0.03, "trip_distance": 0.01}


def make_day_sums(level: float) -> dict[str, Any]:
    """The sums of all rides of a day."""
    return {
        "version": 1, "variant": "champion", "moment": "at_request_time", "slice": "all", "rides": 1000.0,
        "labelled": 950.0, "actual": 9500.0 * level, "predicted": 9500.0, "absolute": 1000.0, "squared": 20000.0,
        "product": 1e5, "actual_squared": 1e5, "predicted_squared": 1e5, "expected": 20000.0, "covered": 855.0,
        "width": 9500.0, "within_5": 800.0,
    }  # fmt: skip


def _day(day: str, level: float) -> DayEvidence:
    sums = make_day_sums(level)
    other = sums | {"slice": "airport", "actual": 1.0}
    return DayEvidence(day, [sums, other])


def make_score(psi: float, feature: str) -> dict[str, Any]:
    """A score of the last week."""
    return {
        "version": 1, "first": str(LAST - timedelta(days=6)), "last": str(LAST), "slice": "all", "feature": feature,
        "statistic": "psi", "value": psi, "p_value": 0.5, "adjusted": 1.0,
    }  # fmt: skip
