"""What saving a release does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from kedro.io import DatasetError

from ride_duration.datasets.registered_packages import RegisteredPackagesDataset
from ride_duration.datasets.release import (
    ChampionDataset,
    FormerChampionsDataset,
    ModelPackageDataset,
    Release,
    ReleaseDataset,
)
from ride_duration.errors import RideDurationError
from ride_duration.mlflow_store import EXPERIMENT, connect
from ride_duration.model_package import ModelPackage
from ride_duration.pipelines.model_release.gate import gate_package
from ride_duration.pipelines.model_release.gate_page import write_gate_page
from ride_duration.registry import Registry, model_name
from tests.model_package.tiny import tiny_package
from tests.registry.store import SETTINGS, Store
from tests.support.evaluation import SLICES
from tests.support.former_champions import month_of, packed
from tests.support.gate import gate


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield Store(tmp_path_factory.mktemp("releases") / "project")
    mlflow.set_tracking_uri(None)


class Run:
    """A service of the test's own, whose packages are released as a run would."""

    def __init__(self, store: Store, service: str) -> None:
        self.store = store
        self.registry = Registry(store.project, SETTINGS, model_name(service, "simulated"))
        self.of_registry = {
            "path": str(store.project / "data"),
            "tracking": SETTINGS,
            "taxi_type": service,
            "source": "simulated",
        }
        self.package = ModelPackageDataset(str(store.project / "data/06_models/model_package"))
        self.champion = ChampionDataset(**self.of_registry)
        self.release = ReleaseDataset(
            package={"path": str(store.project / "data/06_models/model_package")},
            filepath=str(store.project / f"data/release_{service}.json"),
            **self.of_registry,
        )

    def packed(self, minutes_a_mile: float) -> dict[str, bytes]:
        """A package that an earlier run has trained."""
        return tiny_package(minutes_a_mile, self.store.run_id)

    def __call__(self, minutes_a_mile: float, approval: str = "auto", **report: Any) -> dict[str, Any]:
        self.package.save(self.packed(minutes_a_mile))
        return self.of_package(approval, **report)

    def of_package(self, approval: str = "auto", **report: Any) -> dict[str, Any]:
        """Release what lies there."""
        judged = {
            "passed": True,
            "verdict": "passed all 3 checks",
            "package": self.package.load().fingerprint,
            "champion": self.registry.champion(),
            "same_as_champion": False,
            **report,
        }
        with mlflow.start_run(experiment_id=connect(self.store.project, SETTINGS, EXPERIMENT)):
            self.release.save(Release(judged, "<h1>Gate</h1>", approval))
        return self.release.load()


@pytest.fixture
def run(store: Store, request: pytest.FixtureRequest) -> Run:
    return Run(store, request.node.originalname.removeprefix("test_"))


def test_each_better_package_becomes_champion(run: Run) -> None:
    assert run.champion.load() is None
    assert run(3.0) == {"version": 1, "champion": 1, "outcome": "Version 1 is champion now."}
    assert run(4.0)["outcome"] == "Version 2 is champion now, after version 1."
    champion = run.champion.load()
    assert champion is not None
    assert champion.contents == run.packed(4.0)
    newest, _ = run.registry.versions()
    assert newest.tags["identity"] == champion.identity
    noted = {name: newest.tags[name] for name in ("model", "simulated", "rmse", "train_data", "val_data")}
    expected = {"model": "tiny", "simulated": "True", "rmse": "5.0", "train_data": "2021-01+2021-02"}
    assert noted == {**expected, "val_data": "2021-03"}
    assert "rmse_without_distance" not in newest.tags


def test_manual_approval_leaves_it_to_a_person(run: Run) -> None:
    run(3.0)
    released = run(4.0, "manual")
    assert (released["version"], released["champion"]) == (2, 1)
    assert "Version 2 awaits approval: `kedro models approve 2" in released["outcome"]
    assert 'or `kedro rollout start 2 --by NAME --why "..."` to try it on real rides first' in released["outcome"]
    assert "version 1 stays champion" in released["outcome"]


