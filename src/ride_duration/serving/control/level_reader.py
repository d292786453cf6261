"""Follows the published live levels, and gives each loaded model its own; raw answers where there is none of use."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ride_duration.errors import RideDurationError
from ride_duration.level import STEP
from ride_duration.live_level import LevelPublisher, parse_level
from ride_duration.serving.inference.deployment import AppliedLevel
from ride_duration.store.database import open_reading_engine
from ride_duration.store.levels import LevelRow, load_newest_levels

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from sqlalchemy import Engine

    from ride_duration.clock import Clock
    from ride_duration.serving.control.reconciler import Reconciler
    from ride_duration.serving.inference.deployment import Model
    from ride_duration.serving.settings import ServiceSettings

log = logging.getLogger(__name__)

#: A level that is older (seconds) says nothing of now.
STALE_SECONDS = 3 * 86_400.0

#: Seconds that the end waits for a computation; one that is cut off is as if it had never begun.
_GRACE = 5.0


class LevelReader:
    """Gives each loaded model the newest level of its version.

    Args:
        settings: Of the service.
        reconciler: Has the models.
        clock: Which the store's times are on.

    Attributes:
        clock: The same.
    """

    def __init__(self, settings: ServiceSettings, reconciler: Reconciler, clock: Clock) -> None:
        self._settings, self._reconciler, self.clock = settings, reconciler, clock
        rules = parse_level(settings.level_rules)
        self._bounds = rules.lowest, rules.highest
        self._engine: Engine | None = None
        self._problem = ""

    @property
    def models(self) -> list[Model]:
        """Return the loaded models."""
        deployment = self._reconciler.deployment
        return [model for _, model, _ in deployment.variants] if deployment else []

    def read(self) -> None:
        """Look at the store; what was read last holds while it is away, until it is stale."""
        models = self.models
        try:
            if self._engine is None:
                self._engine = open_reading_engine(self._settings.store_url, self.clock.kind)
            newest = load_newest_levels(self._engine, self._settings.model, [model.version for model in models])
        except RideDurationError as error:
            if not self._problem:
                log.warning("the live level cannot be read: %s", error)
            self._problem = str(error)
            for model in models:
                if model.level is None:
                    model.level_problem = model.level_problem or "absent"
                elif self._is_stale(model.level.since):
                    model.level, model.level_problem = None, "stale"
            return
        self._problem = ""
        for model in models:
            level, problem = self._check(newest.get(model.version), is_there=model.version in newest)
            if problem and problem != model.level_problem:
                log.warning("version %d answers without a live level: it is %s", model.version, problem)
            model.level, model.level_problem = level, problem

    def close(self) -> None:
        """Let the connections go."""
        if self._engine is not None:
            self._engine.dispose()

    def _check(self, row: LevelRow | None, *, is_there: bool) -> tuple[AppliedLevel | None, str]:
        if row is None:
            return None, "corrupt" if is_there else "absent"
        least, most = self._bounds
        since = row.step * STEP
        sound = math.isfinite(row.factor) and least <= row.factor <= most and row.factor == row.state.get("factor")
        if not sound or since > self.clock.now() + STEP:
            return None, "corrupt"
        if self._is_stale(since):
            return None, "stale"
        return AppliedLevel(row.number, row.factor, since, row.frozen), ""

    def _is_stale(self, since: float) -> bool:
        return self.clock.now() - since > STALE_SECONDS


class LevelCollector(Collector):
    """The levels that answers are multiplied by, as Prometheus takes them.

    Args:
        reader: Has given them to the models.
    """

    def __init__(self, reader: LevelReader) -> None:
        self._reader = reader

    def collect(self) -> Iterable[Metric]:
        now, levels = self._reader.clock.now(), [(model.version, model.level) for model in self._reader.models]
        for name, about, values in (
            ("factor", "What answers are multiplied by; 1 without a live level.", [
                (version, 1.0 if level is None else level.factor) for version, level in levels
            ]),
            ("age_seconds", "Since the quarter of an hour of the live level began; NaN without one.", [
                (version, math.nan if level is None else now - level.since) for version, level in levels
            ]),
            ("frozen", "Whether the live level is frozen.", [
                (version, float(level is not None and level.is_frozen)) for version, level in levels
            ]),
        ):  # fmt: skip
            family = GaugeMetricFamily(f"ride_duration_level_{name}", about, labels=["version"])
            for version, value in values:
                family.add_metric([str(version)], value)
            yield family


@contextmanager
def follow_level(reader: LevelReader, settings: ServiceSettings) -> Iterator[None]:
    """Use the published levels, and compute them while no other process does, each in a thread of its own."""
    rules = parse_level(settings.level_rules)
    publisher = LevelPublisher(
        settings.store_url, settings.model, reader.clock, rules, settings.label_delay_hours, settings.name
    )
    stop = threading.Event()

    def publish() -> None:
        packages = [(model.version, model.package) for model in reader.models]
        if publisher.publish(packages):
            reader.read()

    def follow(look: str) -> None:
        failed = ""
        while not stop.wait(settings.level_seconds):
            try:
                publish() if look == "compute" else reader.read()
                failed = ""
            except Exception as error:  # whatever it is, the next look may succeed
                if failed != str(error):
                    log.warning("the live level cannot be followed, and is tried again: %s", error)
                failed = str(error)

    reader.read()
    threads = [
        threading.Thread(target=follow, args=(look,), name=f"level-{look}", daemon=True) for look in ("compute", "read")
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(_GRACE)
        if not any(thread.is_alive() for thread in threads):
            try:
                publisher.close()
            except RideDurationError as error:  # the lease runs out by itself
                log.warning("the lease of the live level is not released: %s", error)
            reader.close()
