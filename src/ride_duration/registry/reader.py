"""The champion, read without MLflow, whose import takes five seconds and 200 MB: a service has no room for that.

Reads what `registry` has written, from MLflow's database or from an MLflow server; nothing is ever written. That both
give what MLflow itself gives is held by tests, since the tables of the database are MLflow's own affair.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit
from urllib.request import Request, urlopen

from ride_duration.errors import (
    ConfigurationError,
    IntegrityError,
    NotFound,
    RegistryUnavailable,
    RideDurationError,
    without_passwords,
)
from ride_duration.postgresql import patient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Engine

#: How long a server or a database may take (seconds).
_PATIENCE = 5

#: How long a package may take from a store elsewhere (seconds).
_COPYING = 300

_SQLITE = "sqlite:///"

#: A location that is no path: s3://..., mlflow-artifacts:/...
_ELSEWHERE = re.compile("[a-z][a-z0-9+.-]+:/")

_ALIAS = "SELECT version FROM registered_model_aliases WHERE name = :name AND alias = 'champion'"
_LOGGED = """
    SELECT logged_models.artifact_location, experiments.artifact_location, model_versions.creation_time,
        model_versions.source
    FROM model_versions
    JOIN logged_models ON model_versions.source = 'models:/' || logged_models.model_id
    JOIN experiments ON experiments.experiment_id = logged_models.experiment_id
    WHERE model_versions.name = :name AND model_versions.version = :version
