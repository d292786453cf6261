"""A folder with one model package in place of a registry: for machines that only serve a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ride_duration.errors import NotFound, RegistryUnavailable
from ride_duration.model_package.files import MANIFEST_HASH
from ride_duration.registry.reader import Released

if TYPE_CHECKING:
    from pathlib import Path

#: Name of the model, and the number of its only version.
NAME, VERSION = "local-package", 1


class PackageReader:
    """Reads the package in a folder as `RegistryReader` reads versions.

    Args:
        folder: Of the package.
    """

    name = NAME
    release_command = "kedro run"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def champion(self) -> int:
        """Return the only version there is."""
        return VERSION

    def mark(self, version: int) -> str:  # noqa: ARG002 the same as of a registry
        """Return the fingerprint that the folder names now: another package put there is served soon.

        Raises:
            RegistryUnavailable: The folder cannot be read.
        """
        try:
            return (self._folder / MANIFEST_HASH).read_text().strip()
        except OSError as error:
            raise RegistryUnavailable(f"{self._folder} cannot be read: {error.strerror}") from error

    def released(self, version: int) -> Released:
        """Return the package as a released version.

        Raises:
            NotFound: The version is another one.
            RegistryUnavailable: The folder cannot be read.
        """
        if version != VERSION:
            raise NotFound(f"there is no version {version}: {self._folder} is served as version {VERSION}")
        mark = self.mark(version)
        return Released(self._folder, (self._folder / MANIFEST_HASH).stat().st_mtime, {}, mark)
