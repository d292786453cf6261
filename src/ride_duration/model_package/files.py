"""A package on disk: written whole, and read only if no byte of it has changed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ride_duration.errors import IntegrityError

#: Of what lies in a package, and what for; raised when an older program could not read a newer package.
FORMAT = 1

MANIFEST = "manifest.json"
#: Holds the manifest's own hash, so that no byte of the package is without one.
MANIFEST_HASH = "manifest.json.sha256"


def pack(files: Mapping[str, bytes], facts: Mapping[str, Any]) -> dict[str, bytes]:
    """Add the manifest to the files of a package.

    Args:
        files: Contents by name; names may have folders.
        facts: What the manifest says of the model.

    Returns:
        All files, the manifest and its hash included.
    """
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    values = {**facts, "package_format": FORMAT, "files": hashes}
    manifest = (json.dumps(values, indent=2, sort_keys=True) + "\n").encode()
    return {**files, MANIFEST: manifest, MANIFEST_HASH: f"{hashlib.sha256(manifest).hexdigest()}\n".encode()}


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a package into a folder, in place of what was there; the swap is by renaming.

    A kill between the two renames leaves no package in that place, never half of one.
    """
    partial, old = folder.with_name(f".{folder.name}.partial"), folder.with_name(f".{folder.name}.old")
    for leftover in (partial, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        for name, content in files.items():
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a package, after each hash was compared.

    Raises:
        RideDurationError: A file is missing, changed or not in the manifest, or something is there that is no file, a
            link for instance; names it. Or the package is of another format.
    """
    if not (folder / MANIFEST).is_file():
        raise IntegrityError(f"{folder} is not a model package: it has no {MANIFEST}")
    lying = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    for name, path in lying.items():
        if path.is_symlink():
            raise _refused(folder, name, "is a link, and may lead to other bytes tomorrow")
    contents = {name: path.read_bytes() for name, path in lying.items() if path.is_file()}
    manifest = contents[MANIFEST]
    if contents.get(MANIFEST_HASH) != f"{hashlib.sha256(manifest).hexdigest()}\n".encode():
        raise _refused(folder, MANIFEST, f"does not agree with {MANIFEST_HASH}")
    hashes = _hashes(folder, manifest)
    for name, expected in hashes.items():
        if name not in contents:
            raise _refused(folder, name, "is missing")
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise _refused(folder, name, "is not what was packaged")
    named = hashes.keys() | {MANIFEST, MANIFEST_HASH}
    folders = {parent.as_posix() for name in named for parent in PurePosixPath(name).parents}
    if added := sorted(lying.keys() - named - folders):
        raise _refused(folder, added[0], "is not in the manifest")
    return contents


def _hashes(folder: Path, manifest: bytes) -> dict[str, str]:
    try:
        values = json.loads(manifest)
        made_with, hashes = values["package_format"], dict(values["files"])
    except (ValueError, TypeError, KeyError) as error:
        raise _refused(folder, MANIFEST, "is none that was written here") from error
    if made_with != FORMAT:
        raise _refused(folder, MANIFEST, f"is of format {made_with}, and {FORMAT} is what this version reads")
    return hashes


def _refused(folder: Path, name: str, why: str) -> IntegrityError:
    return IntegrityError(f"the model package in {folder} is refused: {name} {why}; release the model again")
