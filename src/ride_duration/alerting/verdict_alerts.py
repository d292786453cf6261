"""The alerts of a verdict: raised, or over, by what the newest window says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ride_duration.alerting.abandoned import resolve_abandoned
from ride_duration.alerting.alert import Alert
from ride_duration.store.monitoring import Evidence, find_newest_day
from ride_duration.trips.clock import find_day

if TYPE_CHECKING:
    from ride_duration.alerting.outbox import Outbox

log = logging.getLogger(__name__)


def report_verdict(outbox: Outbox, model: str, found: dict[str, Any], now: float) -> None:
    """Raise and resolve the alerts about a model; what is looked at besides, or an old window, changes nothing.

    Args:
        outbox: Of the store that has the verdict.
        model: Name of the registered model.
        found: `official`, `evidence`, `last` day, `names` that were looked for, `alerts` (fields of an `Alert` but its
            subject and severity), names to `keep`, and the `version`.
        now: Seconds since 1970-01-01 UTC.

    Raises:
        RideDurationError: The store cannot be reached.
    """
    resolve_abandoned(outbox, model, None, now)
    if not found["official"]:
        log.info("Alerts stay as they are: this verdict is exploratory.")
        return
    newest = find_newest_day(outbox.engine, model, Evidence(found["evidence"]), find_day(now))
    if newest > found["last"]:
        log.info("Alerts stay as they are: the days up to %s were monitored already.", newest)
        return
    settings = outbox.settings
    alerts = [
        Alert(
            **one
            | {
                "subject": model,
                "severity": settings.severities[one["name"]],
                "evidence": settings.report_url or one["evidence"],
            }
        )
        for one in found["alerts"]
    ]
    outbox.report(model, found["names"], alerts, now, found["keep"], found["version"])
