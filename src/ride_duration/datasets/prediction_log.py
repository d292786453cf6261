"""The store of the service, as the catalog sees it: logged rides by day, and the rows that the monitoring keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from uuid import uuid4

from kedro.io import AbstractDataset

from ride_duration.clock import open_clock
from ride_duration.errors import ConfigurationError, NotFound, RideDurationError
from ride_duration.registry import model_name
from ride_duration.store.database import locate_store

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Engine

    from ride_duration.store.monitoring import DayEvidence, DayState, IncidentDay, VerdictRow
    from ride_duration.store.queries.logged_rides import LoggedRides
    from ride_duration.store.queries.news import News


#: Who marks incident days, beside people.
_FOUND_BY = "monitoring"


class MonitoredStore:
    """The store of one model; nothing is opened before it is asked for.

    Args:
        url: Of the store.
        clock: File of the simulated clock; None: the machine's own.
        model: Name of the registered model.
    """

    def __init__(self, url: str, clock: Path | None, model: str) -> None:
        self._url, self._clock = url, clock
        self.model = model

    @cached_property
    def engine(self) -> Engine:
        """The store, to be written, with the newest tables.

        Raises:
            RideDurationError: It cannot be reached, or its times are on another clock.
        """
        from ride_duration.store.monitoring import open_monitoring

        return open_monitoring(self._url, open_clock(self._clock).kind)

    @cached_property
    def reading(self) -> Engine:
        """The same to be read, which blocks no writer."""
        from ride_duration.store.database import engine_for_reading

        self.engine  # noqa: B018  makes the tables
        return engine_for_reading(self._url, open_clock(self._clock).kind)

    def close(self) -> None:
        """Let the connections go; the next question opens others."""
        for name in ("engine", "reading"):
            if name in self.__dict__:
                self.__dict__.pop(name).dispose()

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC on the store's clock."""
        return open_clock(self._clock).now()

    def has_predictions(self) -> bool:
        """Return whether the service has logged an answer of the model; no store is made to find out."""
        from ride_duration.store.database import engine_for_reading
        from ride_duration.store.queries.contents import has_answers

        try:
            engine = engine_for_reading(self._url, open_clock(self._clock).kind)
        except NotFound:
            return False
        try:
            return has_answers(engine, self.model)
        finally:
            engine.dispose()

    def find_news(self) -> News:
        """Find the days about which anything has arrived since the rows were computed.

        Raises:
            RideDurationError: There is no store yet, and none is made; or it cannot be reached.
        """
        from ride_duration.store.database import find_store
        from ride_duration.store.monitoring import load_times, load_watermark
        from ride_duration.store.queries.news import find_news

        find_store(self._url)
        times_known = load_times(self.reading, self.model)[0] is not None
        return find_news(self.reading, self.model, load_watermark(self.reading, self.model), times_known=times_known)

    def read_rides(self, day: str, rows: int) -> Iterator[LoggedRides]:
        """Yield the logged rides of a day, so many at a time."""
        from ride_duration.store.monitoring import describe_failures
        from ride_duration.store.queries.logged_rides import iterate_rides

        with describe_failures(self.reading):
            yield from iterate_rides(self.reading, self.model, day, rows)

    def load_days(self, first: str, last: str) -> pd.DataFrame:
        """Return the sums of the log's days from the first to the last."""
        import pandas as pd

        from ride_duration.store.monitoring import Evidence, load_days
        from ride_duration.store.monitoring_tables import monitoring_days

        rows = load_days(self.reading, self.model, Evidence.LOG, first, last)
        return pd.DataFrame(rows, columns=[column.name for column in monitoring_days.columns])

    def load_labels(self) -> list[dict[str, Any]]:
        """Return what is known of the reports of each day."""
        from ride_duration.store.monitoring import load_labels

        return load_labels(self.reading, self.model)

    def load_marks(self, first: str, last: str) -> list[IncidentDay]:
        """Return the days that people have marked; none where there is no store yet."""
        from ride_duration.store.monitoring import load_marks, read_monitoring

        engine = read_monitoring(self._url, open_clock(self._clock).kind)
        if engine is None:
            return []
        try:
            # a former program's table has no reasons before it is migrated
            return load_marks(self.reading, self.model, first, last)
        finally:
            engine.dispose()

    def load_verdicts(self) -> list[VerdictRow]:
        """Return the verdicts about the model, the newest first; none where there is no store yet.

        Raises:
            RideDurationError: The store cannot be read, or is on another clock.
        """
        from ride_duration.store.monitoring import load_verdicts, read_monitoring

        engine = read_monitoring(self._url, open_clock(self._clock).kind)
        if engine is None:
            return []
        try:
            return load_verdicts(engine, self.model, limit=1_000)
        finally:
            engine.dispose()

    def load_features(self, version: int, first: str, last: str) -> list[dict[str, Any]]:
        """Return what the logged rides of the days were like, in the bins of a version's reference."""
        from ride_duration.store.monitoring import load_features

        return load_features(self.reading, self.model, version, first, last)


