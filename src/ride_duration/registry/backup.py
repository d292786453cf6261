"""Copies of a project's own tracking store: its SQLite file, with all runs and decisions, and the folder of artifacts.

A store that others share is a server's, or a database's; whoever runs that makes copies of it.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from ride_duration.atomic import set_aside
from ride_duration.errors import DecisionRefused, IntegrityError
from ride_duration.mlflow_store import TrackingStore, locate_store

_DATABASE, _ARTIFACTS = "mlflow.db", "artifacts"


def copy_registry(project: Path, settings: dict[str, str], target: Path) -> bool:
    """Copy the tracking store, also while it is written to.

    The database is copied before the artifacts, which are written before the database names them: all that the copied
    one names is there.

    Args:
        project: Folder of the project.
        settings: `uri` and `artifacts`, as of `mlflow_store.locate_store`.
        target: A folder that is made.

    Returns:
        Whether there was anything to copy: False without a store, and where it is not the project's own.

    Raises:
        IntegrityError: The database is damaged.
    """
    store = locate_store(project, settings)
    if store.file is None or store.own_artifacts is None or not store.file.is_file():
        return False
    target.mkdir(parents=True)
    try:
        with (
            closing(sqlite3.connect(f"file:{store.file}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target / _DATABASE)) as copy,
        ):
            source.backup(copy)
    except sqlite3.DatabaseError as error:
        raise IntegrityError(f"{store.file} cannot be copied ({error})") from None
    if store.own_artifacts.is_dir():
        shutil.copytree(store.own_artifacts, target / _ARTIFACTS, ignore_dangling_symlinks=True)
    return True


def check_place(project: Path, settings: dict[str, str], *, replace: bool) -> TrackingStore:
    """Return the tracking store that a copy would be put into.

    Raises:
        DecisionRefused: It is not the project's own, or there is one already and it may not be replaced.
    """
    store = locate_store(project, settings)
    if store.file is None or store.own_artifacts is None:
        raise DecisionRefused(
            f"`tracking.uri` is {store.uri}, which others may share, and no copy is put there; choose an environment "
            "with a SQLite file inside the project"
        )
    if store.file.exists() and not replace:
        raise DecisionRefused(f"{store.file} is there already; --replace sets it aside")
    return store


def put_registry_back(source: Path, store: TrackingStore) -> list[Path]:
    """Put a copy in the place of a tracking store; what is there is set aside.

    Args:
        source: As `copy_registry` made it.
        store: Of `check_place`.

    Returns:
        What was set aside, and where.
    """
    if store.file is None or store.own_artifacts is None:
        raise ValueError("only a project's own store is put back")
    aside = []
    for name, place in ((_ARTIFACTS, store.own_artifacts), (_DATABASE, store.file)):
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name(f"{place.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.unlink(missing_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, partial)
        elif (source / name).exists():
            shutil.copyfile(source / name, partial)
        else:  # nothing was tracked with files yet
            partial.mkdir()
        if place.exists():
            aside.append(set_aside(place))
        partial.rename(place)
    return aside
