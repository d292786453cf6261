"""A backup as a folder: store, journals and registry together, with a manifest that tells whether it is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ride_duration.atomic import replaced_whole, set_aside
from ride_duration.clock import local_time
from ride_duration.errors import ConfigurationError, DecisionRefused, IntegrityError, NotFound
from ride_duration.in_use import find_locks

if TYPE_CHECKING:
    from collections.abc import Callable

    from ride_duration.serving.settings import ServiceSettings

_STORE, _JOURNALS, _REGISTRY, _MANIFEST = "store.db", "journals", "registry", "manifest.json"
_FORMAT = 1


def make_backup(settings: ServiceSettings, folder: Path, report: Callable[[str, int], None]) -> dict[str, Any]:
    """Copy the store, what the journals hold and the registry into a folder, also while services run.

    Args:
        settings: Of the service.
        folder: That is made; it appears when it is whole.
        report: Called with each table and how many rows of it are copied.

    Returns:
        The manifest.

    Raises:
        DecisionRefused: The folder is there already.
        NotFound: There is neither a store nor a registry yet.
    """
    from ride_duration.registry.backup import copy_registry
    from ride_duration.store.backup import copy_journals, copy_store

    if folder.exists():
        raise DecisionRefused(f"{folder} is there already; name a folder that is not")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        journals = copy_journals(settings.folder_path, settings.store_url, partial / _JOURNALS)
        try:
            tables = copy_store(settings.store_url, f"sqlite:///{partial / _STORE}", settings.clock_kind, report)
        except NotFound:
            tables = None
        registry = copy_registry(settings.project_path, settings.tracking, partial / _REGISTRY)
        if tables is None and not registry:
            raise NotFound(
                "there is nothing to back up here yet; `kedro run` makes models, `kedro service start` a store"
            )
        manifest = {
            "format": _FORMAT,
            "program": version("ride_duration"),
            "made_at": local_time().isoformat(timespec="seconds"),
            "clock": settings.clock_kind.value,
            "tables": tables,
            "journals": journals,
            "registry": registry,
            "files": _hash_files(partial),
        }
        with replaced_whole(partial / _MANIFEST) as file:
            file.write_text(json.dumps(manifest, indent=2) + "\n")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def restore_backup(
    settings: ServiceSettings, folder: Path, report: Callable[[str, int], None], *, replace: bool
) -> tuple[dict[str, Any], list[Path]]:
    """Put a backup in the place of store and registry.

    Args:
        settings: Of the service; its store may be another database than the one that the backup was made of.
        folder: Of `make_backup`.
        report: Called with each table and how many rows of it are copied.
        replace: Set aside what is there; an SQLite file or a registry that is there is refused otherwise.

    Returns:
        The manifest, and what was set aside.

    Raises:
        NotFound: It is not a backup.
        IntegrityError: It is not whole.
        DecisionRefused: Something runs here, or something is there already.
    """
    from ride_duration.registry.backup import check_place, put_registry_back
    from ride_duration.store.backup import put_journals_back

    manifest = read_manifest(folder)
    if manifest["clock"] != settings.clock_kind.value:
        raise ConfigurationError(
            f"{folder} has times of the {manifest['clock']} clock, and this environment is on the "
            f"{settings.clock_kind} one"
        )
    if locks := find_locks(settings.project_path / "data"):
        raise DecisionRefused(f"something is running here (it holds {locks[0]}); stop it first")
    registry = None
    if manifest["registry"]:
        registry = check_place(settings.project_path, settings.tracking, replace=replace)
    aside = []
    if manifest["tables"] is not None:
        aside += _restore_store(settings, folder, report, replace=replace)
    if registry is not None:
        aside += put_registry_back(folder / _REGISTRY, registry)
    put_journals_back(folder / _JOURNALS, settings.folder_path, settings.store_url)
    return manifest, aside


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a backup, and compare every file with it.

    Raises:
        NotFound: There is none.
        IntegrityError: A file is missing, changed, or was added.
    """
    try:
        manifest = dict(json.loads((folder / _MANIFEST).read_bytes()))
        recorded = dict(manifest["files"])
    except OSError as error:
        raise NotFound(f"{folder} is not a backup ({error.strerror}: {_MANIFEST})") from None
    except (ValueError, KeyError, TypeError):
        raise IntegrityError(f"{folder / _MANIFEST} is damaged") from None
    if manifest.get("format") != _FORMAT:
        raise ConfigurationError(f"{folder} was written by a newer program ({manifest.get('program')}); install that")
    present = _hash_files(folder)
    for name in sorted(recorded.keys() | present.keys()):
        if recorded.get(name) != present.get(name):
            problem = "missing" if name not in present else "not what was backed up"
            raise IntegrityError(f"{folder} is not whole: {name} is {problem}; nothing was changed")
    return manifest


def _restore_store(
    settings: ServiceSettings, folder: Path, report: Callable[[str, int], None], *, replace: bool
) -> list[Path]:
    """Put the store back: a file of SQLite is written beside its place first; PostgreSQL gets it in one transaction."""
    from sqlalchemy import make_url

    from ride_duration.store.backup import copy_store

    source, url = f"sqlite:///{folder / _STORE}", make_url(settings.store_url)
    if url.get_backend_name() != "sqlite":
        copy_store(source, settings.store_url, settings.clock_kind, report)
        return []
    place = Path(url.database or "")
    if place.exists() and not replace:
        raise DecisionRefused(f"{place} is there already; --replace sets it aside")
    partial = place.with_name(f"{place.name}.partial")
    for left in (partial, *_beside(partial)):
        left.unlink(missing_ok=True)
    copy_store(source, f"sqlite:///{partial}", settings.clock_kind, report)
    aside = []
    if place.exists():
        aside.append(set_aside(place))
        for beside in _beside(place):
            if beside.exists():
                beside.rename(f"{aside[0]}{beside.name.removeprefix(place.name)}")
    partial.rename(place)
    return aside


def _beside(path: Path) -> tuple[Path, Path]:
    """What SQLite keeps beside a file that was not closed."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _hash_files(folder: Path) -> dict[str, str]:
    hashes = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name != _MANIFEST:
            with path.open("rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes
