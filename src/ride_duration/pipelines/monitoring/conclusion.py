"""Which window is looked at, and what is kept of it in the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ride_duration.datasets.monitored_store import MonitoredStore
from ride_duration.datasets.prediction_log import Conclusion
from ride_duration.errors import ConfigurationError, NotFound
from ride_duration.pipelines.monitoring.daily_sums import ALL, MAY_BE_UNKNOWN, SUMS, select_days
from ride_duration.pipelines.monitoring.evaluated import Evaluated
from ride_duration.pipelines.monitoring.evidence import AWAITED
from ride_duration.pipelines.monitoring.logged_evidence import LoggedEvidence
from ride_duration.pipelines.monitoring.parameters import DEFAULT_ENVIRONMENT, Monitored, Monitoring
from ride_duration.pipelines.monitoring.window_figures import measure
from ride_duration.store.monitoring import DayEvidence, Evidence, VerdictRow
from ride_duration.store.variant import Variant
from ride_duration.trips.clock import find_day

#: Statistics of drift, and the columns of the p-values of those that are tested.
_TESTED = {
    "psi": ("p_value", "adjusted"),
    "psi_to_previous": ("p_value_to_previous", "adjusted_to_previous"),
    "by_hour": ("p_value_by_hour", ""),
}
_STATISTICS = (
    "psi", "psi_to_previous", "jensen_shannon", "wasserstein", "missing", "missing_in_reference", "unseen", "by_hour",
)  # fmt: skip

_UNTESTED = {"p_value": None, "adjusted": None}

#: Statistics of answers alone.
_OF_ANSWERS = {"by_hour"}


def resolve_window(
    prediction_log: MonitoredStore,
    monitoring: Monitoring,
    given_parameters: Sequence[str],
    environment: str = DEFAULT_ENVIRONMENT,
) -> Monitored:
    """Return what is looked at: the days of the window that are over, on the store's clock.

    Args:
        prediction_log: The store.
        monitoring: As configured, and as given for this run.
        given_parameters: Names of those that are given for this run alone.
        environment: Whose configuration is used; commands that are suggested name it.

    Raises:
        ConfigurationError: The window has not begun.
        NotFound: Not one day of it is over.
    """
    now = prediction_log.now()
    today = find_day(now)
    resolved = monitoring.resolve(np.datetime64(today))
    if resolved.first_day > today:
        raise ConfigurationError(
            f"window: {resolved.first_day} has not begun (today is {today} on the store's clock); name days of the past"
        )
    monitored = Monitored(
        **dict(resolved), now=now,
        why_exploratory=monitoring.find_why_exploratory(given_parameters, is_logging=prediction_log.has_predictions()),
        is_what_if=bool(Monitoring.find_changed(given_parameters)), environment=environment,
    )  # fmt: skip
    if monitored.last_day < monitored.first_day:
        raise NotFound(
            f"not one day of {monitoring.window} is over: yesterday was {monitored.yesterday} in New York, on the "
            "store's clock; name days up to there with --window"
        )
    marks = prediction_log.load_marks(monitored.day_before, monitored.last_day)
    return monitored.model_copy(update={"marked": tuple((mark.day, mark.by, mark.why) for mark in marks)})


def conclude(
    verdict: dict[str, Any],
    daily_sums: pd.DataFrame,
    drift_scores: pd.DataFrame,
    evaluated: Evaluated,
    label_figures: dict[str, Any],
    logged_evidence: LoggedEvidence,
    monitored: Monitored,
    monitoring: Monitoring,
) -> Conclusion:
    """Return what is kept of a run: the verdict, every score, the incidents, and the sums of scored months.

    Incidents are kept of official verdicts alone, and scores only of what was found as configured.

    Args:
        verdict: Of `evaluate_window`.
        daily_sums: Of `sum_days`.
        drift_scores: Of `measure_drift`.
        evaluated: Of `find_evaluated`.
        label_figures: Of `summarise_labels`.
        logged_evidence: Of `read_logged_evidence`: up to where the log is evaluated.
        monitored: Says which days.
        monitoring: Says how the window was asked for.
    """
    row = VerdictRow(
        model="", evidence=Evidence(verdict["evidence"]), window=monitoring.window, first=verdict["first"],
        last=verdict["last"], computed_at=monitored.now, version=verdict["version"], variant=str(Variant.CHAMPION),
        moment=verdict["moment"], verdict=verdict["verdict"], cause=verdict["cause"], gain=verdict["gain"],
        reasons=verdict["reasons"], figures=verdict["figures"], next=verdict["next"], simulated=verdict["simulated"],
        details=verdict | {"labels": label_figures}, official=not monitored.why_exploratory,
        watermark=logged_evidence.watermark.predictions if monitored.is_of_log else None,
        watermark_at=logged_evidence.asked_at, last_actual=logged_evidence.received_at,
    )  # fmt: skip
    days = () if monitored.is_of_log else _split_days(daily_sums)
    window = (monitored.first_day, monitored.last_day)
    broken = [*evaluated.find_within(window[0]), *evaluated.of_others]
    incidents = [(str(one.day), one.kind, one.source) for one in broken]
    scores: list[dict[str, Any]] = []
    if not monitored.is_what_if:
        scores += _list_scores(drift_scores, verdict["version"])
        scores += _list_profiles(daily_sums, monitored, verdict)
    return Conclusion(row, scores, days, incidents if row.official else None, window)


def _list_profiles(daily_sums: pd.DataFrame, monitored: Monitored, verdict: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the figures of each slice of the window, and of all rides, as scores of the actual duration."""
    version, moment = verdict["version"], verdict["moment"]
    key = {"version": version, "feature": "duration", "first": monitored.first_day, "last": monitored.last_day}
    for name in daily_sums[daily_sums["version"] == version]["slice"].unique():
        days = select_days(daily_sums, version, moment, monitored.first_day, monitored.last_day, str(name))
        figures = measure(days.select(days.labelled > 0)) | {"labelled": [float(days.labelled.sum())]}
        for statistic, (value, *_) in figures.items():
            if value is not None:
                yield key | {"slice": str(name), "statistic": statistic, "value": value} | _UNTESTED


