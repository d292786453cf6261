"""Services with a live level: one model, one store, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from ride_duration.clock import SimulatedClock, start_clock
from ride_duration.level import STEP
from ride_duration.registry import Registry
from ride_duration.store.database import locate_store, open_writing_engine
from ride_duration.store.leases import take_lease
from ride_duration.store.levels import lease_name
from tests.serving.handlers.test_operations import metrics
from tests.support.level import CONFIGURED, MONDAY
from tests.support.serving.packages import minutes
from tests.support.serving.service import Running
from tests.support.store.samples import until

RULES = CONFIGURED["level"] | {"pseudo_rides": 10}
RIDE = {"PULocationID": 132, "DOLocationID": 230, "trip_distance": 10.0, "pickup_datetime": "2021-03-01T17:30:00"}
PICKUP = datetime(2021, 3, 1, 17, 30)


class Town:
    """Services of one model and one store, on a clock that the test moves."""

    def __init__(self, project: Path, registry: Registry, started: Callable[..., Running], store: str) -> None:
        self.registry, self.url = registry, locate_store(store, project)
        path = project / f"data/clock-{uuid4().hex}"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.clock: SimulatedClock = start_clock(path, MONDAY)
        self._started, self._given = started, {"store": store, "clock": str(path.relative_to(project))}
        self._given |= {"level": "live", "level_seconds": 0.1, "level_rules": RULES, "label_delay_hours": 1.0}

    def start(self, **given: Any) -> Running:
        """Start an instance."""
        return self._started(self.registry, **self._given | given)

    def report_rides(self, service: Running, factor: float, rides: int = 300) -> None:
        """Let rides take a factor of what the model answers."""
        numbers = [f"{uuid4().hex}" for _ in range(rides)]
        asked = service.post("/predict/batch", {"rides": [RIDE | {"ride_id": number} for number in numbers]})
        assert asked.status == 200, asked.content
        took = minutes(132, 230, PICKUP, 10.0) * factor
        report = {"actuals": [{"ride_id": number, "duration": took} for number in numbers]}
        assert service.post("/actuals", report).status == 202
        until(lambda: metrics(service)["ride_duration_log_queue",] == 0)

    def move(self, *services: Running, seconds: float = STEP) -> None:
        """Let time pass, and wait until all use the newest level."""
        self.clock.advance(self.clock.now() + seconds)
        version = "1"
        until(lambda: all(metrics(one)["ride_duration_level_age_seconds", version] < STEP for one in services))

    def execute(self, sql: str) -> None:
        """Change the store behind the services' backs."""
        engine = open_writing_engine(self.url)
        with engine.begin() as connection:
            connection.execute(text(sql))
        engine.dispose()

    def keep_lease(self) -> None:
        """Let no service compute any more."""
        engine = open_writing_engine(self.url)
        until(lambda: take_lease(engine, lease_name(self.registry.name), "a test", self.clock.now() + 1e9, 1e9))
        engine.dispose()
