"""The packages that the service has loaded, kept where it runs: it starts again also when the registry is away."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ride_duration.atomic import replaced_whole
from ride_duration.errors import RideDurationError
from ride_duration.model_package import ModelPackage
from ride_duration.model_package.files import MANIFEST, read_folder, write_folder
from ride_duration.registry.packages import load_verified
from ride_duration.registry.reader import Released

#: Packages that are kept besides those in use, for a rollback while the registry is away.
_KEPT = 3


class PackageCache:
    """A folder of packages by version, and the number of the last champion.

    Args:
        folder: Of this service alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = folder / "champion"

    def package(self, version: int, source: Released | None = None) -> ModelPackage:
        """The package of a version, after each hash was compared, and the whole with what the registry has noted.

        Args:
            version: Its number.
            source: Where it lies in the registry, to be copied from; None where the registry is away.

        Raises:
            RideDurationError: It is not here and there is no source, a file was changed, or another package lies
                where the registry has it.
        """
        own = self._folder / str(version)
        if source is not None:
            package = load_verified(source.folder, version, source.noted)
            if not own.exists() or self._differs(own, package):
                self._folder.mkdir(parents=True, exist_ok=True)
                self._noted(version).unlink(missing_ok=True)  # a kill must not leave it beside another package
                write_folder(own, package.contents)
            os.utime(own / MANIFEST, (source.at, source.at))
            with replaced_whole(self._noted(version)) as partial:
                partial.write_text(f"{package.fingerprint} {source.mark}\n")
            return package
        if not own.exists():
            raise RideDurationError(f"version {version} was never loaded here, and the registry is away")
        package = ModelPackage(read_folder(own), 1, version)
        fingerprint = self._loaded(version)[0]
        if fingerprint not in ("", package.fingerprint):
            raise RideDurationError(
                f"the model package in {own} is not the one that was loaded from the registry as version {version}; "
                "it is copied again as soon as the registry is back"
            )
        return package

    def mark(self, version: int) -> str:
        """Return the mark of the version that lies here in the registry; empty if it is not known."""
        return self._loaded(version)[1]

    def released_at(self, version: int) -> float:
        """When a version that lies here was released (seconds since 1970, UTC)."""
        return (self._folder / str(version) / MANIFEST).stat().st_mtime

    def note_champion(self, version: int) -> None:
        """Remember a champion that answers, and forget packages that were loaded long ago."""
        with replaced_whole(self._last) as partial:
            partial.write_text(f"{version}\n")
        folders = [path for path in self._folder.iterdir() if path.name.isdigit() and path.name != str(version)]
        for old in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
            self._noted(int(old.name)).unlink(missing_ok=True)

    def last_champion(self) -> int | None:
        """The champion that answered last."""
        try:
            return int(self._last.read_text())
        except (OSError, ValueError):
            return None

    def _noted(self, version: int) -> Path:
        return self._folder / f"{version}.loaded"

    def _loaded(self, version: int) -> tuple[str, str]:
        """The fingerprint of the package that was loaded, and its mark in the registry; empty where not noted."""
        try:
            fingerprint, _, mark = self._noted(version).read_text().strip().partition(" ")
        except (OSError, UnicodeDecodeError):  # of a program before, which did not note them
            return "", ""
        return fingerprint, mark

    @staticmethod
    def _differs(own: Path, package: ModelPackage) -> bool:
        try:
            return read_folder(own) != package.contents
        except RideDurationError:
            return True