def test_a_failed_gate_leaves_no_version_but_its_report(run: Run) -> None:
    released = run(3.0, passed=False, verdict="failed: size")
    assert released == {
        "version": None,
        "champion": None,
        "outcome": "Not released; there is no champion yet.",
    }
    assert run.registry.versions() == []
    [gate] = run.registry.decisions()
    assert (gate.kind, gate.why) == ("gate", "failed: size")


def test_the_champion_is_not_released_again(run: Run) -> None:
    run(3.0)
    released = run(3.0, same_as_champion=True)
    assert released["outcome"] == "It answers just as version 1 does, which stays champion."
    assert len(run.registry.versions()) == 1


def test_a_package_is_not_released_by_the_report_of_another(run: Run) -> None:
    run(3.0)
    with pytest.raises(DatasetError) as told:
        run(4.0, package=ModelPackage(run.packed(3.0)).fingerprint)
    assert "the gate's report is of another package than the one in " in str(told.value)
    assert "`kedro run --pipelines=model_release`" in str(told.value)
    assert run.registry.champion() == 1
    assert len(run.registry.versions()) == len([kept for kept in run.registry.decisions() if kept.kind == "gate"]) == 1


def test_a_report_against_another_champion_is_refused(run: Run) -> None:
    run(3.0)
    with pytest.raises(DatasetError, match=r"champion was none, and version 1 is now; `kedro run --pipelines=model_re"):
        run(4.0, champion=None)
    assert len(run.registry.versions()) == len([kept for kept in run.registry.decisions() if kept.kind == "gate"]) == 1


def test_a_version_is_known_by_the_run_that_trained_it_and_not_by_that_of_the_release(run: Run) -> None:
    run(3.0)
    [version] = run.registry.versions()
    assert version.run_id == run.store.run_id
    [gate] = [kept for kept in run.registry.decisions() if kept.kind == "gate"]
    assert mlflow.get_run(gate.run_id).data.tags["trained_by"] == run.store.run_id


@pytest.mark.parametrize("run_id", [None, "0" * 32])
def test_a_model_whose_training_was_not_tracked_here_is_not_released(run: Run, run_id: str | None) -> None:
    run.package.save(tiny_package(run_id=run_id))
    assert run.of_package()["outcome"] == (
        "Not released: the run that trained the model is not kept here; `kedro run` trains, tracks and releases."
    )
    assert run.registry.versions() == []


def test_without_tracking_nothing_is_released(run: Run) -> None:
    run.package.save(tiny_package())
    run.release.save(Release({"passed": True}, "", "auto"))
    assert json.loads(Path(run.release._outcome).read_text())["version"] is None
    assert "this run is not tracked" in run.release.load()["outcome"]
    assert run.registry.versions() == []


def test_a_damaged_champion_is_named_with_the_way_out(run: Run) -> None:
    run(3.0)
    run.store.damage(run.registry, 1)
    with pytest.raises(
        DatasetError, match=r"the champion, version 1, .*lower\.onnx is not what.*kedro models rollback"
    ):
        run.champion.load()


FORMER = "not worse than the best former champion"

#: What tiny packages are not made for passes.
WIDE: dict[str, Any] = {"coverage": [0.0, 1.0], "bucket_coverage": 0, "milliseconds": 10_000}
MONTHS = [f"2021-{month:02d}" for month in range(1, 13)]


class Releases:
    """Models of a service of the test's own, each gated and released as a run does it."""

    def __init__(self, store: Store, service: str) -> None:
        self.run, self.service = Run(store, service), service
        self.former = FormerChampionsDataset(**self.run.of_registry)
        self.report: dict[str, Any] = {}

    def release(self, ratio: float, train: int, approval: str = "auto") -> str:
        """Train on that month, evaluate on the next, and say what came of it."""
        trained, evaluated = MONTHS[train], MONTHS[train + 1]
        package = packed(ratio, [trained], evaluated, self.service, run_id=self.run.store.run_id)
        self.run.package.save(package.contents)
        rows = month_of(trained, self.service), month_of(evaluated, self.service)
        none = rows[1].iloc[:0]
        champion, former = self.run.champion.load(), self.former.load()
        self.report = gate_package(package, champion, former, *rows, none, gate(**WIDE), SLICES)
        assert write_gate_page(self.report)
        return str(self.run.of_package(approval, **self.report)["outcome"])

    @property
    def evidence(self) -> str:
        """What the gate found beside former champions."""
        [found] = [
            check for check in self.report["checks"] if check["name"] == "not worse than the best former champion"
        ]
        return str(found["evidence"])


