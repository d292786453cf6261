"""The store of the service as the monitoring reads it, and how the catalog finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ride_duration.clock import open_clock
from ride_duration.errors import ConfigurationError, NotFound
from ride_duration.registry import model_name
from ride_duration.store.database import locate_store

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ride_duration.store.monitoring import DecisionRow, IncidentDay, LogSnapshot, VerdictRow
    from ride_duration.store.queries.logged_rides import LoggedRides
    from ride_duration.store.queries.news import News
    from ride_duration.store.queries.sampled_answers import SampledAnswers

T = TypeVar("T")


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
        from ride_duration.store.database import open_reading_engine

        self.engine  # noqa: B018  makes the tables
        return open_reading_engine(self._url, open_clock(self._clock).kind)

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
        from ride_duration.store.database import open_reading_engine
        from ride_duration.store.queries.contents import has_answers

        try:
            engine = open_reading_engine(self._url, open_clock(self._clock).kind)
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
        from ride_duration.store.monitoring import load_progress
        from ride_duration.store.queries.news import find_news

        find_store(self._url)
        return find_news(self.reading, self.model, load_progress(self.reading, self.model))

    def read_rides(self, day: str, rows: int) -> Iterator[LoggedRides]:
        """Yield the logged rides of a day, so many at a time."""
        from ride_duration.store.monitoring import describe_failures
        from ride_duration.store.queries.logged_rides import iterate_rides

        with describe_failures(self.reading):
            yield from iterate_rides(self.reading, self.model, day, rows)

    def find_champions(self, day: str) -> list[int]:
        """Find the versions that answered rides of a day as the champion."""
        from ride_duration.store.monitoring import describe_failures
        from ride_duration.store.queries.logged_rides import find_champions

        with describe_failures(self.reading):
            return find_champions(self.reading, self.model, day)

    def find_newest_champion(self) -> int | None:
        """Find the version that answered the newest ride as the champion; None where none did."""
        from ride_duration.store.monitoring import describe_failures
        from ride_duration.store.queries.logged_rides import find_newest_champion

        with describe_failures(self.reading):
            return find_newest_champion(self.reading, self.model)

    def sample_answers(self, day: str, number: int) -> SampledAnswers:
        """Draw some of the logged answers of a day."""
        from ride_duration.store.monitoring import describe_failures
        from ride_duration.store.queries.sampled_answers import sample_answers

        with describe_failures(self.reading):
            return sample_answers(self.reading, self.model, day, number)

    def load_snapshot(self, spans: Iterable[tuple[str, str]], features_between: tuple[str, str]) -> LogSnapshot:
        """Return the rows of the log as they are at one moment, see `store.monitoring.load_snapshot`."""
        from ride_duration.store.monitoring import load_snapshot

        return load_snapshot(self.reading, self.model, spans, features_between)

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
        from ride_duration.store.monitoring import load_verdicts

        return self._read(lambda engine: load_verdicts(engine, self.model, limit=1_000))

    def load_incident_days(self) -> list[IncidentDay]:
        """Return the days that the monitoring has found, or people have marked, as `load_verdicts` returns verdicts."""
        from ride_duration.store.monitoring import load_incident_days

        return self._read(lambda engine: load_incident_days(engine, self.model))

    def load_acceptances(self) -> list[DecisionRow]:
        """Return the decisions that accept a change of the model's days, as `load_verdicts` returns verdicts."""
        from ride_duration.store.monitoring import REBASE, load_decisions

        return self._read(lambda engine: load_decisions(engine, self.model, REBASE))

    def _read(self, load: Callable[[Engine], list[T]]) -> list[T]:
        from ride_duration.store.monitoring import read_monitoring

        if (engine := read_monitoring(self._url, open_clock(self._clock).kind)) is None:
            return []
        try:
            return load(engine)
        finally:
            engine.dispose()


class StoreDataset:
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
