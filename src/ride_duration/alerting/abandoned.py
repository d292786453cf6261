"""Ends alerts that nobody is left to resolve: about a version that was replaced, or about what is gone for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ride_duration.alerting.alert import Alert
from ride_duration.alerting.outbox import AWAY, DAY
from ride_duration.store.database import explain_failures

if TYPE_CHECKING:
    from ride_duration.alerting.outbox import Outbox

#: Alerts about one version of a model, which are over once another one serves.
_OF_VERSIONS = ("retrain", "drift", "watch", "insufficient")


def resolve_abandoned(outbox: Outbox, model: str, version: int | None, now: float) -> None:
    """Resolve alerts about versions that were replaced, and about what nothing was heard of for `gone_days`.

    Args:
        outbox: Of the store.
        model: Name of a registered model that is looked at: its alerts are not gone.
        version: That serves now; None: not known.
        now: Seconds since 1970-01-01 UTC.

    Raises:
        RideDurationError: The store cannot be reached.
    """
    from sqlalchemy import select

    from ride_duration.store.alert_tables import alerts

    is_open, days = alerts.c.resolved_at.is_(None), outbox.settings.gone_days
    with explain_failures(AWAY), outbox.engine.begin() as connection:
        if version is not None:
            of_versions = (alerts.c.subject == model) & alerts.c.name.in_(_OF_VERSIONS)
            for row in connection.execute(select(alerts).where(is_open, of_versions)).mappings().all():
                about = msgspec.json.decode(row["body"], type=Alert).version
                if about not in (0, version):
                    outbox.end(connection, row, now, f"version {version} serves in the place of version {about}")
        if days:
            gone = select(alerts).where(is_open, alerts.c.seen_at < now - days * DAY, alerts.c.subject != model)
            for row in connection.execute(gone).mappings().all():
                outbox.end(connection, row, now, f"nothing was heard of {row['subject']} for {days:g} days")