def _list_scores(drift_scores: pd.DataFrame, version: int) -> Iterator[dict[str, Any]]:
    separated: set[str] = set()
    for score in drift_scores.to_dict("records"):
        key = {"version": version, "slice": ALL, "feature": score["feature"]}
        key |= {name: str(np.datetime64(score[name], "D")) for name in ("first", "last")}
        if _known(score.get("separation")) is not None and key["first"] not in separated:
            separated.add(key["first"])
            of_all = {"feature": ALL, "statistic": "separation", "value": score["separation"]}
            yield key | of_all | _UNTESTED
        for statistic in _STATISTICS:
            if statistic in _OF_ANSWERS and _known(score.get(statistic)) is None:
                continue
            p_value, adjusted = _TESTED.get(statistic, ("", ""))
            yield key | {
                "statistic": statistic,
                "value": _known(score.get(statistic)),
                "p_value": _known(score.get(p_value)),
                "adjusted": _known(score.get(adjusted)),
            }


def _split_days(daily_sums: pd.DataFrame) -> Iterator[DayEvidence]:
    columns = ["version", "variant", "moment", "slice", *SUMS, *(name for name in AWAITED if name in daily_sums)]
    # A slice without labelled rides adds nothing; what the package cannot tell stays unknown.
    filled = daily_sums.fillna({name: 0.0 for name in SUMS if name not in MAY_BE_UNKNOWN})
    for day, rows in filled.groupby("day"):
        sums = [{str(name): _known(value) for name, value in row.items()} for row in rows[columns].to_dict("records")]
        yield DayEvidence(str(np.datetime64(pd.Timestamp(str(day)), "D")), sums)


def _known(value: Any) -> Any:
    """Return None for NaN."""
    return None if isinstance(value, float) and np.isnan(value) else value
