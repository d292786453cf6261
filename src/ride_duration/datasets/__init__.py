"""What the catalog needs and kedro-datasets lacks: months as files, streams, studies, packages, and whole saves."""

from ride_duration.datasets.alert_outbox import AlertOutboxDataset
from ride_duration.datasets.month_files import MonthFilesDataset
from ride_duration.datasets.month_tables import MonthTablesDataset
from ride_duration.datasets.parquet_stream import ParquetStreamDataset
from ride_duration.datasets.prediction_log import (
    ConclusionDataset,
    DayStatesDataset,
    MonitoringRowsDataset,
    PredictionLogDataset,
)
from ride_duration.datasets.registered_packages import RegisteredPackagesDataset
from ride_duration.datasets.release import ChampionDataset, FormerChampionsDataset, ModelPackageDataset, ReleaseDataset
from ride_duration.datasets.scored_months import ScoredMonthsDataset
from ride_duration.datasets.study import StudyDataset
from ride_duration.datasets.tracked_run import TrackedRunDataset
from ride_duration.datasets.whole_files import (
    CSVDataset,
    FileDataset,
    JSONDataset,
    ParquetDataset,
    PickleDataset,
    PlotlyDataset,
    TextDataset,
)
from ride_duration.datasets.zone_archive import ZoneArchiveDataset

__all__ = [
    "AlertOutboxDataset",
    "CSVDataset",
    "ChampionDataset",
    "ConclusionDataset",
    "DayStatesDataset",
    "FileDataset",
    "FormerChampionsDataset",
    "JSONDataset",
    "ModelPackageDataset",
    "MonitoringRowsDataset",
    "MonthFilesDataset",
    "MonthTablesDataset",
    "ParquetDataset",
    "ParquetStreamDataset",
    "PickleDataset",
    "PlotlyDataset",
    "PredictionLogDataset",
    "RegisteredPackagesDataset",
    "ReleaseDataset",
    "ScoredMonthsDataset",
    "StudyDataset",
    "TextDataset",
    "TrackedRunDataset",
    "ZoneArchiveDataset",
]
