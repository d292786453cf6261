"""What the catalog needs and kedro-datasets lacks: raw months as files, and saves that are whole or not at all."""

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
from ride_duration.datasets.release import ChampionDataset, ModelPackageDataset, ReleaseDataset

__all__ = [
    "CSVDataset",
    "ChampionDataset",
    "FileDataset",
    "JSONDataset",
    "ModelPackageDataset",
    "MonthFilesDataset",
    "ParquetDataset",
    "PickleDataset",
    "PlotlyDataset",
    "ReleaseDataset",
    "TextDataset",
]
