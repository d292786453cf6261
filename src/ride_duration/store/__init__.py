"""What the service predicted, and what really happened: kept in a database, and never lost on the way there."""

from ride_duration.store.backlog import LogFull
from ride_duration.store.log import PredictionLog
from ride_duration.store.records import Actual, Prediction

__all__ = ["Actual", "LogFull", "Prediction", "PredictionLog"]
