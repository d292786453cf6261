"""Models are swapped as the registry says, and whatever is wrong with one, the model before goes on answering."""

import shutil
from collections.abc import Callable
from pathlib import Path

import filelock
import msgspec
import pytest

from ride_duration.errors import RegistryUnavailable, RideDurationError
from ride_duration.model_package.files import write_folder
from ride_duration.playback.service_process import find_free_port
from ride_duration.registry import Registry, decision_lock
from ride_duration.registry.__main__ import decide
from ride_duration.registry.reader import RegistryReader, Released
from ride_duration.serving.api_keys import add_key
from ride_duration.serving.control.package_cache import PackageCache
from ride_duration.serving.control.registry_process import run_decision
from ride_duration.serving.inference.deployment import Model
from ride_duration.serving.settings import ServiceSettings
from tests.model_package.tiny import tiny_package
from tests.registry.store import SETTINGS, package_folder
from tests.serving.conftest import Models
from tests.serving.handlers.test_operations import metrics
from tests.serving.http.test_problems import refused
from tests.support.serving.packages import SCALE
from tests.support.serving.service import Running

RIDE = {"PULocationID": 10, "DOLocationID": 50, "trip_distance": 40, "pickup_datetime": "2021-02-03T08:30:00"}
Start = Callable[..., Running]


def answers(running: Running, version: int) -> bool:
    """Whether a version answers now, and rides get its answers."""
    running.until("/models", lambda told: told["variants"] and told["variants"][0]["version"] == str(version))
    return running.post("/predict", RIDE).json["model_version"] == str(version)


def test_a_new_champion_takes_over(models: Models, started: Start) -> None:
    registry = models.champion(3.0)
    running = started(registry)
    before = running.post("/predict", RIDE).json["duration"]
    models.champion(4.0, registry=registry)
    assert answers(running, 2)
    assert running.post("/predict", RIDE).json["duration"] - before == pytest.approx(SCALE * 40, abs=1e-3)
    registry.rollback("Ana", "too slow")
    assert answers(running, 1)
    assert running.post("/predict", RIDE).json["duration"] == before


def test_without_a_champion_rides_are_told_what_to_do_until_there_is_one(models: Models, started: Start) -> None:
    registry = models.store.new()
    running = started(registry, release_command="kedro run --env tlc")
    for reply in (running.post("/predict", RIDE), running.get("/ready")):
        assert "there is no champion yet; `kedro run --env tlc` releases one" in refused(reply, 503)
        assert reply.headers["retry-after"] == "2"
    assert running.get("/health").status == 200
    assert running.get("/models").json["variants"] == []
    assert running.get("/live").json["model"] is None
    assert running.post("/actuals", {"ride_id": 1, "duration": 3}).status == 202
    models.champion(registry=registry)
    assert answers(running, 1)
    assert running.get("/ready").status == 200


def test_a_damaged_package_never_answers(models: Models, started: Start) -> None:
    registry = models.champion()
    running = started(registry)
    damaged = models.release(registry, 5.0, own=True)
    models.store.damage(registry, damaged)
    alias(registry, damaged)
    told = running.until("/models", lambda told: told["problem"])
    assert "lower.onnx is not what was packaged" in told["problem"]
    assert answers(running, 1)
    assert running.get("/ready").status == 200
    sample = metrics(running)
    assert sample["ride_duration_deployment_problem",] == sample["ride_duration_refused_packages",] == 1
    assert running.end() == 0
    running.start()
    assert answers(running, 1)  # from the cache, since the registry's champion cannot
    alias(registry, 1)
    running.until("/models", lambda told: told["problem"] is None)


@pytest.mark.parametrize("last", [True, False])
def test_no_byte_of_a_package_may_change(models: Models, tmp_path: Path, last: bool) -> None:
    registry = models.champion()
    whole = package_folder(registry, 1)
    copied = tmp_path / "package"
    shutil.copytree(whole, copied)
    cache = PackageCache(tmp_path / "cache")
    source = Released(copied, 1e9, {})
    assert Model(cache.package(1, source), "tiny", cache.released_at(1)).released_at == 1e9
    for file in sorted(path for path in copied.rglob("*") if path.is_file()):
        content = file.read_bytes()
        at = len(content) - 1 if last else 0
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(RideDurationError, match="is refused"):
            cache.package(2, source)
        file.write_bytes(content)
    assert cache.package(2, source).contents


def test_another_package_than_the_one_registered_is_not_served(models: Models, tmp_path: Path) -> None:
    registry = models.champion()
    found = RegistryReader(models.project, SETTINGS, registry.name).released(1)
    cache = PackageCache(tmp_path / "cache")
    expected = cache.package(1, found).contents
    write_folder(tmp_path / "another", tiny_package(9.0))
    with pytest.raises(RideDurationError, match=r"not the one that was registered as version 1 \(another identity\)"):
        cache.package(1, found._replace(folder=tmp_path / "another"))
    assert cache.package(1).contents == expected


