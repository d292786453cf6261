"""The registry on a real MLflow store."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import filelock
import mlflow
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from ride_duration.errors import RegistryUnavailable, RideDurationError
from ride_duration.model_package import ModelPackage, Rides
from ride_duration.model_package.files import pack, write_folder
from ride_duration.registry import Decision, Registry, decision_lock
from tests.model_package.tiny import tiny_package
from tests.registry.machine import Kill, killed, machine_of
from tests.registry.store import SETTINGS, Store, package_folder, runs
from tests.support.serving.packages import priced


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all tests here, since MLflow takes seconds to make it; each uses a model of its own."""
    yield Store(tmp_path_factory.mktemp("store") / "project")
    mlflow.set_tracking_uri(None)


@pytest.fixture
def registry(store: Store) -> Registry:
    return store.new()


def statuses(registry: Registry) -> dict[int, str]:
    return {version.number: version.status for version in registry.versions()}


def test_nothing_was_released_yet(registry: Registry) -> None:
    assert registry.versions() == []
    assert registry.champion() is None
    assert registry.history() == []
    with pytest.raises(RideDurationError, match=r"no version 1 of .*; there are: none yet; `kedro run` releases"):
        registry.package(1)
    with pytest.raises(RideDurationError, match="no earlier champion"):
        registry.rollback("Ana", "worse")


def test_promotions_and_a_rollback(store: Store, registry: Registry) -> None:
    first, second = store.champions(registry, 2)
    assert statuses(registry) == {second: "champion", first: "former champion"}
    decision = registry.rollback("Ben", "too long to JFK")
    assert (decision.version, decision.previous, decision.by, decision.why) == (first, second, "Ben", "too long to JFK")
    assert statuses(registry) == {second: "former champion", first: "champion"}
    history = registry.history()
    assert [(tenure.version, tenure.decision.kind, tenure.decision.previous) for tenure in history] == [
        (first, "promotion", None),
        (second, "promotion", first),
        (first, "rollback", second),
    ]
    gates = {version.number: version.tags["gate"] for version in registry.versions()}
    assert [tenure.decision.report for tenure in history] == [gates[first], gates[second], gates[first]]
    registry.promote(second, "Ana", "once more")
    assert registry.champion() == second


def test_a_package_comes_back_as_it_was_packed(store: Store, registry: Registry) -> None:
    version = store.release(registry)
    package = registry.package(version)
    assert package.contents == tiny_package()
    rides = Rides(
        np.array([132.0]), np.array([230.0]), np.array(["2021-03-01T17:30"], "datetime64[s]"), np.array([17.5])
    )
    assert package.answer(rides).duration == pytest.approx(3 * package.columns(rides)["straight_distance"], rel=1e-6)
    noted = registry.versions()[0]
    assert noted.tags["rmse"] == "5.0"
    assert noted.run_id == store.run_id
    assert mlflow.MlflowClient().get_run(store.run_id).data.tags["model_version"] == str(version)


def test_a_version_that_awaits_approval_becomes_champion_by_approval_alone(store: Store, registry: Registry) -> None:
    version = store.release(registry, "manual")
    with pytest.raises(RideDurationError, match=rf"awaits approval; `kedro models approve {version}"):
        registry.promote(version, "Ana", "hurry")
    registry.approve(version, "Ana", "fair")
    assert statuses(registry) == {version: "champion"}
    with pytest.raises(RideDurationError, match="cannot be approved: its status is champion"):
        registry.approve(version, "Ana", "twice")
    with pytest.raises(RideDurationError, match="cannot be rejected: its status is champion"):
        registry.reject(version, "Ana", "after all")


@pytest.mark.parametrize("approval", ["auto", "manual"])
def test_a_rejected_version_stays_rejected(store: Store, registry: Registry, approval: str) -> None:
    version = store.release(registry, approval)
    registry.reject(version, "Ana", "the Bronx is too short")
    assert statuses(registry) == {version: "rejected"}
    for again, words in (
        (registry.promote, "was rejected; train and release a better one"),
        (registry.approve, "cannot be approved: its status is rejected"),
        (registry.reject, "cannot be rejected: its status is rejected"),
    ):
        with pytest.raises(RideDurationError, match=words):
            again(version, "Ben", "but")
    assert registry.champion() is None


def test_a_candidate_needs_no_approval(store: Store, registry: Registry) -> None:
    version = store.release(registry)
    with pytest.raises(RideDurationError, match="cannot be approved: its status is candidate"):
        registry.approve(version, "Ana", "fair")
    registry.promote(version, "Ana", "the run was killed before")
    with pytest.raises(RideDurationError, match=f"version {version} is the champion already"):
        registry.promote(version, "Ana", "twice")


def test_what_was_judged_against_another_champion_is_evaluated_again(store: Store, registry: Registry) -> None:
    awaiting, candidate = store.release(registry, "manual"), store.release(registry)
    [champion] = store.champions(registry, 1)
    words = rf"was evaluated when the champion was none, and version {champion} is now; `kedro run`"
    with pytest.raises(RideDurationError, match=words):
        registry.approve(awaiting, "Ana", "fair")
    with pytest.raises(RideDurationError, match=words):
        registry.promote(candidate, "Ana", "better")
    assert registry.champion() == champion
    registry.approve(store.release(registry, "manual"), "Ana", "compared with the champion of today")


