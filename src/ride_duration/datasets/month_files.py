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
from ride_duration.errors import RideDurationError

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"


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
    """

    make: Callable[[], Any]
    origin: str


#: What a month is made from.
MonthSource = MadeFile | RemoteFile


class MonthFilesDataset(AbstractDataset[dict[str, MonthSource], dict[str, Callable[[], dict[str, Any]]]]):
    """A folder with one parquet file a month.

    Saving makes the months that are not there yet and leaves those that are. Each file appears whole, by a rename,
    and is then entered in `manifest.json` (sha256, bytes, rows, origin).

    Loading gives, by file stem, a function that computes the file's fingerprint: name, sha256, bytes and rows.

    Args:
        path: The folder.
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], dict[str, Any]]]:
        return {path.stem: partial(fingerprint, path) for path in sorted(self._path.glob("*.parquet"))}

    def save(self, data: dict[str, MonthSource]) -> None:
        for stem, source in data.items():
            path = self._path / f"{stem}.parquet"
            if path.exists():
                self._check_origin(path, source)
            else:
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
        if made and isinstance(source, MadeFile) and made != source.origin:
            raise RideDurationError(
                f"{path} was made otherwise ({made}) than now asked for ({source.origin}); "
                "delete it and run again to make it anew"
            )

    def _enter(self, entry: dict[str, Any]) -> None:
        manifest = self._path / MANIFEST
        with lock_folder(self._path), replaced_whole(manifest) as unfinished:
            entries = self._entries() | {entry["file"]: entry}
            unfinished.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")

    def _exists(self) -> bool:
        return any(self._path.glob("*.parquet"))

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}


def _make(path: Path, source: MonthSource) -> str:
    import pyarrow.parquet as pq

    if isinstance(source, RemoteFile):
        download(source.url, path)
        try:
            fingerprint(path)
        except RideDurationError:
            path.unlink()
            raise RideDurationError(f"{source.url} sent something that is no parquet file; try again later") from None
        return source.url
    log.info("simulating %s", path.stem)
    with replaced_whole(path) as unfinished:
        pq.write_table(source.make(), unfinished)
    return source.origin


def fingerprint(path: Path) -> dict[str, Any]:
    """Name, sha256, size in bytes and number of rows of a parquet file.

    Raises:
        RideDurationError: The file is no parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        rows = pq.read_metadata(path).num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise RideDurationError(
            f"{path.name} is no readable parquet file ({_first_line(error)}); "
            f"delete {path} and run again to get it anew"
        ) from error
    return {"file": path.name, "sha256": digest, "bytes": path.stat().st_size, "rows": rows}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
