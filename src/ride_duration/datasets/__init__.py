"""What the catalog needs and kedro-datasets lacks: months as files, streams, and saves that are whole or not at all."""

from ride_duration.datasets.atomic import (
    CSVDataset,
    FileDataset,
    JSONDataset,
    ParquetDataset,
    PickleDataset,
    PlotlyDataset,
    TextDataset,
)
from ride_duration.datasets.month_files import MonthFilesDataset
from ride_duration.datasets.parquet_stream import ParquetStreamDataset
from ride_duration.datasets.release import ChampionDataset, ModelPackageDataset, ReleaseDataset

__all__ = [
    "CSVDataset",
    "ChampionDataset",
    "FileDataset",
    "JSONDataset",
    "ModelPackageDataset",
    "MonthFilesDataset",
    "ParquetDataset",
    "ParquetStreamDataset",
    "PickleDataset",
    "PlotlyDataset",
    "ReleaseDataset",
    "TextDataset",
]
