"""The registry of a real MLflow server, read over HTTP, gives what MLflow's own client gives."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from ride_duration.model_package import ModelPackage
from ride_duration.registry import log_package
from ride_duration.registry.reader import RegistryReader
from tests.support.ports import free_port
from tests.support.serving.packages import priced

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mlflow server` that keeps the files of models, too; its address."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        f"{folder}/artifacts",
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env={**os.environ, "PATH": path}, start_new_session=True
        )
    try:
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        mlflow.set_tracking_uri(None)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_reader_finds_what_a_server_has(server: str, tmp_path: Path) -> None:
    from ride_duration.model_package.files import write_folder

    mlflow.set_tracking_uri(server)
    client = mlflow.MlflowClient()
    reader = RegistryReader(tmp_path, {"uri": server, "artifacts": "artifacts"}, "taxi")
    assert reader.champion() is None
    versions = []
    for minutes in (3.0, 4.0):
        write_folder(tmp_path / "package", priced(minutes))
        with mlflow.start_run():
            address = log_package(tmp_path / "package", {})
        versions.append(int(mlflow.register_model(address, "taxi").version))
        client.set_registered_model_alias("taxi", "champion", str(versions[-1]))
        assert reader.champion() == versions[-1] == int(client.get_model_version_by_alias("taxi", "champion").version)
    for version, minutes in zip(versions, (3.0, 4.0), strict=True):
        assert ModelPackage.load(reader.released(version).folder).contents == priced(minutes)
