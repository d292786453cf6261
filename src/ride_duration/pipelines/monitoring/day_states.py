"""How much is known of a day: by the share of its rides that is reported, and by the time that has passed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ride_duration.pipelines.monitoring.limits import LogLimits
from ride_duration.store.monitoring import DELAY_EDGES, DayState
from ride_duration.trips.clock import find_midnight

#: So many days say what is usual for themselves, since there are none before.
_FIRST_DAYS = 7


def find_states(labels: list[dict[str, Any]], now: float, limits: LogLimits) -> dict[str, DayState]:
    """Say how much is known of each day of the log.

    What is usual is the median share of the final days before; a day of which less is reported does not become usual,
    however many of them there are.

    Args:
        labels: Rows of `monitoring_labels`, in the order of their days.
        now: On the store's clock (seconds since 1970-01-01 UTC).
        limits: When a day is labelled, and when it is final.
    """
    final_after = find_delay(labels, limits.final_quantile)
    ends = {row["day"]: find_midnight(row["day"], 1) for row in labels}
    overdue = [row["day"] for row in labels if final_after is not None and now >= ends[row["day"]] + final_after]
    shares = {row["day"]: row["labelled"] / row["rides"] if row["rides"] else 0.0 for row in labels}
    # Before a day is final nothing is usual: then all rides are waited for, and the first days say what is usual.
    usual = [shares[day] for day in overdue[:_FIRST_DAYS]] or [1.0]
    final: list[float] = []
    states = {}
    for day, share in shares.items():
        enough = share > 0 and share >= limits.usual_share * float(np.median(final[-limits.usual_days :] or usual))
        if day in overdue:
            states[day] = DayState.FINAL if enough else DayState.INCOMPLETE
            final += [share] if enough else []
        else:
            states[day] = DayState.LABELLED if enough and now >= ends[day] else DayState.OPEN
    return states


def find_delay(labels: list[dict[str, Any]], quantile: float) -> float | None:
    """Return the delay of reports (seconds) that this share of them does not exceed; None if there are none."""
    delays = np.sum([row["delays"] for row in labels], axis=0) if labels else np.zeros(1)
    if not delays.sum():
        return None
    reached = int(np.searchsorted(np.cumsum(delays), quantile * delays.sum()))
    return DELAY_EDGES[min(reached, len(DELAY_EDGES) - 1)]