class Increment(NamedTuple):
    """What is computed of the log in one run.

    Attributes:
        days: The days with news; each is computed when its turn has come.
        news: What they come from; None where the log was not asked.
    """

    days: Iterable[DayEvidence] = ()
    news: News | None = None


class Conclusion(NamedTuple):
    """What a run of the monitoring has found.

    Attributes:
        verdict: As a row; `computed_at`, `watermark` and `last_actual` are filled in when it is kept.
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
    """Keep the rows of an increment day by day, and then how far they reach.

    Raises:
        RideDurationError: Another run computes the log meanwhile, or the store cannot be written.
    """
    if increment.news is None:
        return
    from ride_duration.store.monitoring import Evidence, claim_log, move_watermark, replace_days

    run = uuid4().hex
    news = increment.news
    if news.seen == news.reached and news.asked_at is None:
        return
    claim_log(store.engine, store.model, run, news.seen)
    replace_days(store.engine, store.model, Evidence.LOG, increment.days, store.now(), run)
    move_watermark(store.engine, store.model, run, news.reached, store.now(), news.asked_at, news.received_at)


class OfStore:
    """Finds the store of a model.

    Args:
        path: The project's `data` folder; SQLite files are relative to the folder that it lies in.
        serving: Parameters of the service; `store` and `clock` are read.
        taxi_type: Of which taxis.
        source: Where months come from.
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    #: The database has.
    HAS_OWN_LOCK = True

    def __init__(
        self, path: str, serving: dict[str, Any], taxi_type: str, source: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._project = Path(path).parent
        self._serving = serving
        self._model = model_name(taxi_type, source)
        self.metadata = metadata

    @cached_property
    def _store(self) -> MonitoredStore:
        if not isinstance(self._serving, dict) or not self._serving.get("store"):
            raise ConfigurationError("the parameter serving.store names no store; write its URL there")
        clock = self._serving.get("clock")
        url = locate_store(str(self._serving["store"]), self._project)
        return MonitoredStore(url, self._project / clock if clock else None, self._model)

    def _describe(self) -> dict[str, Any]:
        return {"model": self._model}


class PredictionLogDataset(OfStore, AbstractDataset["NoReturn", MonitoredStore]):
    """The store, to be read by day. Only loaded, never saved."""

    def load(self) -> MonitoredStore:
        return self._store

    def save(self, data: NoReturn) -> NoReturn:  # noqa: ARG002
        raise RideDurationError("the prediction log is not saved; the service writes it")


class MonitoringRowsDataset(OfStore, AbstractDataset[Increment, MonitoredStore]):
    """The rows of the log's days: an increment when saved, a day at a time; the store when loaded.

    A run that is interrupted leaves each day as it was before or as it is after; the next one computes again what this
    one had not finished.
    """

    def save(self, data: Increment) -> None:
        keep_increment(self._store, data)

    def load(self) -> MonitoredStore:
        return self._store

    def _exists(self) -> bool:
        return True


class DayStatesDataset(OfStore, AbstractDataset["dict[str, DayState]", "dict[str, DayState]"]):
    """How much is known of each day of the log, noted beside its rows."""

    def save(self, data: dict[str, DayState]) -> None:
        if data:
            from ride_duration.store.monitoring import set_states

            set_states(self._store.engine, self._store.model, data)

    def load(self) -> dict[str, DayState]:
        from ride_duration.store.monitoring import DayState

        return {row["day"]: DayState(row["state"]) for row in self._store.load_labels()}


class ConclusionDataset(OfStore, AbstractDataset[Conclusion, "list[VerdictRow]"]):
    """The verdict of a run, its scores, and the sums of scored months, as rows; loaded: the verdicts."""

    def save(self, data: Conclusion) -> None:
        import msgspec

        from ride_duration.store.monitoring import (
            Evidence,
            IncidentDay,
            add_verdict,
            load_times,
            load_watermark,
            replace_days,
            replace_incident_days,
            replace_scores,
        )

        store, evidence = self._store, data.verdict.evidence
        engine, model, now = store.engine, store.model, store.now()
        replace_days(engine, model, Evidence.SCORED, data.scored_days, now)
        replace_scores(engine, model, evidence, data.scores, now)
        if data.incidents is not None:
            incidents = [IncidentDay(*incident, now, _FOUND_BY) for incident in data.incidents]
            replace_incident_days(engine, model, *data.window, _FOUND_BY, incidents)
        verdict = msgspec.structs.replace(data.verdict, model=model, computed_at=now)
        if evidence is Evidence.LOG:
            watermark, (asked_at, last) = load_watermark(engine, model).predictions, load_times(engine, model)
            verdict = msgspec.structs.replace(verdict, watermark=watermark, watermark_at=asked_at, last_actual=last)
        add_verdict(engine, verdict)

    def load(self) -> list[VerdictRow]:
        return self._store.load_verdicts()
