"""All rows of the log that one run of the monitoring needs, read at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from ride_duration.store.monitoring.day_rows import Evidence, read_days, read_features, read_labels
from ride_duration.store.monitoring.opening import describe_failures
from ride_duration.store.monitoring.watermark import Watermark, read_progress

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class LogSnapshot(NamedTuple):
    """Rows as they were at one moment.

    Attributes:
        days: Of `monitoring_days`, of the log.
        labels: Of `monitoring_labels`, every day, in their order.
        features: Of `monitoring_features`, of every version.
        watermark: Up to where the log is computed.
        asked_at: When the newest prediction up to there was made (seconds since 1970-01-01 UTC); None if not known.
        received_at: When the newest report up to there came in.
    """

    days: list[dict[str, Any]]
    labels: list[dict[str, Any]]
    features: list[dict[str, Any]]
    watermark: Watermark
    asked_at: float | None
    received_at: float | None


def load_snapshot(
    engine: Engine, model: str, spans: Iterable[tuple[str, str]], features_between: tuple[str, str]
) -> LogSnapshot:
    """Load the rows of a model in one transaction: whatever another run writes meanwhile, they belong together.

    Args:
        engine: Of `open_monitoring` or `read_monitoring`.
        model: Name of the registered model.
        spans: First and last days of which sums are loaded; they do not overlap.
        features_between: First and last day of which features are loaded.

    Raises:
        RideDurationError: The store cannot be read.
    """
    with describe_failures(engine), _begin_snapshot(engine) as connection:
        days = [row for span in spans for row in read_days(connection, model, Evidence.LOG, *span)]
        features = read_features(connection, model, *features_between)
        progress = read_progress(connection, model)
        return LogSnapshot(days, read_labels(connection, model), features, *progress[:3])


@contextmanager
def _begin_snapshot(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction whose questions all see the same rows; it blocks no writer."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        connection.begin()
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "sqlite" and not driver.in_transaction:
            connection.exec_driver_sql("BEGIN")  # Python's driver begins none for questions
        yield connection