@pytest.mark.parametrize("distance", ["optional", "required"])
def test_who_needs_the_distance_challenges_nobody_who_does_without(
    store: Store, registry: Registry, distance: str
) -> None:
    logged = {needs: store.log(priced(distance=needs))[1] for needs in ("optional", "required")}
    registry.promote(store.release(registry, model_uri=logged[distance]), "Ana", "better")
    for model_uri in logged.values():
        store.release(registry, model_uri=model_uri)
    assert registry.challenged_by(2) == 1
    if distance == "required":
        assert registry.challenged_by(3) == 1
    else:
        with pytest.raises(RideDurationError, match=r"3 needs the distance and version 1 .* promote 3` decides"):
            registry.challenged_by(3)
        awaiting = store.release(registry, "manual", logged["required"])
        with pytest.raises(RideDurationError, match=rf"approve {awaiting} --by NAME --why TEXT` decides"):
            registry.challenged_by(awaiting, approved=True)


def test_what_awaits_approval_may_challenge_if_a_person_approves_of_it(store: Store, registry: Registry) -> None:
    early = store.release(registry, "manual")
    with pytest.raises(RideDurationError, match=rf"no champion yet .* `kedro models approve {early} --by NAME"):
        registry.challenged_by(early, approved=True)
    [champion] = store.champions(registry, 1)
    awaiting = store.release(registry, "manual")
    with pytest.raises(RideDurationError, match=rf"version {awaiting} awaits approval: starting its rollout"):
        registry.challenged_by(awaiting)
    assert registry.challenged_by(awaiting, approved=True) == champion
    assert statuses(registry)[awaiting] == "awaiting approval"
    with pytest.raises(RideDurationError, match="was evaluated when the champion was none"):
        registry.challenged_by(early, approved=True)
    registry.reject(awaiting, "Ana", "the Bronx is too short")
    with pytest.raises(RideDurationError, match=f"version {awaiting} was rejected"):
        registry.challenged_by(awaiting, approved=True)


def test_a_failed_gate_is_kept_without_a_version(store: Store, registry: Registry) -> None:
    gate = store.note(registry, passed=False)
    [decision] = registry.decisions()
    assert (decision.kind, decision.version, decision.run_id) == ("gate", None, gate)
    assert mlflow.MlflowClient().get_run(gate).data.tags["passed"] == "false"
    assert mlflow.artifacts.load_dict(f"runs:/{gate}/gate_report.json")["verdict"] == "failed: size"
    assert registry.versions() == []
    assert registry.history() == []


def test_a_damaged_package_never_becomes_champion(store: Store, registry: Registry) -> None:
    _, model_uri = store.log(tiny_package(4.0))
    damaged = store.release(registry, model_uri=model_uri)
    registry.promote(damaged, "Ana", "better")
    [second] = store.champions(registry, 1)
    store.damage(registry, damaged)
    words = (
        rf"version {damaged} cannot become champion: .*lower\.onnx is not what was packaged.*{second} stays champion"
    )
    with pytest.raises(RideDurationError, match=words):
        registry.rollback("Ana", "worse")
    assert registry.champion() == second
    assert len(registry.history()) == 2
    shutil.rmtree(package_folder(registry, damaged))
    with pytest.raises(RideDurationError, match=rf"the files of version {damaged} are gone.*{second} stays champion"):
        registry.promote(damaged, "Ana", "better")


@pytest.mark.parametrize(("changed", "words"), [("answers", "another identity"), ("facts", "another manifest_sha256")])
def test_another_package_in_the_place_of_a_version_never_becomes_champion(
    store: Store, registry: Registry, changed: str, words: str
) -> None:
    _, model_uri = store.log(tiny_package(5.0))
    replaced = store.release(registry, model_uri=model_uri)
    registry.promote(replaced, "Ana", "better")
    [second] = store.champions(registry, 1)
    kept = registry.package(replaced).contents
    files = {name: kept[name] for name in ModelPackage(kept).manifest["files"]}
    whole = tiny_package(6.0) if changed == "answers" else pack(files, ModelPackage(kept).manifest | {"rmse": 1.0})
    write_folder(package_folder(registry, replaced), whole)
    with pytest.raises(RideDurationError, match=rf"not the one that was registered as version {replaced} \({words}\)"):
        registry.package(replaced)
    for decide in (lambda: registry.rollback("Ana", "worse"), lambda: registry.promote(replaced, "Ana", "better")):
        with pytest.raises(RideDurationError, match=rf"cannot become champion: .*{words}.*{second} stays champion"):
            decide()
    assert registry.champion() == second


def test_versions_that_were_registered_without_a_seal_stay_loadable(store: Store, registry: Registry) -> None:
    first, second = store.champions(registry, 2)
    client = mlflow.MlflowClient()
    for version, name in ((first, "manifest_sha256"), (first, "identity"), (second, "manifest_sha256")):
        client.delete_model_version_tag(registry.name, str(version), name)
    assert registry.package(second).contents == tiny_package()
    assert registry.rollback("Ana", "worse").version == first


