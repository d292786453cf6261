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

__all__ = [
    "CSVDataset",
    "FileDataset",
    "JSONDataset",
    "MonthFilesDataset",
    "ParquetDataset",
    "PickleDataset",
    "PlotlyDataset",
    "TextDataset",
]
