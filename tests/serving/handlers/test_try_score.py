"""A challenger or shadow that fails keeps no client from a prediction, and is counted once."""

import asyncio
import json
import logging
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ride_duration.model_package import ModelPackage
from ride_duration.model_package.files import write_folder
from ride_duration.serving.handlers import predict as service_module
from ride_duration.serving.handlers.predict import PredictHandler
from ride_duration.serving.inference.counters import Counters
from ride_duration.serving.inference.deployment import Deployment, Model
from ride_duration.serving.inference.metrics import Metrics
from ride_duration.store import LogFull, PredictionLog
from ride_duration.store.log_records import PredictionRecord
from tests.support.serving.packages import priced

RIDES = [
    {"ride_id": number, "PULocationID": 10, "DOLocationID": 50, "trip_distance": miles}
    for number, miles in enumerate([20, 40, None, 200] * 10)
]
WITH_DISTANCE = 20


class Kept(PredictionLog):
    """A log that shows what it is given, or is full."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"sqlite:///{folder}/predictions.db", folder, "memory", "test")
        self.records: list[Any] = []
        self.full = False

    def append(self, records: Any) -> None:
        if self.full:
            raise LogFull("the journal is full")
        self.records += records
        super().append(records)


class Alone:
    """A service without HTTP."""

    def __init__(self, folder: Path, deployment: Deployment) -> None:
        self.log = Kept(folder)
        self.counters = Counters()
        self.metrics = Metrics(self.counters)
        self.worker = ThreadPoolExecutor(1)
        reconciler: Any = SimpleNamespace(deployment=deployment)
        self.service = PredictHandler(reconciler, self.log, self.counters, self.metrics, self.worker)

    def ask(self, rides: list[dict[str, Any]], *, batch: bool) -> list[Any]:
        """Answers, of single requests or of one batch."""

        async def answers() -> list[Any]:
            if batch:
                return (await self.service.predict_batch(json.dumps({"rides": rides}).encode())).predictions
            return [await self.service.predict(json.dumps(ride).encode()) for ride in rides]

        return asyncio.run(answers())

    def lacked(self, what: str) -> float | None:
        return self.metrics.registry.get_sample_value("ride_duration_inputs_total", {"lacked": what})


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Model]:
    def load(version: int, **package: Any) -> Model:
        folder = tmp_path / f"package-{version}"
        write_folder(folder, priced(2.0 + version, **package))
        return Model(ModelPackage.load(folder, version=version), "priced", 1e9)

    return load


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Callable[[Deployment], Alone]]:
    made: list[Alone] = []

    def make(deployment: Deployment) -> Alone:
        made.append(Alone(tmp_path / "log", deployment))
        return made[-1]

    yield make
    for one in made:
        one.worker.shutdown()
        one.log.close()


def broken(model: Model) -> Model:
    """The model, without answers."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("it is broken")

    model.answer = fail  # type: ignore[assignment]
    model.package = SimpleNamespace(answer=fail)  # type: ignore[assignment]
    return model


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_challenger_answers_whatever_the_champion_does_and_what_a_ride_lacks_is_counted_once(
    model: Callable[..., Model], alone: Callable[..., Alone], share: float, batch: bool
) -> None:
    one = alone(Deployment(model(1), model(2), share))
    answered = one.ask(RIDES, batch=batch)
    assert {answer.variant for answer in answered} == {"challenger" if share else "champion"}
    its = {int(record.ride_id) for record in one.log.records if record.model_version == 2}
    assert its == {ride["ride_id"] for ride in RIDES}
    assert one.counters.failed == {}
    assert one.lacked("missing_distance") == one.lacked("distance_out_of_range") == 10


def test_a_model_that_needs_a_valid_distance_requires_more_than_one_that_needs_any(model: Callable[..., Model]) -> None:
    none, valid, any_distance = model(1), model(2, distance="required"), model(3, distance="required")
    any_distance._needs_valid_distance = False
    models = (none, any_distance, valid)
    assert [[one.requires_more_than(other) for other in models] for one in models] == [
        [False, False, False],
        [True, False, False],
        [True, True, False],
    ]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("how", ["broken", "no number"])
