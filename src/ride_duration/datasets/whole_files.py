"""Datasets of kedro-datasets whose saves are whole or not at all.

Each writes beside its file under a temporary name and then renames it: a full disk, an error or a kill leaves the
file as it was. They differ from their parents in nothing else.
"""

import re
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from kedro_datasets import ibis, json, pandas, pickle, plotly, text

from ride_duration.atomic import replaced_whole
from ride_duration.errors import RideDurationError


class _AtomicSave:
    """Lets the parent's `save` write to a temporary path.

    Plain local files only: object stores replace whole objects, and a new version is a new file.
    """

    _filepath: PurePosixPath

    @property
    def _is_replaced(self) -> bool:
        local = getattr(self, "_protocol", "file") == "file" and not getattr(self, "_fs_prefix", "")
        return local and not getattr(self, "_version", None)

    def load(self) -> Any:
        if self._is_replaced and not Path(self._filepath).exists():
            raise RideDurationError(
                f"{self._filepath} is not there yet; run the pipeline that makes it, or `kedro run`"
            )
        try:
            return super().load()  # type: ignore[misc]
        except Exception as error:  # each format has its own errors
            reason = str(error.__cause__ or error).strip().partition("\n")[0].rstrip(".")
            raise RideDurationError(
                f"{self._filepath} cannot be read ({reason}); run the pipeline that makes it again: `kedro run`"
            ) from error

    def save(self, data: Any) -> None:
        final = self._filepath
        if not self._is_replaced:
            super().save(data)  # type: ignore[misc]
            return
        with replaced_whole(Path(final)) as partial:
            self._filepath = PurePosixPath(partial)
            try:
                super().save(data)  # type: ignore[misc]
            finally:
                self._filepath = final


class CSVDataset(_AtomicSave, pandas.CSVDataset):
    """`pandas.CSVDataset` with whole saves."""


def escape_pattern(path: PurePath) -> str:
    """Return a path as DuckDB reads it: the file of that very name, though it holds `[`, `*` or `?`."""
    return re.sub(r"[\[*?]", r"[\g<0>]", str(path))


class FileDataset(_AtomicSave, ibis.FileDataset):
    """`ibis.FileDataset` with whole saves, whose path is no pattern."""

    def _get_load_path(self) -> PurePosixPath:
        path = super()._get_load_path()
        return PurePosixPath(escape_pattern(path)) if self._is_replaced else path

    def _exists(self) -> bool:
        return Path(self._filepath).exists() if self._is_replaced else super()._exists()


class JSONDataset(_AtomicSave, json.JSONDataset):
    """`json.JSONDataset` with whole saves."""


class ParquetDataset(_AtomicSave, pandas.ParquetDataset):
    """`pandas.ParquetDataset` with whole saves."""


class PickleDataset(_AtomicSave, pickle.PickleDataset):
    """`pickle.PickleDataset` with whole saves, which also reads what was pickled before classes moved."""

    def __init__(self, *, backend: str = "ride_duration.datasets.moved_classes", **arguments: Any) -> None:
        super().__init__(backend=backend, **arguments)


class PlotlyDataset(_AtomicSave, plotly.JSONDataset):
    """`plotly.JSONDataset` with whole saves."""


class TextDataset(_AtomicSave, text.TextDataset):
    """`text.TextDataset` with whole saves."""