def alias(registry: Registry, version: int) -> None:
    """Make a version champion by other means, without a look at its package."""
    import mlflow

    mlflow.MlflowClient().set_registered_model_alias(registry.name, "champion", str(version))


def test_a_package_whose_golden_rides_come_out_wrong_is_refused(models: Models, started: Start) -> None:
    registry = models.champion()
    running = started(registry)
    wrong = models.release(registry, off=0.5)
    registry.promote(wrong, "Ana", "better")
    told = running.until("/models", lambda told: told["problem"])
    assert f"version {wrong} scores golden rides 0.5 minutes off" in told["problem"]
    assert answers(running, 1)
    sample = metrics(running)
    assert sample["ride_duration_deployment_problem",] == 1
    assert sample["ride_duration_refused_packages",] == 1
    models.champion(7.0, registry=registry)
    assert answers(running, 3)
    assert metrics(running)["ride_duration_deployment_problem",] == 0


def test_a_model_that_needs_the_distance_says_so(models: Models, started: Start) -> None:
    registry = models.store.new()
    registry.promote(models.release(registry, distance="required"), "Ana", "better")
    running = started(registry)
    refused(running.post("/predict", {"PULocationID": 10, "DOLocationID": 50}), 422, "trip_distance")
    told = refused(
        running.post("/predict/batch", {"rides": [RIDE, RIDE | {"trip_distance": 101}]}), 422, "rides[1].trip_distance"
    )
    assert "the serving model requires a distance up to 100 miles" in told
    assert running.post("/predict", RIDE).status == 200


def test_without_the_registry_the_last_champion_answers_also_after_a_restart(models: Models, started: Start) -> None:
    registry = models.champion()
    running = started(registry)
    file = models.project / "data/mlflow/mlflow.db"
    away = file.with_name("away.db")
    file.rename(away)
    try:
        gone = "there is no registry at sqlite:///data/mlflow/mlflow.db"
        told = running.until("/models", lambda told: gone in str(told["problem"]))
        assert not told["registry_reachable"]
        assert running.post("/predict", RIDE).status == 200
        assert running.end() == 0
        running.start()
        assert answers(running, 1)
        assert running.get("/ready").status == 200
        assert metrics(running)["ride_duration_registry_reachable",] == 0
    finally:
        away.rename(file)
    running.until("/models", lambda told: told["registry_reachable"])
    assert metrics(running)["ride_duration_registry_reachable",] == 1


def test_a_damaged_cache_is_no_package_until_the_registry_is_back(models: Models, tmp_path: Path) -> None:
    whole = Released(package_folder(models.champion(), 1), 1e9, {})
    cache = PackageCache(tmp_path / "cache")
    expected = cache.package(1, whole).contents
    assert cache.package(1).contents == expected
    cached = tmp_path / "cache/1/model.onnx"
    cached.write_bytes(cached.read_bytes()[:-1])
    with pytest.raises(RideDurationError, match=r"model\.onnx is not what was packaged"):
        cache.package(1)
    assert cache.package(1, whole).contents == cache.package(1).contents == expected
    with pytest.raises(RideDurationError, match="version 2 was never loaded here, and the registry is away"):
        cache.package(2)


def test_a_registry_server_that_is_down_is_told(tmp_path: Path) -> None:
    down = {"uri": f"http://127.0.0.1:{find_free_port()}", "artifacts": "artifacts"}
    with pytest.raises(RideDurationError, match=r"the registry cannot be reached .*Connection refused"):
        RegistryReader(tmp_path, down, "any").champion()


def test_operators_decide_by_the_number_of_a_version(models: Models, started: Start) -> None:
    registry = models.champion()
    running = Running(models.project, registry.name)
    key = {"Authorization": f"Bearer {add_key(running.folder / 'api_keys.json', 'Ben', ('operate',))}"}
    models.champion(4.0, registry=registry)
    running = started(registry, api_keys=running.settings["api_keys"])
    for body, field in (
        ({"version": "../1"}, "version"),
        ({"version": "models:/m/1"}, "version"),
        ({"version": 0}, "version"),
        ({"version": 1.5}, "version"),
        ({"version": 1, "path": "/tmp"}, "path"),
        ({}, "version"),
        ({"version": 1, "why": ""}, "why"),
    ):
        refused(running.post("/deployments", body, **key), 422, field)
    told = running.post("/deployments", {"version": 1, "why": "shorter"}, **key)
    assert (told.status, told.json) == (200, {"version": 1, "previous": 2})
    assert running.post("/predict", RIDE).json["model_version"] == "1"
    last = registry.history()[-1].decision
    assert (last.by, last.why) == ("Ben", "shorter")