def test_a_champion_made_by_other_means_is_noted(store: Store, registry: Registry) -> None:
    first, second = store.champions(registry, 2)
    mlflow.MlflowClient().set_registered_model_alias(registry.name, "champion", str(first))
    assert registry.champion() == first
    last = registry.history()[-1]
    assert (last.version, last.decision.by, last.decision.why) == (
        first,
        "unknown",
        "the alias `champion` was set by other means",
    )
    assert registry.rollback("Ana", "who was that").version == second


def test_an_alias_that_was_taken_away_leaves_a_vacancy_and_a_way_back(store: Store, registry: Registry) -> None:
    first, second = store.champions(registry, 2)
    client = mlflow.MlflowClient()
    client.delete_registered_model_alias(registry.name, "champion")
    assert registry.champion() is None
    vacancy = registry.decisions()[-1]
    assert (vacancy.kind, vacancy.version, vacancy.by) == ("vacancy", None, "unknown")
    assert vacancy.why == "the alias `champion` was taken away by other means"
    assert registry.history()[-1].until >= vacancy.at
    assert statuses(registry) == {second: "former champion", first: "former champion"}
    registry.promote(second, "Ana", "put back")
    assert [tenure.version for tenure in registry.history()] == [first, second, second]
    assert registry.rollback("Ana", "worse").version == first
    client.delete_registered_model_alias(registry.name, "champion")
    assert registry.rollback("Ana", "who was that").version == first
    with pytest.raises(RideDurationError, match="no earlier champion"):
        registry.rollback("Ana", "worse")


@pytest.mark.parametrize(
    ("moment", "came_about"), [(0, False), (1, False), (2, False), (3, True), (4, True), (5, True)]
)
def test_a_promotion_came_about_just_if_the_alias_says_so(
    store: Store, registry: Registry, moment: int, came_about: bool
) -> None:
    [first] = store.champions(registry, 1)
    second = store.release(registry)
    with pytest.raises(Kill), killed(moment):
        registry.promote(second, "Ana", "better")
    after = store.registry(registry.name)
    assert after.champion() == (second if came_about else first)
    assert [tenure.version for tenure in after.history()] == ([first, second] if came_about else [first])
    assert len(runs(after, "RUNNING")) == (1 <= moment < 5)  # reading repairs nothing
    store.repair(after)
    assert not runs(after, "RUNNING")
    assert len(runs(after, "KILLED")) == (1 <= moment < 3)


def test_whatever_happens_there_is_one_champion_and_one_history(store: Store) -> None:
    few = settings(max_examples=6, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine_of(store), settings=few)


def test_two_at_once_decide_one_after_the_other(store: Store, registry: Registry) -> None:
    versions = store.champions(registry, 3)
    ready = Barrier(2)

    def decide(name: str) -> list[Decision]:
        own, made = store.registry(registry.name), []
        ready.wait()
        for version in versions * 2:
            with suppress(RideDurationError):  # it is champion already
                made.append(own.promote(version, name, "race"))
        return made

    with ThreadPoolExecutor(2) as pool:
        made = [decision for decisions in pool.map(decide, ["Ana", "Ben"]) for decision in decisions]
    assert len(made) >= 2
    kept = [tenure.decision for tenure in registry.history()]
    assert {decision.run_id for decision in made} == {decision.run_id for decision in kept[3:]}
    assert all(later.previous == earlier.version for earlier, later in pairwise(kept))
    numbers = [decision.number for decision in registry.decisions()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_who_waits_too_long_is_told(store: Store, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_lock, "LOCK_SECONDS", 0.1)
    with filelock.FileLock(store.project / "data/mlflow/.registry.lock"):
        assert registry.champion() is None  # reading does not wait
        with pytest.raises(RegistryUnavailable, match="another command has been deciding"):
            registry.rollback("Ana", "worse")


@pytest.mark.parametrize("left_behind", [False, True], ids=["moved", "copied"])
def test_a_moved_or_copied_project_keeps_its_registry(tmp_path: Path, store: Store, left_behind: bool) -> None:
    registry = store.new()
    first, second = store.champions(registry, 2)
    rejected = store.release(registry, "manual")
    registry.reject(rejected, "Ana", "unfair")
    before = registry.decisions()
    project = tmp_path / "elsewhere's project"
    shutil.copytree(store.project, project)
    hidden = store.project.with_name("hidden")
    if not left_behind:
        store.project.rename(hidden)
    try:
        moved = Registry(project, SETTINGS, registry.name)
        assert moved.decisions() == before
        assert statuses(moved) == {rejected: "rejected", second: "champion", first: "former champion"}
        assert package_folder(moved, first).is_relative_to(project)
        assert moved.rollback("Ana", "worse").version == first
        assert Registry(project, SETTINGS, registry.name).champion() == first
        assert [decision.number for decision in moved.decisions()] == list(range(1, len(before) + 2))
    finally:
        if not left_behind:
            hidden.rename(store.project)
    assert registry.champion() == second
