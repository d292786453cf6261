"""The registry of a real MLflow server, read over HTTP, gives what MLflow's own client gives."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from ride_duration.model_package import ModelPackage
from ride_duration.registry import log_package
from ride_duration.registry.reader import RegistryReader
from tests.support.mlflow_server import mlflow_server
from tests.support.serving.packages import priced

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mlflow server` that keeps the files of models, too; its address."""
    with mlflow_server(tmp_path_factory.mktemp("server")) as address:
        yield address
    mlflow.set_tracking_uri(None)


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
