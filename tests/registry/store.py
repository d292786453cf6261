"""A real MLflow store with a tiny package in it, to register again and again under names of a test's own."""

import itertools
from pathlib import Path
from typing import Any

import mlflow

from ride_duration.mlflow_store import EXPERIMENT, connect
from ride_duration.model_package import ModelPackage
from ride_duration.model_package.files import write_folder
from ride_duration.registry import Registry, log_package
from ride_duration.registry.reader import RegistryReader
from tests.model_package.tiny import tiny_package
from tests.support.tracking_store import provide_tables

SETTINGS = {"uri": "sqlite:///data/mlflow/mlflow.db", "artifacts": "data/mlflow/artifacts"}

_names = itertools.count(1)


class Store:
    """A project's folder with a store, one finished training run, and its package as an MLflow model."""

    def __init__(self, project: Path) -> None:
        self.project = project
        file = project / "data/mlflow/mlflow.db"
        if not file.exists():
            provide_tables(file)
        self._packages: dict[str, ModelPackage] = {}
        self.run_id, self.model_uri = self.log(tiny_package())

    def log(self, files: dict[str, bytes]) -> tuple[str, str]:
        """Log a package under a training run; the run and the model's address."""
        folder = self.project / "data/model_package"
        write_folder(folder, files)
        experiment = connect(self.project, SETTINGS, EXPERIMENT)
        with mlflow.start_run(experiment_id=experiment) as run:
            uri = log_package(folder, {})
        self._packages[uri] = ModelPackage(files)
        return run.info.run_id, uri

    def repair(self, registry: Registry) -> None:
        """Repair what a kill left half-made, as each decision does first."""
        with registry._deciding():
            pass

    def new(self) -> Registry:
        """The registry of a model that no other test uses."""
        return self.registry(f"ride-duration-test-{next(_names)}")

    def registry(self, name: str) -> Registry:
        """As a command of its own would open it."""
        return Registry(self.project, SETTINGS, name)

    def note(self, registry: Registry, *, passed: bool = True) -> str:
        """Note a gate; the run that keeps it."""
        report = {"passed": passed, "verdict": "passed all checks" if passed else "failed: size"}
        report |= {"champion": registry.champion()}
        return registry.note_gate(report, "<h1>Gate</h1>", self.run_id, "Ana")

    def release(self, registry: Registry, approval: str = "auto", model_uri: str = "") -> int:
        """Note a gate, and register the package."""
        facts, uri = {"model": "tiny", "rmse": "5.0"}, model_uri or self.model_uri
        return registry.register(uri, self.run_id, self.note(registry), approval, facts, self._packages[uri])

    def champions(self, registry: Registry, number: int) -> list[int]:
        """Release and promote so many versions, one after another."""
        versions = []
        for _ in range(number):
            versions.append(self.release(registry))
            registry.promote(versions[-1], "Ana", "better")
        return versions

    def damage(self, registry: Registry, version: int) -> None:
        """Change one byte of a version's package, for all versions of the same logged model."""
        path = package_folder(registry, version) / "lower.onnx"
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def package_folder(registry: Registry, version: int) -> Path:
    """Where the package of a version lies."""
    return RegistryReader(registry.project, SETTINGS, registry.name).released(version).folder


def runs(registry: Registry, status: str) -> list[Any]:
    """Decisions about a model in this status, straight from MLflow."""
    connect(registry.project, SETTINGS, "releases")
    experiment = mlflow.get_experiment_by_name("releases")
    condition = f"tags.model = '{registry.name}' AND attributes.status = '{status}'"
    return list(mlflow.MlflowClient().search_runs([experiment.experiment_id], condition))