@pytest.fixture
def releases(store: Store, request: pytest.FixtureRequest) -> Releases:
    return Releases(store, request.node.originalname.removeprefix("test_"))


def test_ten_releases_each_a_little_worse_end_within_one_percent_of_the_best(releases: Releases) -> None:
    ratio = 1.0
    assert releases.release(ratio, 0) == "Version 1 is champion now."
    for month in range(1, 11):
        outcome = releases.release(ratio * 1.004, month)
        if "is champion now" in outcome:
            ratio *= 1.004
        else:
            assert outcome == "Not released; version 2 stays champion."
            assert releases.report["verdict"] == f"failed: {FORMER}"
            assert "RMSE +0.80% (95 % bound: at most +0.80%), MAE " in releases.evidence
            assert releases.evidence.endswith(" at request time than version 1")
    assert 1.004 <= ratio <= 1.01


def test_on_the_same_months_the_champion_stays_without_an_improvement_and_a_person_may_overrule(
    releases: Releases,
) -> None:
    releases.release(1.01, 0)
    outcome = releases.release(1.0106, 0)
    assert outcome == (
        "tiny is 0.06 % worse with metered distance and 0.06 % worse at request time than version 1, no improvement, "
        "and both were trained on the same months: version 1 stays champion; `kedro models promote 2` overrules."
    )
    assert "it does not replace the champion by itself" in write_gate_page(releases.report)
    registry = releases.run.registry
    assert {version.number: version.status for version in registry.versions()} == {1: "champion", 2: "candidate"}
    awaiting = releases.release(1.0107, 0, "manual")
    assert awaiting.startswith("tiny is 0.07 % worse with metered distance")
    assert ". Version 3 awaits approval: `kedro models approve 3 --by NAME" in awaiting
    assert registry.promote(2, "Ana", "smaller").version == 2
    assert releases.release(1.0, 0) == "Version 4 is champion now, after version 2."


def test_former_champions_are_the_newest_first_without_those_rolled_back(store: Store) -> None:
    registry = store.registry("ride-duration-former-simulated")
    first, second, third, fourth = store.champions(registry, 4)
    of_registry = Run(store, "former").of_registry
    registry.rollback("Ana", "too long")
    former = FormerChampionsDataset(**of_registry).load()
    assert [champion.version for champion in former] == [second, first]
    assert registry.champion() == third
    assert former[0].identity == former[0].load().identity
    registry.promote(fourth, "Ana", "after all")
    assert [champion.version for champion in FormerChampionsDataset(**of_registry).load()] == [third, second, first]


def test_a_former_champion_whose_files_are_damaged_cannot_be_loaded(store: Store) -> None:
    registry = store.registry("ride-duration-damaged-simulated")
    _, uri = store.log(tiny_package(3.5))
    first = store.release(registry, model_uri=uri)
    registry.promote(first, "Ana", "first")
    store.champions(registry, 1)
    store.damage(registry, first)
    former = FormerChampionsDataset(**Run(store, "damaged").of_registry).load()
    with pytest.raises(RideDurationError, match=r"lower\.onnx is not what"):
        former[0].load()


def test_the_package_of_each_registered_version_is_opened_when_it_is_asked_for(store: Store) -> None:
    registry = store.registry("ride-duration-opened-simulated")
    first, second = store.champions(registry, 2)
    dataset = RegisteredPackagesDataset(**Run(store, "opened").of_registry)
    packages = dataset.load()
    assert set(packages) == {first, second}
    assert packages[second]().version == second
    store.damage(registry, first)
    with pytest.raises(RideDurationError, match=r"lower\.onnx is not what"):
        packages[first]()
    with pytest.raises(DatasetError, match="not allowed"):
        dataset.save(None)


def test_a_registry_without_versions_has_no_packages(store: Store) -> None:
    assert RegisteredPackagesDataset(**Run(store, "empty").of_registry).load() == {}
