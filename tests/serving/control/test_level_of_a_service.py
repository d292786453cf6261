"""The live level of real services: computed by one, used by all, logged, and left away where it is of no use."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from ride_duration.level import STEP
from ride_duration.live_level import parse_level, replay_levels
from ride_duration.model_package import ModelPackage
from ride_duration.store.database import open_reading_engine
from ride_duration.store.levels import load_levels
from tests.serving.conftest import Models
from tests.serving.handlers.test_operations import metrics
from tests.support.level import DAY
from tests.support.serving.levelled import PICKUP, RIDE, RULES, Town
from tests.support.serving.packages import minutes
from tests.support.serving.service import Running
from tests.support.store.postgres import Postgres
from tests.support.store.samples import until


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A running server."""
    server = Postgres()
    yield server
    server.end()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store."""
    name = uuid4().hex
    if request.param == "sqlite":
        return f"sqlite:///data/stores/{name}.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def town(models: Models, started: Callable[..., Running], store: str) -> Town:
    return Town(models.project, models.champion(), started, store)


def test_two_instances_use_the_level_and_a_replay_of_the_log_gives_it(town: Town, models: Models) -> None:
    first, second = town.start(), town.start()
    town.move(first, second)
    raw = first.post("/predict", RIDE).json
    assert (raw["level"], raw["duration"]) == (1.0, pytest.approx(minutes(132, 230, PICKUP, 10.0), abs=1e-4))
    for _ in range(5):
        town.report_rides(first, 1.2, 60)
        town.report_rides(second, 1.2, 60)
        town.move(first, second)
    told = [one.post("/predict", RIDE | {"ride_id": f"told-{n}"}).json for n, one in enumerate((first, second))]
    factor = told[0]["level"]
    assert told[1]["level"] == factor
    assert 1.03 < factor < 1.06, "1 % a quarter of an hour"
    for one in told:
        assert [one[name] for name in ("duration", "lower", "upper")] == [
            min(max(raw[name] * factor, 1.0), 60.0) for name in ("duration", "lower", "upper")
        ]
    assert metrics(second)["ride_duration_level_factor", "1"] == factor
    assert second.get("/live").json["level"]["factor"] == factor
    batch = second.post("/predict/batch", {"rides": [RIDE], "what_if": True}).json["predictions"][0]
    assert (batch["level"], batch["duration"]) == (factor, pytest.approx(told[0]["duration"], abs=1e-4))
    until(lambda: metrics(first)["ride_duration_log_queue",] == metrics(second)["ride_duration_log_queue",] == 0)
    assert first.end() == second.end() == 0

    engine = open_reading_engine(town.url, town.clock.kind)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT p.duration, p.duration_raw, p.lower_raw, p.upper_raw, l.factor FROM predictions p "
                "JOIN levels l ON l.number = p.level WHERE ride_id LIKE 'told-%'"
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        (told[0]["duration"], raw["duration"], raw["lower"], raw["upper"], factor)
    ] * 2
    package = ModelPackage.load(find_package(first, town.registry.name), version=1)
    published = [row for row in load_levels(engine, town.registry.name, 1) if row is not None]
    replayed = list(replay_levels(engine, package, published, parse_level(RULES)))
    assert [state.factor for _, state in replayed] == [row.factor for row, _ in replayed]
    assert replayed[-1][0].factor == factor
    engine.dispose()


def find_package(service: Running, model: str) -> Path:
    """Return where a service keeps the package of version 1."""
    return service.folder / str(service.port) / "packages" / model / "1"


def test_a_level_that_is_of_no_use_gives_raw_answers_and_a_metric(town: Town) -> None:
    service = town.start()
    town.move(service)
    for _ in range(3):
        town.report_rides(service, 1.2, 100)
        town.move(service)
    assert service.post("/predict", RIDE).json["level"] > 1.01
    town.keep_lease()
    service.end()
    service.start()  # it is picked up again
    assert service.post("/predict", RIDE).json["level"] > 1.01
    expected = pytest.approx(minutes(132, 230, PICKUP, 10.0), abs=1e-4)
    counter = "ride_duration_level_raw_answers_total"

    def is_raw(reason: str) -> bool:
        answer = service.post("/predict", RIDE)
        assert answer.status == 200
        counted = metrics(service).get((counter, "1", reason), 0.0) or metrics(service).get((counter, reason, "1"), 0.0)
        return "level" not in answer.json and answer.json["duration"] == expected and counted > 0

    for sql in ("UPDATE levels SET factor = 7", "UPDATE levels SET factor = 'NaN'"):
        town.execute(sql)
        until(lambda: is_raw("corrupt"))
    town.execute("UPDATE levels SET state = '{'")
    until(lambda: is_raw("corrupt"))
    town.execute("DELETE FROM levels")
    until(lambda: is_raw("absent"))
    assert "version 1 answers without a live level: it is absent" in service.said


def test_a_level_that_is_three_days_old_is_not_used(town: Town) -> None:
    service = town.start()
    town.move(service)
    town.keep_lease()
    town.clock.advance(town.clock.now() + 3 * DAY - 2 * STEP)
    assert service.post("/predict", RIDE).json["level"] == 1.0
    town.clock.advance(town.clock.now() + 2 * STEP + 1)
    until(lambda: "level" not in service.post("/predict", RIDE).json)
    assert metrics(service)["ride_duration_level_factor", "1"] == 1.0