"""
_SOURCE = "SELECT source FROM model_versions WHERE name = :name AND version = :version"
_TAGS = "SELECT key, value FROM model_version_tags WHERE name = :name AND version = :version"


class Released(NamedTuple):
    """A version's package.

    Attributes:
        folder: In which it lies.
        at: When it was released (seconds since 1970, UTC).
        noted: The version's tags, among them the seal of its package.
        mark: What tells it from another version of the same number; empty if it is not known.
    """

    folder: Path
    at: float
    noted: dict[str, str]
    mark: str = ""


class _Kept(NamedTuple):
    """Where MLflow keeps the files of a version and of its experiment, since when (ms since 1970); tags and source."""

    location: str
    experiment: str
    since: int
    tags: dict[str, str]
    source: str


class RegistryReader:
    """Reads the registry of one model.

    Args:
        project: Folder of the project.
        settings: `uri` and `artifacts` of the tracking store.
        name: Of the registered model.

    Attributes:
        name: The same.
    """

    def __init__(self, project: Path, settings: dict[str, str], name: str) -> None:
        self.name = name
        self._artifacts = project / settings["artifacts"]
        self._tracking = settings["uri"]
        self._copied: tempfile.TemporaryDirectory[str] | None = None
        remote = settings["uri"].startswith(("http://", "https://"))
        self._store: _Server | _Database = (
            _Server(settings["uri"], name) if remote else _Database(project, settings["uri"], name)
        )

    def champion(self) -> int | None:
        """The version that the alias names, if there is one.

        Raises:
            RegistryUnavailable: The registry cannot be reached.
        """
        version: int | None = _reached(self._store.champion)
        return version

    def mark(self, version: int) -> str:
        """Tell a version from another one of the same number: the fingerprint of its package, or else its own address.

        A registry that was created again counts from 1 again.

        Raises:
            RideDurationError: There is no such version.
            RegistryUnavailable: The registry cannot be reached.
        """
        mark: str = _reached(lambda: self._store.mark(version))
        return mark

    def released(self, version: int) -> Released:
        """Where the package of a version lies, and since when; one in a store elsewhere is kept until the next call.

        Raises:
            RideDurationError: There is no such version, or its files are gone.
            RegistryUnavailable: The registry cannot be reached.
        """
        kept = _reached(lambda: self._store.kept(version))
        try:
            folder = package_folder(kept.location, kept.experiment, self._artifacts, self._download)
            return Released(folder, kept.since / 1000, kept.tags, mark_of(kept.tags, kept.source))
        except (OSError, ValueError) as error:
            raise IntegrityError(f"the files of version {version} are gone ({error})") from error

    def _download(self, address: str) -> Path:
        shown = without_passwords(address)
        if find_spec("mlflow") is None:
            raise ConfigurationError(f"MLflow copies packages from {shown}; `pip install 'ride_duration[tracking]'`")
        if self._copied is not None:
            self._copied.cleanup()
        self._copied = tempfile.TemporaryDirectory(prefix="ride_duration_package_")
        folder = self._copied.name
        command = [sys.executable, "-m", "mlflow", "artifacts", "download", "-u", address, "--dst-path", folder]
        own = {**os.environ, "MLFLOW_TRACKING_URI": self._tracking}  # which serves mlflow-artifacts:/...
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=own, timeout=_COPYING)
        except subprocess.TimeoutExpired:
            raise RegistryUnavailable(f"the registry cannot be reached ({shown} took more than {_COPYING} s)") from None
        if done.returncode:
            raise OSError(f"{shown}: {without_passwords(done.stderr).strip().splitlines()[-1:]}")
        [found] = Path(folder).rglob("MLmodel")
        return found.parent


def mark_of(noted: Mapping[str, str], source: str) -> str:
    """What tells a version from another one: the fingerprint that was noted with it, or else where MLflow keeps it."""
    return noted.get("manifest_sha256") or source


def package_folder(location: str, experiment: str, artifacts: Path, download: Callable[[str], Path]) -> Path:
    """The folder of a package below the place where MLflow keeps a logged model.

    MLflow keeps absolute paths. Of those on this machine only the part below the experiment's folder is believed, so
    that packages are found after the project was moved, and those of a copied project are its own.

    Args:
        location: Of the logged model.
        experiment: Where its experiment keeps files.
        artifacts: The folder of the project's artifacts.
        download: Copies files from an address.

    Raises:
        OSError: There is no such folder.
        ValueError: There is not one package in it.
    """
    root = (
        download(location)
        if _ELSEWHERE.match(location)
        else artifacts / PurePosixPath(location).relative_to(experiment)
    )
    [folder] = [path for path in (root / "data").iterdir() if path.is_dir()]
    return folder


def _reached(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except RideDurationError:
        raise
    except Exception as error:  # each driver has errors of its own
        told = without_passwords(str(error).partition("\n")[0])
        raise RegistryUnavailable(f"the registry cannot be reached ({told})") from error


def _engine(uri: str, file: Path | None) -> Engine:
    from sqlalchemy import NullPool, create_engine, make_url

    if file is None:
        uri = uri.replace("postgresql://", "postgresql+psycopg://", 1)
        url = make_url(uri)
        others = {"connect_timeout": _PATIENCE}
        arguments = patient(url, _PATIENCE) if url.get_backend_name() == "postgresql" else others
        return create_engine(url, connect_args=arguments, pool_pre_ping=True)

    def read_only() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=_PATIENCE)

    return create_engine("sqlite://", creator=read_only, poolclass=NullPool)


class _Database:
    def __init__(self, project: Path, uri: str, name: str) -> None:
        self._name = name
        self._uri = uri
        self._file = project / uri.removeprefix(_SQLITE) if uri.startswith(_SQLITE) else None
        self._engine = _engine(uri, self._file)

    def champion(self) -> int | None:
        found = self._ask(_ALIAS)
        return int(found[0][0]) if found else None

    def mark(self, version: int) -> str:
        found = self._ask(_SOURCE, version=version)
        if not found:
            raise NotFound(f"there is no version {version} of {self._name}")
        return mark_of(dict(self._ask(_TAGS, version=version)), found[0][0])

    def kept(self, version: int) -> _Kept:
        found = self._ask(_LOGGED, version=version)
        if not found:
            raise NotFound(f"there is no version {version} of {self._name}")
        location, experiment, since, source = found[0]
        return _Kept(location, experiment, since, dict(self._ask(_TAGS, version=version)), source)

    def _ask(self, question: str, **values: Any) -> list[Any]:
        from sqlalchemy import text

        if self._file is not None and not self._file.exists():
            raise RegistryUnavailable(f"there is no registry at {self._uri}; `kedro run` makes one, and a champion")
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(question), {"name": self._name, **values})]


class _Server:
    def __init__(self, uri: str, name: str) -> None:
        parts = urlsplit(uri)
        self._api = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}/api/2.0/mlflow"
        self._headers = _credentials(parts.username, parts.password)
        self._name = name

    def champion(self) -> int | None:
        from urllib.error import HTTPError

        try:
            found = self._ask("registered-models/alias", name=self._name, alias="champion")
        except HTTPError as error:
            told = error.read()
            if b"RESOURCE_DOES_NOT_EXIST" in told or b"INVALID_PARAMETER_VALUE" in told:
                return None
            raise
        return int(found["model_version"]["version"])

    def mark(self, version: int) -> str:
        found = self._ask("model-versions/get", name=self._name, version=version)["model_version"]
        return mark_of({tag["key"]: tag["value"] for tag in found.get("tags", [])}, found["source"])

    def kept(self, version: int) -> _Kept:
        found = self._ask("model-versions/get", name=self._name, version=version)["model_version"]
        logged = self._ask(f"logged-models/{found['source'].removeprefix('models:/')}")["model"]["info"]
        experiment = self._ask("experiments/get", experiment_id=logged["experiment_id"])["experiment"]
        tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
        since = int(found["creation_timestamp"])
        return _Kept(logged["artifact_uri"], experiment["artifact_location"], since, tags, found["source"])

    def _ask(self, path: str, **values: Any) -> Any:
        asked = Request(f"{self._api}/{path}?{urlencode(values)}", headers=self._headers)  # noqa: S310 http(s) alone
        with urlopen(asked, timeout=_PATIENCE) as answer:  # noqa: S310 http(s) alone
            return json.load(answer)


def _credentials(user: str | None, password: str | None) -> dict[str, str]:
    """Those of the address, or of the variables that MLflow itself reads."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user = unquote(user) if user else os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = unquote(password) if password else os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if not (user and password):
        return {}
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
