"""What the store knows of the log's days, read once for all nodes of a run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.pipelines.monitoring.day_states import find_states
from ride_duration.pipelines.monitoring.evidence import AWAITED, DailySums
from ride_duration.pipelines.monitoring.parameters import Monitored
from ride_duration.store.monitoring import DayState, Watermark
from ride_duration.store.queries.sampled_answers import SampledAnswers

_COLUMNS = ("day", "version", "variant", "moment", "slice", *DailySums._fields[1:], *AWAITED)


class LoggedEvidence(NamedTuple):
    """Rows of the log as they were at one moment; nothing where scored months are looked at.

    Attributes:
        sums: Rows of `monitoring_days`: of the window, of the days before it, and of the same window a year before.
        labels: Rows of `monitoring_labels`, of every day, in their order.
        states: How much was known of each of these days when the run began.
        features: Rows of `monitoring_features` of the days whose rides are compared, of every version.
        answers: Of days of the window that have sums, some answers that can be scored again.
        watermark: Up to where the log is computed.
        asked_at: When the newest prediction up to there was made (seconds since 1970-01-01 UTC).
        received_at: When the newest report up to there came in.
    """

    sums: pd.DataFrame
    labels: list[dict[str, Any]]
    states: dict[str, DayState]
    features: list[dict[str, Any]]
    answers: dict[str, SampledAnswers]
    watermark: Watermark = Watermark()
    asked_at: float | None = None
    received_at: float | None = None


def read_logged_evidence(logged_days: MonitoredStore, monitored: Monitored) -> LoggedEvidence:
    """Read what the run needs of the store: no other node looks at it, so that all of them see the same.

    Args:
        logged_days: The store, whose rows are computed.
        monitored: Says which days, and when the run began.
    """
    if not monitored.is_of_log:
        return LoggedEvidence(pd.DataFrame(), [], {}, [], {})
    spans = ((monitored.day_before, monitored.last_day), monitored.year_before)
    compared = monitored.compared_days
    rows = logged_days.load_snapshot(_join(spans), (str(compared[0]), str(compared[-1])))
    states = find_states(rows.labels, monitored.now, monitored.log_limits)
    summed = sorted({row["day"] for row in rows.days if monitored.first_day <= row["day"] <= monitored.last_day})
    number = monitored.skew_limits.rides_of_a_day
    answers = {day: logged_days.sample_answers(day, number) for day in summed}
    return LoggedEvidence(
        pd.DataFrame(rows.days, columns=list(_COLUMNS)), rows.labels, states, rows.features, answers,
        rows.watermark, rows.asked_at, rows.received_at,
    )  # fmt: skip


def note_day_states(logged_evidence: LoggedEvidence) -> dict[str, DayState]:
    """Return how much is known of each day of the log, to be kept beside its rows."""
    return logged_evidence.states


def _join(spans: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Return the same days without any twice."""
    joined: list[tuple[str, str]] = []
    for first, last in sorted(spans):
        if joined and first <= str(np.datetime64(joined[-1][1]) + 1):
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
