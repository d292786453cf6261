"""The champion and its package, read without MLflow; see `ride_duration.mlflow_reader`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ride_duration.errors import (
    ConfigurationError,
    IntegrityError,
    NotFound,
    RegistryUnavailable,
    RideDurationError,
    without_passwords,
)
from ride_duration.mlflow_reader import open_reader
from ride_duration.mlflow_store import is_address, locate_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ride_duration.mlflow_reader import StoredVersion

T = TypeVar("T")

#: How long a package may take from a store elsewhere (seconds).
_SECONDS = 300


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


class RegistryReader:
    """Reads the registry of one model.

    Args:
        project: Folder of the project.
        settings: `uri` and `artifacts` of the tracking store.
        name: Of the registered model.
        release_command: Releases a first version, for messages.

    Attributes:
        name: The same.
        release_command: The same.
    """

    def __init__(self, project: Path, settings: dict[str, str], name: str, release_command: str = "kedro run") -> None:
        self.name, self.release_command = name, release_command
        self._artifacts = locate_store(project, settings).own_artifacts
        self._tracking = settings["uri"]
        self._copied: tempfile.TemporaryDirectory[str] | None = None
        self._store = open_reader(project, settings)

    def champion(self) -> int | None:
        """Return the version that the alias names, if there is one.

        Raises:
            RegistryUnavailable: The registry cannot be reached, or there is none yet.
        """
        found = _reach(lambda: self._store.champion(self.name))
        if found is None:
            self._require_registry()
        return found

    def mark(self, version: int) -> str:
        """Tell a version from another one of the same number: the fingerprint of its package, or else its own address.

        A registry that was created again counts from 1 again.

        Raises:
            NotFound: There is no such version.
            RegistryUnavailable: The registry cannot be reached.
        """
        found = self._version(version)
        return mark_of(found.tags, found.source)

    def released(self, version: int) -> Released:
        """Return where the package of a version lies, and since when.

        A package in a store elsewhere is copied, and kept until the next call.

        Raises:
            NotFound: There is no such version.
            IntegrityError: Its files are gone.
            RegistryUnavailable: The registry cannot be reached.
        """
        found = self._version(version)
        logged = _reach(lambda: self._store.logged_model(found.source))
        try:
            folder = package_folder(logged.location, logged.experiment, self._artifacts, self._download)
        except (OSError, ValueError) as error:
            raise IntegrityError(f"the files of version {version} are gone ({error})") from error
        return Released(folder, found.created / 1000, found.tags, mark_of(found.tags, found.source))

    def _version(self, version: int) -> StoredVersion:
        versions = _reach(lambda: self._store.versions(self.name))
        for found in versions:
            if found.number == version:
                return found
        self._require_registry()
        raise NotFound(f"there is no version {version} of {self.name}")

    def _require_registry(self) -> None:
        """Tell what was not found from a registry that is not there (the store reads both as nothing)."""
        if not self._store.exists:
            raise RegistryUnavailable(
                f"there is no registry at {self._tracking}; `{self.release_command}` makes one, and a champion"
            )

    def _download(self, address: str) -> Path:
        shown = without_passwords(address)
        if find_spec("mlflow") is None:
            raise ConfigurationError(f"MLflow copies packages from {shown}; `pip install 'ride_duration[tracking]'`")
        if self._copied is not None:
            self._copied.cleanup()
        self._copied = tempfile.TemporaryDirectory(prefix="ride_duration_package_")
        folder = self._copied.name
        if address.startswith("mlflow-artifacts:") and _is_mlflow_imported():
            _download_here(address, folder, self._tracking)
        else:
            self._download_apart(address, folder)
        [found] = Path(folder).rglob("MLmodel")
        return found.parent

    def _download_apart(self, address: str, folder: str) -> None:
        """Copy files by a process of its own: who answers rides imports no MLflow."""
        shown = without_passwords(address)
        command = [sys.executable, "-m", "mlflow", "artifacts", "download", "-u", address, "--dst-path", folder]
        own = {**os.environ, "MLFLOW_TRACKING_URI": self._tracking}  # which serves mlflow-artifacts:/...
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=own, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise RegistryUnavailable(f"the registry cannot be reached ({shown} took more than {_SECONDS} s)") from None
        if done.returncode:
            raise OSError(f"{shown}: {without_passwords(done.stderr).strip().splitlines()[-1:]}")


def _is_mlflow_imported() -> bool:
    return "mlflow" in sys.modules


def _download_here(address: str, folder: str, tracking: str) -> None:
    """Copy files of an MLflow server by the MLflow that is imported already, with the limits of its requests.

    A process of its own would import it again, which takes seconds.
    """
    from mlflow import MlflowException
    from mlflow.artifacts import download_artifacts

    try:
        download_artifacts(artifact_uri=address, dst_path=folder, tracking_uri=tracking)
    except MlflowException as error:
        raise OSError(without_passwords(f"{address}: {error.message}")) from error


def mark_of(noted: Mapping[str, str], source: str) -> str:
    """What tells a version from another one: the fingerprint that was noted with it, or else where MLflow keeps it."""
    return noted.get("manifest_sha256") or source


def package_folder(location: str, experiment: str, artifacts: Path | None, download: Callable[[str], Path]) -> Path:
    """The folder of a package below the place where MLflow keeps a logged model.

    MLflow keeps absolute paths. In a project's own store only the part below the experiment's folder counts, so that
    packages are found after the project was moved, and those of a copied project are its own.

    Args:
        location: Of the logged model.
        experiment: Where its experiment keeps files.
        artifacts: The folder of the project's artifacts; None where the store is not the project's own.
        download: Copies files from an address.

    Raises:
        OSError: There is no such folder.
        ValueError: There is not one package in it.
    """
    if is_address(location):
        root = download(location)
    elif artifacts is None:
        root = Path(location)
    else:
        root = artifacts / PurePosixPath(location).relative_to(experiment)
    [folder] = [path for path in (root / "data").iterdir() if path.is_dir()]
    return folder


def _reach(read: Callable[[], T]) -> T:
    try:
        return read()
    except RideDurationError:
        raise
    except Exception as error:  # each driver has errors of its own
        said = without_passwords(str(error).partition("\n")[0])
        raise RegistryUnavailable(f"the registry cannot be reached ({said})") from error
