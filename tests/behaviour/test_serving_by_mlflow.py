"""A released model is an MLflow model like any other: MLflow's own server answers with it."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ride_duration.model_package import ModelPackage
from ride_duration.model_package.pyfunc import rides_of_frame
from ride_duration.playback.service_process import find_free_port
from ride_duration.registry.packages import _example
from tests.conftest import Project
from tests.hooks.test_tracking import client

PATIENCE = 120
RIDES = [
    {"PULocationID": 132, "DOLocationID": 230, "pickup_datetime": "2021-03-01T17:30:00", "trip_distance": 17.5},
    {"PULocationID": 74, "DOLocationID": 75, "pickup_datetime": "2021-03-02T03:00:00", "trip_distance": 1.2},
]


def champion_of(project: Project) -> Path:
    """Folder of the MLflow model that is champion."""
    version = client(project).get_model_version_by_alias("ride-duration-green-simulated", "champion")
    model = client(project).get_logged_model(version.source.rpartition("/")[2])
    return Path(model.artifact_location.removeprefix("file://"))


@pytest.fixture
def server(finished: Project) -> Iterator[str]:
    """`mlflow models serve` of the champion; its address."""
    address, port = "127.0.0.1", find_free_port()
    command = ["mlflow", "models", "serve", "--model-uri", str(champion_of(finished)), "--env-manager", "local"]
    path = f'export PATH="{Path(sys.executable).parent}:$PATH";'  # MLflow starts uvicorn by its name
    process = finished.start(*command, "--host", address, "--port", str(port), "--workers", "1", shell=path)
    try:
        _wait_for(f"http://{address}:{port}/ping", process)
        yield f"http://{address}:{port}/invocations"
    finally:
        _end(process)


def _wait_for(address: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, process.communicate()[1]
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"{address} does not answer")


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _asked(address: str, rides: list[dict[str, Any]]) -> list[dict[str, float]]:
    split = {"columns": list(rides[0]), "data": [list(ride.values()) for ride in rides]}
    body = json.dumps({"dataframe_split": split}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return list(json.load(response)["predictions"])


def test_mlflows_server_answers_as_the_package_does_with_and_without_distance(server: str, finished: Project) -> None:
    package = ModelPackage.load(finished.data("06_models/model_package"))
    before = [{name: value for name, value in ride.items() if name != "trip_distance"} for ride in RIDES]
    for rides in (RIDES, before):
        expected = package.answer(rides_of_frame(pd.DataFrame(rides)))._asdict()
        answered = _asked(server, rides)
        for name, minutes in expected.items():
            assert [ride[name] for ride in answered] == pytest.approx(minutes, abs=1e-9)
    assert _asked(server, RIDES) != _asked(server, before)


def test_the_model_is_logged_with_its_signature_and_an_example(finished: Project) -> None:
    import mlflow

    model = mlflow.models.Model.load(champion_of(finished))
    asked = {column.name: (column.type.name, column.required) for column in model.signature.inputs}
    assert asked == {
        "PULocationID": ("long", True),
        "DOLocationID": ("long", True),
        "pickup_datetime": ("datetime", True),
        "trip_distance": ("double", False),
    }
    assert [column.name for column in model.signature.outputs] == ["duration", "lower", "upper"]
    example = model.load_input_example(champion_of(finished))
    assert set(example.columns) == set(asked)
    assert model.flavors["python_function"]["loader_module"] == "ride_duration.model_package.pyfunc"
    assert not [path for path in champion_of(finished).rglob("*") if path.suffix in (".pkl", ".pickle")]


def test_the_example_names_an_unknown_zone_as_the_tlc_does() -> None:
    golden = [ride | {"PULocationID": None, "trip_distance": None} for ride in RIDES]
    example = _example(golden)
    assert example["PULocationID"].tolist() == [264, 264]
    assert example["DOLocationID"].tolist() == [230, 75]
    assert [str(dtype) for dtype in example[["PULocationID", "DOLocationID", "trip_distance"]].dtypes] == [
        "int64",
        "int64",
        "float64",
    ]
