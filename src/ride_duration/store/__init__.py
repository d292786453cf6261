"""What the service predicted, and what really happened: kept in a database, and never lost on the way there."""

from ride_duration.store.log_records import Actual, Prediction
from ride_duration.store.writer.backlog import LogFull
from ride_duration.store.writer.prediction_log import PredictionLog

__all__ = ["Actual", "LogFull", "Prediction", "PredictionLog"]
