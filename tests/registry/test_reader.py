"""A registry that does not answer holds up the reader for some seconds, not for ever."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from ride_duration import postgresql
from ride_duration.errors import RegistryUnavailable
from ride_duration.registry import reader as reader_module
from ride_duration.registry.reader import RegistryReader
from tests.support.store.postgres import Postgres


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    server = Postgres()
    yield server.database()
    server.end()


def test_a_database_that_is_locked_is_not_waited_for(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "SECONDS", 1)
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE registered_model_aliases (name TEXT, alias TEXT, version INT)"))
        connection.execute(text("INSERT INTO registered_model_aliases VALUES ('taxi', 'champion', 3)"))
    reader = RegistryReader(tmp_path, {"uri": database, "artifacts": "artifacts"}, "taxi")
    assert reader.champion() == 3
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE registered_model_aliases"))
        with pytest.raises(RegistryUnavailable, match=r"the registry cannot be reached .*lock timeout"):
            reader.champion()
    assert reader.champion() == 3
    engine.dispose()


def test_a_registry_that_goes_away_in_between_is_not_called_one_without_the_version(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE registered_model_aliases (name TEXT, alias TEXT, version INT)"))
        connection.execute(text("INSERT INTO registered_model_aliases VALUES ('taxi', 'champion', 3)"))
    engine.dispose()
    reader = RegistryReader(tmp_path, {"uri": "sqlite:///mlflow.db", "artifacts": "artifacts"}, "taxi")
    assert reader.champion() == 3
    file.unlink()
    for read in (reader.champion, lambda: reader.mark(3), lambda: reader.released(3)):
        with pytest.raises(RegistryUnavailable, match=r"there is no registry at sqlite:///mlflow\.db"):
            read()


def test_a_copy_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_SECONDS", 0.1)
    engine = create_engine(f"sqlite:///{tmp_path}/mlflow.db")
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE model_versions (name, version, source, creation_time, run_id, current_stage)",
            "CREATE TABLE model_version_tags (name, version, key, value)",
            "CREATE TABLE logged_models (model_id, experiment_id, artifact_location)",
            "CREATE TABLE experiments (experiment_id, artifact_location)",
            "INSERT INTO model_versions VALUES ('taxi', 1, 'models:/m-1', 0, NULL, 'None')",
            "INSERT INTO logged_models VALUES ('m-1', 1, 's3://models/m-1')",
            "INSERT INTO experiments VALUES (1, 's3://models')",
        ):
            connection.execute(text(statement))
    engine.dispose()
    reader = RegistryReader(tmp_path, {"uri": "sqlite:///mlflow.db", "artifacts": "artifacts"}, "taxi")
    with pytest.raises(RegistryUnavailable, match=r"cannot be reached \(s3://models/m-1 took more than 0\.1 s\)"):
        reader.released(1)


class _Guarded(BaseHTTPRequestHandler):
    """An MLflow server that wants a user's name and password, or a token."""

    allowed = ("Basic YW5hOnMlM2NyZXQ=", "Bearer t0ken")

    def do_GET(self) -> None:
        known = self.headers["Authorization"] in self.allowed
        body = b'{"model_version": {"version": "7"}}'
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("user", "variables"),
    [
        ("ana:s%253cret@", {}),
        ("", {"MLFLOW_TRACKING_USERNAME": "ana", "MLFLOW_TRACKING_PASSWORD": "s%3cret"}),
        ("", {"MLFLOW_TRACKING_TOKEN": "t0ken"}),
    ],
)
def test_a_server_is_told_who_asks(
    user: str, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Guarded) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        uri = f"http://{{}}127.0.0.1:{server.server_port}"
        with pytest.raises(RegistryUnavailable, match="401"):
            RegistryReader(tmp_path, {"uri": uri.format(""), "artifacts": "artifacts"}, "taxi").champion()
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert RegistryReader(tmp_path, {"uri": uri.format(user), "artifacts": "artifacts"}, "taxi").champion() == 7
        server.shutdown()
