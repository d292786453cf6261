"""Tables that are larger than the memory, as streams of record batches."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from ride_duration.atomic import replaced_whole

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

#: So many rows are a step worth a word to whoever waits.
_STEP = 5_000_000


class ParquetStreamDataset(AbstractDataset["pa.RecordBatchReader", "pa.RecordBatchReader"]):
    """A parquet file that is written and read batch by batch; each batch that is saved becomes a row group.

    The file appears whole, by a rename, when the stream has ended; a stream that fails leaves it as it was.

    Args:
        filepath: Of the file.
        metadata: Ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> pa.RecordBatchReader:
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = pq.ParquetFile(self._filepath)
        return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())

    def save(self, data: pa.RecordBatchReader) -> None:
        import pyarrow.parquet as pq

        rows = 0
        with replaced_whole(self._filepath) as unfinished, pq.ParquetWriter(unfinished, data.schema) as writer:
            for batch in data:
                writer.write_batch(batch)
                if rows // _STEP < (rows + batch.num_rows) // _STEP:
                    log.info("       %s rows so far", f"{rows + batch.num_rows:,}")
                rows += batch.num_rows

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
