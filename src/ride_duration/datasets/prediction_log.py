"""Datasets of the service's store: logged rides by day, and the rows that the monitoring keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from uuid import uuid4

from kedro.io import AbstractDataset

from ride_duration.datasets.monitored_store import MonitoredStore, StoreDataset
from ride_duration.errors import RideDurationError

if TYPE_CHECKING:
    from ride_duration.store.monitoring import DayEvidence, DayState, VerdictRow
    from ride_duration.store.queries.news import News

#: Who marks incident days, beside people.
_FOUND_BY = "monitoring"


class Increment(NamedTuple):
    """What is computed of the log in one run.

    Attributes:
        days: The days with news; each is computed when its turn has come.
        news: What they come from; None where the log was not asked.
        at: When the run began, on the store's clock (seconds since 1970-01-01 UTC).
    """

    days: Iterable[DayEvidence] = ()
    news: News | None = None
    at: float = 0.0


class Conclusion(NamedTuple):
    """What a run of the monitoring has found.

    Attributes:
        verdict: As a row; the name of its model is filled in when it is kept.
        scores: Rows of `monitoring_scores`.
        scored_days: Of scored months.
        incidents: Day, kind and source of what broke in the window; None: those that are kept stay as they are.
        window: First and last day.
    """

    verdict: VerdictRow
    scores: list[dict[str, Any]]
    scored_days: Iterable[DayEvidence] = ()
    incidents: Sequence[tuple[str, str, str]] | None = None
    window: tuple[str, str] = ("", "")


def keep_increment(store: MonitoredStore, increment: Increment) -> None:
    """Note how far the rows of an increment will reach, and keep them day by day.

    Raises:
        RideDurationError: Another run computes the log meanwhile, or the store cannot be written.
    """
    if increment.news is None:
        return
    from ride_duration.store.monitoring import Evidence, claim_log, replace_days

    run = uuid4().hex
    news = increment.news
    if news.seen == news.reached and news.asked_at is None and not news.days:
        return
    times = (news.asked_at, news.received_at)
    claim_log(store.engine, store.model, run, news.seen, news.reached, news.days, increment.at, *times)
    replace_days(store.engine, store.model, Evidence.LOG, increment.days, increment.at, run)


class PredictionLogDataset(StoreDataset, AbstractDataset["NoReturn", MonitoredStore]):
    """The store, to be read by day. Only loaded, never saved."""

    def load(self) -> MonitoredStore:
        return self._store

    def save(self, data: NoReturn) -> NoReturn:  # noqa: ARG002
        raise RideDurationError("the prediction log is not saved; the service writes it")


class MonitoringRowsDataset(StoreDataset, AbstractDataset[Increment, MonitoredStore]):
    """The rows of the log's days: an increment when saved, a day at a time; the store when loaded.

    A run that is interrupted leaves each day as it was before or as it is after; the next one goes on with those that
    are left.
    """

    def save(self, data: Increment) -> None:
        keep_increment(self._store, data)

    def load(self) -> MonitoredStore:
        return self._store

    def _exists(self) -> bool:
        return True


class DayStatesDataset(StoreDataset, AbstractDataset["dict[str, DayState]", "dict[str, DayState]"]):
    """How much is known of each day of the log, noted beside its rows."""

    def save(self, data: dict[str, DayState]) -> None:
        if data:
            from ride_duration.store.monitoring import set_states

            set_states(self._store.engine, self._store.model, data)

    def load(self) -> dict[str, DayState]:
        from ride_duration.store.monitoring import DayState

        return {row["day"]: DayState(row["state"]) for row in self._store.load_labels()}


class ConclusionDataset(StoreDataset, AbstractDataset[Conclusion, "list[VerdictRow]"]):
    """The verdict of a run, its scores, and the sums of scored months, as rows; loaded: the verdicts.

    Saved in one transaction, of two runs one after the other: a run that is interrupted leaves all of it, or nothing.
    """

    def save(self, data: Conclusion) -> None:
        import msgspec

        from ride_duration.store.monitoring import (
            Evidence,
            IncidentDay,
            add_verdict,
            begin_writing,
            exclude_others,
            replace_days,
            replace_incident_days,
            replace_scores,
        )

        store, evidence = self._store, data.verdict.evidence
        engine, model, now = store.engine, store.model, data.verdict.computed_at
        scored_days = tuple(data.scored_days)  # computed before the store is locked
        with begin_writing(engine) as transaction:
            exclude_others(transaction)
            replace_days(transaction, model, Evidence.SCORED, scored_days, now)
            replace_scores(transaction, model, evidence, data.scores, now)
            if data.incidents is not None:
                incidents = [IncidentDay(*incident, now, _FOUND_BY) for incident in data.incidents]
                replace_incident_days(transaction, model, *data.window, _FOUND_BY, incidents)
            add_verdict(transaction, msgspec.structs.replace(data.verdict, model=model))

    def load(self) -> list[VerdictRow]:
        return self._store.load_verdicts()