def test_a_challenger_that_fails_keeps_no_client_from_a_prediction(
    model: Callable[..., Model],
    alone: Callable[..., Alone],
    caplog: pytest.LogCaptureFixture,
    share: float,
    batch: bool,
    how: str,
) -> None:
    challenger = model(2, distance="required" if how == "no number" else "optional")
    if how == "broken":
        broken(challenger)
    one = alone(Deployment(model(1), challenger, share))
    answered = one.ask(RIDES, batch=batch)
    assert [answer.ride_id for answer in answered] == list(range(len(RIDES)))
    assert all(math.isfinite(answer.duration) for answer in answered)
    records: list[PredictionRecord] = one.log.records
    assert all(math.isfinite(record.duration) for record in records)
    of_challenger = [record for record in records if record.model_version == 2]
    failed = one.counters.failures(2)
    if share != 0.5:
        assert failed == (len(RIDES) if how == "broken" else len(RIDES) - WITH_DISTANCE)
        assert len(of_challenger) == len(RIDES) - failed
    assert 0 < failed <= len(RIDES)
    assert len(records) == len(RIDES) + (len(of_challenger) if share == 0.0 else 0)
    said = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(said) == (1 if batch else failed)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("error", [RuntimeError, ArithmeticError])
def test_the_champions_failure_is_an_error_and_not_the_challengers(
    model: Callable[..., Model], alone: Callable[..., Alone], error: type[Exception], batch: bool
) -> None:
    champion = broken(model(1)) if error is RuntimeError else model(1, distance="required")
    champion.needs_distance = False
    one = alone(Deployment(champion, model(2), 1e-9))
    with pytest.raises(error):
        one.ask([RIDES[2]], batch=batch)
    assert one.counters.failed == {}
    assert one.log.records == []


def test_a_model_that_cannot_explain_still_predicts(
    model: Callable[..., Model], alone: Callable[..., Alone], caplog: pytest.LogCaptureFixture
) -> None:
    challenger = model(2)
    one = alone(Deployment(model(1), challenger, 1.0))
    body = json.dumps(RIDES[0]).encode()
    assert asyncio.run(one.service.predict_and_explain(body)).reasons is not msgspec.UNSET
    challenger.package = SimpleNamespace(explain=lambda _: 1 / 0)  # type: ignore[assignment]
    told = asyncio.run(one.service.predict_and_explain(body))
    assert (told.variant, told.reasons) == ("challenger", msgspec.UNSET)
    assert one.counters.failed == {(2, "challenger"): 1}
    assert "failed to explain a ride" in caplog.text


@pytest.mark.parametrize("batch", [False, True])
def test_nothing_is_counted_before_it_is_kept(
    model: Callable[..., Model], alone: Callable[..., Alone], batch: bool
) -> None:
    one = alone(Deployment(model(1), model(2)))
    one.log.full = True
    with pytest.raises(service_module.ServiceUnavailable):
        one.ask(RIDES[:1], batch=batch)
    assert one.counters.scored == {}
    one.log.full = False
    one.ask(RIDES[:1], batch=batch)
    assert one.counters.scored == {(1, "champion"): 1, (2, "shadow"): 1}


def test_a_batch_is_understood_aside_and_its_time_is_that_of_its_model(
    model: Callable[..., Model], alone: Callable[..., Alone], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = alone(Deployment(model(1), model(2), 0.5))
    busy = threading.Event()
    one.worker.submit(busy.wait)
    threads = set()
    parse_ride = service_module.parse_ride

    def noting(*given: Any) -> Any:
        threads.add(threading.current_thread())
        return parse_ride(*given)

    monkeypatch.setattr(service_module, "parse_ride", noting)
    timer = threading.Timer(0.5, busy.set)
    timer.start()
    one.ask(RIDES, batch=True)
    timer.join()
    assert threads
    assert threading.current_thread() not in threads
    assert {record.variant for record in one.log.records} == {"champion", "challenger"}
    assert all(0 < record.milliseconds < 500 / len(RIDES) for record in one.log.records)
