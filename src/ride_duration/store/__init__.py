"""Predictions and actual durations: kept in a database, and never lost on the way there."""

from ride_duration.store.log_records import ActualRecord, PredictionRecord
from ride_duration.store.writer.backlog import LogFull
from ride_duration.store.writer.prediction_log import PredictionLog

__all__ = ["ActualRecord", "LogFull", "PredictionLog", "PredictionRecord"]
