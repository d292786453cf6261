"""What each level of the installation brings: the service answers where no training library is installed."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

import pytest
import requests
from packaging.requirements import Requirement

import ride_duration
from ride_duration.model_package.files import write_folder
from ride_duration.playback.service_process import find_free_port
from tests.conftest import REPOSITORY, Ended
from tests.model_package.tiny import tiny_package
from tests.support.store.samples import until

LOCK = REPOSITORY / "requirements-serving.lock"

TRAINING = [
    "sklearn",
    "scipy",
    "xgboost",
    "lightgbm",
    "kedro",
    "pandas",
    "pyarrow",
    "ibis",
    "mlflow",
    "matplotlib",
    "onnx",
]

#: Answers one ride with the package in the folder that it is told; prints the minutes, and what can be imported.
ANSWER = f"""
import importlib.util, json, sys
import numpy as np
import ride_duration.registry, ride_duration.serving.server, ride_duration.store, ride_duration.trips
from ride_duration.model_package import ModelPackage, Rides

times = np.array(["2021-03-01T17:30:00"], dtype="datetime64[s]")
rides = Rides(np.array([132.0]), np.array([230.0]), times, np.array([17.5]))
minutes = ModelPackage.load(sys.argv[1]).answer(rides).duration.tolist()
print(json.dumps([minutes, [name for name in {TRAINING} if importlib.util.find_spec(name)]]))
"""


def locked() -> list[str]:
    """Names of the distributions that the lock of the service demands here."""
    lines = [line.rstrip("\\ ") for line in LOCK.read_text().splitlines() if not line.startswith(" ")]
    demanded = [Requirement(line) for line in lines]
    return [each.name for each in demanded if each.marker is None or each.marker.evaluate()]


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to what the lock of the service installs, and to the project: nothing else."""
    site = tmp_path_factory.mktemp("site")
    for name in locked():
        installed = distribution(name)
        files = {PurePosixPath(file) for file in installed.files or []}
        packages = {file.parent for file in files if file.name == "__init__.py"}
        for file in files:
            whole = next((folder for folder in reversed(file.parents) if folder in packages), file)
            if ".." not in whole.parts and not (site / whole).is_symlink():
                (site / whole).parent.mkdir(parents=True, exist_ok=True)
                (site / whole).symlink_to(installed.locate_file(whole))
    (site / "ride_duration").symlink_to(Path(ride_duration.__file__).parent)
    metadata = Path(str(distribution("ride_duration").locate_file(""))).glob("ride_duration-*.dist-info")
    for folder in metadata:
        (site / folder.name).symlink_to(folder)
    return site


def python(site: Path, code: str, *arguments: str) -> Ended:
    """Run code where only the standard library and that folder are to be found."""
    seen = f"import sys; sys.path.append({str(site)!r})\n{code}"
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", seen, *arguments], text=True, capture_output=True, check=False, cwd=site
    )
    return Ended(process.returncode, process.stdout, process.stderr)


def test_a_package_answers_where_no_training_library_is_installed(slim: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "package", tiny_package())
    ended = python(slim, ANSWER, str(tmp_path / "package"))
    assert ended.code == 0, ended.err
    [minutes], importable = json.loads(ended.out)
    assert importable == []
    assert minutes > 0


def test_the_commands_say_which_extra_is_missing(slim: Path) -> None:
    ended = python(slim, "from ride_duration.__main__ import main; main()")
    assert ended.code == 1
    assert ended.err.startswith("Kedro runs the pipelines; `pip install 'ride_duration[training]'` brings it. ")
    assert "`ride-duration service start --package DIR`" in ended.err


@pytest.mark.parametrize("arguments", [["--help"], ["service"], ["service", "--help"], ["service", "start", "--help"]])
def test_help_is_printed_where_only_the_service_is_installed(slim: Path, arguments: list[str]) -> None:
    ended = python(slim, "from ride_duration.__main__ import main; main()", *arguments)
    assert (ended.code, ended.err) == (0, "")
    assert "Examples:" in ended.out
    assert "ride-duration service start --package model_package" in ended.out


def test_a_package_is_served_where_only_the_service_is_installed(slim: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "package", tiny_package())
    port = find_free_port()
    code = f"import sys; sys.path.append({str(slim)!r}); from ride_duration.__main__ import main; main()"
    options = ["--package", str(tmp_path / "package"), "--port", str(port), "--folder", str(tmp_path)]
    command = [sys.executable, "-I", "-S", "-c", code, "service", "start", *options]
    process = subprocess.Popen(command, text=True, stderr=subprocess.PIPE)
    try:
        until(lambda: process.poll() is not None or is_ready(port), 60)
        assert process.poll() is None
        ride = {"PULocationID": 132, "DOLocationID": 230, "trip_distance": 17.5}
        reply = requests.post(f"http://127.0.0.1:{port}/predict", json=ride, timeout=10).json()
        assert reply.get("duration", 0) > 0, reply
        live = requests.get(f"http://127.0.0.1:{port}/models", timeout=10).json()
        assert (live["model"], live["problem"]) == ("local-package", None)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "every prediction that was acknowledged is kept" in said


def is_ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/ready", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_every_extra_that_is_named_is_one() -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    texts = [path.read_text() for path in (REPOSITORY / "src").rglob("*.py")] + [(REPOSITORY / "README.md").read_text()]
    named = {extra for text in texts for extra in re.findall(r"ride_duration\[(\w+)\]", text)}
    assert named
    assert named <= extras.keys()
