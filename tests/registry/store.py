"""A real MLflow store with a tiny package in it, to register again and again under names of a test's own."""

import itertools
import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ride_duration.mlflow_store import EXPERIMENT, connect
from ride_duration.model_package.files import pack, write_folder
from ride_duration.registry import Registry, log_package
from ride_duration.trips.zones import zone_table

SETTINGS = {"uri": "sqlite:///data/mlflow/mlflow.db", "artifacts": "data/mlflow/artifacts"}

_RIDE = {"PULocationID": 132, "DOLocationID": 230, "pickup_datetime": "2021-03-01T17:30:00", "trip_distance": 17.5}
_names = itertools.count(1)


def tiny_package(minutes_a_mile: float = 3.0) -> dict[str, bytes]:
    """The files of a package whose answer is the straight distance times a factor."""
    margins = {
        known: {tail: [0.0] * 3 for tail in ("lower", "upper")} for known in ("with_distance", "without_distance")
    }
    outputs = ("duration", "lower", "upper")
    reads = {"numeric": ["straight_distance"], "text": [], "units": {"straight_distance": "miles"}}
    values: dict[str, Any] = {
        "inputs.json": {"outputs": dict.fromkeys(outputs, reads), "usual": {"straight_distance": 2.0}},
        "intervals.json": {"coverage": 0.9, "edges": [5.0], "margins": margins},
        "golden_rides.json": {"rides": [_RIDE, _RIDE], "answers": {}},
    }
    files = {name: json.dumps(value).encode() for name, value in values.items()}
    files |= {name: _graph(minutes_a_mile) for name in ("model.onnx", "lower.onnx", "upper.onnx")}
    facts = {
        "package_format": 1,
        "model": "tiny",
        "simulated": True,
        "train_data": ["2021-01", "2021-02"],
        "val_data": ["2021-03"],
        "rmse": 5.0,
        "rmse_without_distance": None,
    }
    return pack({**files, "zones.csv": zone_table().encode()}, facts)


def _graph(factor: float) -> bytes:
    numbers, minutes = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("numbers", "minutes")
    )
    constant = numpy_helper.from_array(np.array([factor], dtype=np.float32), "factor")
    node = helper.make_node("Mul", ["numbers", "factor"], ["minutes"])
    graph = helper.make_graph([node], "tiny", [numbers], [minutes], [constant])
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    )


class Store:
    """A project's folder with a store, one finished training run, and its package as an MLflow model."""

    def __init__(self, project: Path) -> None:
        self.project = project
        (project / "data").mkdir(parents=True)
        self.run_id, self.model_uri = self.log(tiny_package())

    def log(self, files: dict[str, bytes]) -> tuple[str, str]:
        """Log a package under a training run; the run and the model's address."""
        folder = self.project / "data/model_package"
        write_folder(folder, files)
        experiment = connect(self.project, SETTINGS, EXPERIMENT)
        with mlflow.start_run(experiment_id=experiment) as run:
            return run.info.run_id, log_package(folder, {})

    def new(self) -> Registry:
        """The registry of a model that nobody else uses."""
        return self.registry(f"ride-duration-test-{next(_names)}")

    def registry(self, name: str) -> Registry:
        """As a command of its own would open it."""
        return Registry(self.project, SETTINGS, name)

    def note(self, registry: Registry, *, passed: bool = True) -> str:
        """Note a gate; the run that keeps it."""
        report = {"passed": passed, "verdict": "passed all checks" if passed else "failed: size"}
        return registry.note_gate(report, "<h1>Gate</h1>", self.run_id, "Ana")

    def release(self, registry: Registry, approval: str = "auto", model_uri: str = "") -> int:
        """Note a gate, and register the package."""
        facts = {"model": "tiny", "rmse": "5.0"}
        return registry.register(model_uri or self.model_uri, self.run_id, self.note(registry), approval, facts)

    def champions(self, registry: Registry, number: int) -> list[int]:
        """Release and promote so many versions, one after another."""
        versions = []
        for _ in range(number):
            versions.append(self.release(registry))
            registry.promote(versions[-1], "Ana", "better")
        return versions

    def damage(self, registry: Registry, version: int) -> None:
        """Change one byte of a version's package, for all versions of the same logged model."""
        path = registry.package_folder(version) / "lower.onnx"
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def runs(registry: Registry, status: str) -> list[Any]:
    """Decisions about a model in this status, straight from MLflow."""
    registry.champion()
    experiment = mlflow.get_experiment_by_name("releases")
    condition = f"tags.model = '{registry.name}' AND attributes.status = '{status}'"
    return list(mlflow.MlflowClient().search_runs([experiment.experiment_id], condition))