@pytest.mark.soak
def test_operators_go_back_and_are_told_what_the_registry_refuses(models: Models, started: Start) -> None:
    registry = models.champion()
    awaiting = models.store.release(registry, "manual")
    running = Running(models.project, registry.name)
    key = {"Authorization": f"Bearer {add_key(running.folder / 'api_keys.json', 'Ben', ('operate',))}"}
    running = started(registry, api_keys=running.settings["api_keys"])
    assert "no earlier champion" in refused(running.post("/deployments/rollback", b"", **key), 409)
    models.champion(4.0, registry=registry)
    told = running.post("/deployments/rollback", {"why": "worse"}, **key)
    assert (told.status, told.json) == (200, {"version": 1, "previous": 3})
    assert running.post("/predict", RIDE).json["model_version"] == "1"
    assert "awaits approval" in refused(running.post("/deployments", {"version": awaiting}, **key), 409)
    assert "is the champion already" in refused(running.post("/deployments", {"version": 1}, **key), 409)
    assert "there is no version 9" in refused(running.post("/deployments", {"version": 9}, **key), 404, "version")


def test_decisions_are_asked_for_and_told_as_json(models: Models) -> None:
    registry = models.champion()
    models.champion(4.0, registry=registry)
    asked = {"project": str(models.project), "tracking": SETTINGS, "model": registry.name, "by": "Ben", "why": "test"}
    rollback = asked | {"decision": "rollback"}
    assert decide(rollback) == {"version": 1, "previous": 2}
    told = decide(asked | {"decision": "promote", "version": 1})
    assert told == {"kind": "DecisionRefused", "message": "version 1 is the champion already"}
    assert decide(asked | {"decision": "promote", "version": 2}) == {"version": 2, "previous": 1}
    assert decide(asked | {"decision": "promote", "version": 9})["kind"] == "NotFound"
    awaiting = models.store.release(registry, "manual")
    finished = asked | {"by": "rollout", "begun": {"by": "Ana", "why": "fair"}, "decision": "promote"}
    assert decide(finished | {"version": 1})["version"] == 1
    assert registry.history()[-1].decision.by == "rollout"
    assert "was evaluated when the champion was version 2" in decide(finished | {"version": awaiting})["message"]
    assert "awaits approval" in decide(asked | {"decision": "promote", "version": awaiting})["message"]
    decide(rollback)
    assert decide(finished | {"version": awaiting}) == {"version": awaiting, "previous": 2}
    last = registry.history()[-1].decision
    assert (last.kind, last.by, last.why) == ("approval", "Ana", "fair; all stages of its rollout are done")


def test_a_registry_that_others_hold_has_decided_nothing(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_lock, "LOCK_SECONDS", 0.1)
    asked = {"project": str(models.project), "tracking": SETTINGS, "model": "any", "by": "Ben", "why": "test"}
    with filelock.FileLock(models.project / "data/mlflow/.registry.lock"):
        told = decide(asked | {"decision": "promote", "version": 1})
    assert told["kind"] == "RegistryUnavailable"
    assert "another command has been deciding" in told["message"]


def test_a_store_that_cannot_be_opened_is_asked_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    down = {"uri": f"http://ana:secret@127.0.0.1:{find_free_port()}", "artifacts": "artifacts"}
    settings = msgspec.convert(Running(tmp_path, "any", tracking=down).settings, ServiceSettings)
    with pytest.raises(RegistryUnavailable):
        run_decision(settings, {"decision": "promote", "version": 1, "by": "rollout", "why": "100 % is done"})
    assert "the registry cannot be reached" in caplog.text
    assert "start it, or correct its address" in caplog.text
    assert "secret" not in caplog.text


def test_the_reader_finds_what_mlflow_finds(models: Models, tmp_path: Path) -> None:
    registry = models.champion()
    second = models.release(registry, 4.0)
    reader = RegistryReader(models.project, SETTINGS, registry.name)
    assert (reader.champion(), registry.champion()) == (1, 1)
    for version in registry.versions():
        found = reader.released(version.number)
        assert found.folder == package_folder(registry, version.number)
        assert found.at == version.released.timestamp()
        assert found.noted == version.tags
    registry.promote(second, "Ana", "better")
    assert reader.champion() == second
    with pytest.raises(RideDurationError, match=f"there is no version 9 of {registry.name}"):
        reader.released(9)
    assert RegistryReader(models.project, SETTINGS, "unheard-of").champion() is None
    moved = tmp_path / "100 % där? #1"
    shutil.copytree(models.project / "data/mlflow", moved / "data/mlflow")
    elsewhere = RegistryReader(moved, SETTINGS, registry.name)
    assert elsewhere.champion() == second
    assert elsewhere.released(second).folder.is_relative_to(moved)


def test_a_registry_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"nothing of the kind" * 100)
    settings = {"uri": "sqlite:///mlflow.db", "artifacts": "artifacts"}
    with pytest.raises(RideDurationError, match=r"the registry cannot be reached .*not a database"):
        RegistryReader(tmp_path, settings, "any").champion()
