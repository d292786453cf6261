"""What the catalog needs and kedro-datasets lacks: months as files, streams, studies, packages, and whole saves.

The module of a class is imported when the catalog first asks for the class: all of them take two seconds to import.
"""

from importlib import import_module
from typing import Any

_CLASSES = {
    "alert_outbox": ("AlertOutboxDataset",),
    "incident_days": ("IncidentDaysDataset",),
    "monitoring_decisions": ("MonitoringDecisionsDataset",),
    "month_files": ("MonthFilesDataset",),
    "month_tables": ("MonthTablesDataset",),
    "parquet_stream": ("ParquetStreamDataset",),
    "prediction_log": ("ConclusionDataset", "DayStatesDataset", "MonitoringRowsDataset", "PredictionLogDataset"),
    "registered_packages": ("RegisteredPackagesDataset",),
    "release": ("ChampionDataset", "FormerChampionsDataset", "ModelPackageDataset", "ReleaseDataset"),
    "scored_months": ("ScoredMonthsDataset",),
    "study": ("StudyDataset",),
    "tracked_run": ("TrackedRunDataset",),
    "whole_files": (
        "CSVDataset",
        "FileDataset",
        "JSONDataset",
        "ParquetDataset",
        "PickleDataset",
        "PlotlyDataset",
        "TextDataset",
    ),
    "zone_archive": ("ZoneArchiveDataset",),
}
_MODULES = {name: module for module, names in _CLASSES.items() for name in names}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    """Return a class of one of the modules."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no class {name}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
