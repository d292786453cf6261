"""Reads what the monitoring has found from the rows of the store, for Prometheus and the page."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ride_duration.errors import RideDurationError
from ride_duration.store.monitoring import (
    Cause,
    Finding,
    VerdictRow,
    describe_failures,
    load_days,
    load_incident_days,
    load_newest_verdict,
    load_scores,
    read_monitoring,
)

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from sqlalchemy import Engine

    from ride_duration.clock import ClockKind

log = logging.getLogger(__name__)

#: Days that the page shows.
SHOWN_DAYS = 28

#: The slice of all rides.
_ALL = "all"


class MonitoredDay(NamedTuple):
    """One New York day of the version that the verdict is about.

    Attributes:
        day: For instance 2021-03-01.
        rides: Rides that were answered.
        labelled: Those whose actual duration is known.
        level: Σ actual / Σ predicted; None without labels.
        is_incident: Whether something was marked as broken on it.
    """

    day: str
    rides: int
    labelled: int
    level: float | None
    is_incident: bool


class MonitoringState(NamedTuple):
    """What the rows say.

    Attributes:
        verdict: The newest.
        days: The last days of its window.
        worst_drift: The largest PSI of a feature in the newest window; None where there is none.
    """

    verdict: VerdictRow
    days: list[MonitoredDay]
    worst_drift: float | None


class MonitoringReader:
    """Follows the newest official verdict about a model.

    Args:
        store_url: Of the prediction log.
        model: Name of the registered model.
        clock: Which clock the store is on.

    Attributes:
        state: As it was read last; None while there is nothing.
        unwatched_since: When the oldest prediction was made (seconds since 1970-01-01 UTC), while there is no official
            verdict; else None.
    """

    def __init__(self, store_url: str, model: str, clock: ClockKind) -> None:
        self._url = store_url
        self._model = model
        self._clock = clock
        self._engine: Engine | None = None
        self._problem = ""
        self.state: MonitoringState | None = None
        self.unwatched_since: float | None = None

    def read(self) -> None:
        """Look at the store; what was read last stays while it is away."""
        try:
            if self._engine is None:
                self._engine = read_monitoring(self._url, self._clock)
            if self._engine is None:
                return
            verdict = load_newest_verdict(self._engine, self._model, only_official=True)
            self.unwatched_since = _find_oldest(self._engine, self._model) if verdict is None else None
            if verdict is None:
                self.state = None
            elif self.state is None or self.state.verdict.number != verdict.number:
                self.state = self._read_state(self._engine, verdict)
        except RideDurationError as error:
            if not self._problem:
                log.warning("the rows of the monitoring cannot be read: %s", error)
            self._problem = str(error)
        else:
            self._problem = ""

    def close(self) -> None:
        """Let the connections go."""
        if self._engine is not None:
            self._engine.dispose()

    def _read_state(self, engine: Engine, verdict: VerdictRow) -> MonitoringState:
        first = max(verdict.first, str(date.fromisoformat(verdict.last) - timedelta(days=SHOWN_DAYS - 1)))
        rows = [
            row
            for row in load_days(engine, self._model, verdict.evidence, first, verdict.last)
            if (row["version"], row["variant"], row["moment"], row["slice"])
            == (verdict.version, verdict.variant, verdict.moment, _ALL)
        ]
        broken = {one.day for one in load_incident_days(engine, self._model, first, verdict.last)}
        broken |= set(verdict.details.get("incidents", ()))
        days = [
            MonitoredDay(
                row["day"], int(row["rides"]), int(row["labelled"]),
                round(row["actual"] / row["predicted"], 4) if row["predicted"] else None, row["day"] in broken,
            )
            for row in rows
        ]  # fmt: skip
        return MonitoringState(verdict, days, self._find_worst_drift(engine, verdict))

    def _find_worst_drift(self, engine: Engine, verdict: VerdictRow) -> float | None:
        """Return the largest PSI of the newest window within that of the verdict."""
        scores = [
            score
            for score in load_scores(engine, self._model, verdict.first, verdict.last)
            if (score["statistic"], score["version"]) == ("psi", verdict.version)
            and (score["evidence"], score["value"] is not None) == (verdict.evidence, True)
        ]
        newest = max((score["last"] for score in scores), default="")
        return max((score["value"] for score in scores if score["last"] == newest), default=None)


def _find_oldest(engine: Engine, model: str) -> float | None:
    """Return when the first prediction of a model that arrived was made; None if there is none."""
    from sqlalchemy import select

    from ride_duration.store.tables import predictions

    question = select(predictions.c.asked_at).where(predictions.c.model == model).order_by(predictions.c.arrival)
    with describe_failures(engine), engine.connect() as connection:
        at = connection.scalar(question.limit(1))
    return None if at is None else float(at)


class MonitoringCollector(Collector):
    """What the monitoring has found, as Prometheus takes it; nothing while there is no verdict.

    Times are given, and not ages, so that a rule can subtract them from the time of its evaluation.
    """

    def __init__(self, reader: MonitoringReader) -> None:
        self._reader = reader

    def collect(self) -> Iterable[Metric]:
        state = self._reader.state
        if state is None:
            return
        verdict = state.verdict
        for name, about, label, values, found in (
            ("verdict", "1 for what the newest verdict says.", "finding", Finding, verdict.verdict),
            ("cause", "1 for the cause that it names.", "cause", Cause, verdict.cause),
        ):
            family = GaugeMetricFamily(f"ride_duration_monitoring_{name}", about, labels=["model", label])
            for value in values:
                family.add_metric([verdict.model, value], float(value == found))
            yield family
        drifted = verdict.details.get("drifted", ())
        for name, about, number in (
            ("level", "Actual by predicted minutes, over the window.", _figure(verdict, "level")),
            ("error_ratio", "Realised by expected RMSE, over the window.", _figure(verdict, "error_ratio")),
            ("coverage_ratio", "Share of rides inside the interval, over the window.", _figure(verdict, "coverage")),
            ("labelled_ratio", "Share of rides whose actual duration is known.", _figure(verdict, "labelled")),
            ("worst_psi", "Largest PSI of a feature in the newest window.", state.worst_drift),
            ("drifted_features", "Features whose distribution has changed.", float(len(drifted))),
            ("last_run_timestamp_seconds", "When the newest verdict was made.", verdict.computed_at),
            ("last_actual_timestamp_seconds", "When the newest actual that it knows came.", verdict.last_actual),
            ("watermark_timestamp_seconds", "When the newest prediction that it knows was made.", verdict.watermark_at),
        ):
            family = GaugeMetricFamily(f"ride_duration_monitoring_{name}", about, labels=["model"])
            family.add_metric([verdict.model], math.nan if number is None else number)
            yield family


def _figure(verdict: VerdictRow, name: str) -> float | None:
    return (verdict.figures.get(name) or [None])[0]
