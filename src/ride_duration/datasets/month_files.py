"""Raw months as files: made or downloaded once, never touched again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from ride_duration.atomic import lock_folder, replaced_whole
from ride_duration.datasets.download import download
from ride_duration.datasets.unreadable import describe_bytes, explain_unreadable
from ride_duration.errors import RideDurationError

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"

_BLOCK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A month that is fetched over HTTP."""

    url: str


@dataclass(frozen=True)
class MadeFile:
    """A month that is computed.

    Attributes:
        make: Computes the month's pyarrow table.
        origin: How, in a few words; another origin would have made another file.
        former: How former programs made it, with the same settings: such a file is kept, and this is said.
    """

    make: Callable[[], Any]
    origin: str
    former: str = ""


#: What a month is made from.
MonthSource = MadeFile | RemoteFile


class MonthFilesDataset(AbstractDataset[dict[str, MonthSource], dict[str, Callable[[], dict[str, Any]]]]):
    """A folder with one parquet file, or one folder of parquet parts, a month.

    Saving makes the months that are not there yet and leaves those that are. Each file appears whole, by a rename,
    and is then entered in `manifest.json` (sha256, bytes, rows, origin).

    Loading gives, by file stem, a function that computes the file's fingerprint: name, sha256, bytes and rows.

    Args:
        path: The folder.
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    #: Several runs may save here at once, one after the other.
    HAS_OWN_LOCK = True

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], dict[str, Any]]]:
        return {path.stem: partial(fingerprint, path) for path in find_months(self._path)}

    def save(self, data: dict[str, MonthSource]) -> None:
        for stem, source in data.items():
            path = self._path / f"{stem}.parquet"
            with lock_folder(self._path):
                if path.exists():
                    self._check_origin(path, source)
                else:
                    for other in self._path.glob(f"{stem}.csv*"):
                        log.warning("%s is not read: months are read as parquet, from %s", other, path.name)
                    origin = _make(path, source)
                    self._enter(fingerprint(path) | {"origin": origin})

    def _entries(self) -> dict[str, Any]:
        manifest = self._path / MANIFEST
        try:
            return dict(json.loads(manifest.read_text())) if manifest.exists() else {}
        except ValueError as error:
            raise RideDurationError(f"{manifest} cannot be read ({error}); delete it and run again") from error

    def _check_origin(self, path: Path, source: MonthSource) -> None:
        made = self._entries().get(path.name, {}).get("origin")
        if not made or not isinstance(source, MadeFile) or made == source.origin:
            return
        if made == source.former:
            log.warning(
                "%s is of a former program (%s) and is kept; delete it to have it %s", path, made, source.origin
            )
        else:
            raise RideDurationError(
                f"{path} was made otherwise ({made}) than now asked for ({source.origin}); "
                "delete it and run again to make it again"
            )

    def _enter(self, entry: dict[str, Any]) -> None:
        manifest = self._path / MANIFEST
        with replaced_whole(manifest) as unfinished:
            entries = self._entries() | {entry["file"]: entry}
            unfinished.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")

    def _exists(self) -> bool:
        return bool(find_months(self._path))

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}


def find_months(folder: Path) -> list[Path]:
    """Return the parquet files, and the folders of parquet parts, that lie in a folder, by name."""
    return sorted(folder.glob("*.parquet"))


def find_parts(path: Path) -> list[Path]:
    """Return the parquet files that a month is made of: itself, or what Spark and others wrote into it as a folder.

    Raises:
        RideDurationError: A folder holds none, or there is neither a file nor a folder, but a pipe or the like, which
            would be waited for.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise RideDurationError(f"{path} is neither a file nor a folder; put a parquet file in its place")
    if not path.is_dir():
        return [path]
    files = (part.relative_to(path) for part in path.rglob("*.parquet") if part.is_file())
    parts = [path / part for part in sorted(files) if not any(name.startswith(("_", ".")) for name in part.parts)]
    if not parts:
        raise RideDurationError(
            f"{path} is a folder without a parquet file in it; put the month's parts there, or delete it and run again"
        )
    return parts


def _make(path: Path, source: MonthSource) -> str:
    import pyarrow.parquet as pq

    if isinstance(source, RemoteFile):
        download(source.url, path)
        if found := describe_bytes(path):
            path.unlink()
            raise RideDurationError(f"{source.url} sent something else than a parquet file ({found}); try again later")
        return source.url
    log.info("simulating %s", path.stem)
    with replaced_whole(path) as unfinished:
        pq.write_table(source.make(), unfinished)
    return source.origin


def fingerprint(path: Path) -> dict[str, Any]:
    """Name, sha256, size in bytes and number of rows of a month; of a folder those of its parts, one after the other.

    Raises:
        RideDurationError: A file is not readable as parquet.
    """
    import pyarrow.parquet as pq

    digest, size, rows = hashlib.sha256(), 0, 0
    for part in find_parts(path):
        try:
            with part.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
            rows += pq.read_metadata(part).num_rows
        except Exception as error:
            raise explain_unreadable(path.name, error, part) from error
        size += part.stat().st_size
    return {"file": path.name, "sha256": digest.hexdigest(), "bytes": size, "rows": rows}
