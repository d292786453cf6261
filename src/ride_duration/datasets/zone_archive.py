"""The TLC's archive of zone shapes: fetched once where it can be, and not missed where it cannot."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from urllib3.util import Retry

from ride_duration.atomic import lock_folder, replaced_whole
from ride_duration.datasets.download import download
from ride_duration.datasets.month_files import MANIFEST, RemoteFile
from ride_duration.errors import RideDurationError

log = logging.getLogger(__name__)

#: A run that can do without does not wait for long.
_ONCE = Retry(total=0, raise_on_status=False, respect_retry_after_header=False)
_ZIP = b"PK\x03\x04"


class ZoneArchiveDataset(AbstractDataset[dict[str, RemoteFile], dict[str, bytes]]):
    """One optional zip archive, under its own name in a folder.

    Saving fetches it if it is not there yet: whole, by a rename, and resumed where a former download stopped; then it
    is entered in `manifest.json` (sha256, bytes, origin). Where it cannot be fetched one warning says so.

    Loading gives its bytes by its name: nothing where it is not there, or is not what was fetched.

    Args:
        path: The archive.
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    #: Several runs may save here at once, one after the other.
    HAS_OWN_LOCK = True

    def __init__(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self._manifest = self._path.with_name(MANIFEST)
        self.metadata = metadata

    def load(self) -> dict[str, bytes]:
        if not self._path.is_file():
            return {}
        content = self._path.read_bytes()
        recorded = self._entries().get(self._path.name, {}).get("sha256")
        if recorded and recorded != hashlib.sha256(content).hexdigest():
            log.warning("%s is not what was downloaded and is not used; delete it to have it again", self._path)
            return {}
        return {self._path.name: content}

    def save(self, data: dict[str, RemoteFile]) -> None:
        for source in data.values():
            with lock_folder(self._path.parent):
                if not self._path.exists():
                    self._fetch(source.url)

    def _fetch(self, url: str) -> None:
        try:
            download(url, self._path, _ONCE)
        except RideDurationError as error:
            log.warning("Going on without the shapes of the taxi zones, which are optional: %s", error)
            return
        content = self._path.read_bytes()
        if not content.startswith(_ZIP):
            self._path.unlink()
            log.warning("Going on without the shapes of the taxi zones: %s did not send a zip archive", url)
            return
        entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "origin": url}
        with replaced_whole(self._manifest) as unfinished:
            unfinished.write_text(json.dumps({self._path.name: entry}, indent=2, sort_keys=True) + "\n")

    def _entries(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._manifest.read_text())) if self._manifest.exists() else {}
        except ValueError:
            log.warning("%s cannot be read; delete it", self._manifest)
            return {}

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}
