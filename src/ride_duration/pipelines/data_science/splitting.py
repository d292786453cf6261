"""Features -> training, validation and test tables, by month."""

import ibis.expr.types as ir
import pandas as pd

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.parameters import Experiment
from ride_duration.pipelines.parameters import TripSource


def split_features(features: ir.Table, experiment: Experiment) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Split by month, each part ordered by `ride_id`.

    The order is explicit since engines promise none, and a learner that samples rows depends on it.

    Returns:
        Training, validation and test rows; the last is empty unless `test_data` names months.

    Raises:
        RideDurationError: The features lack a month, or are of another type of taxi or source.
    """
    check_months(features, experiment, experiment.months)
    train, val, test = (rows_of(features, months) for months in experiment.splits.values())
    return train, val, test


def check_months(features: ir.Table, trips: TripSource, months: tuple[str, ...]) -> None:
    """Refuse features that lack a month.

    Raises:
        RideDurationError: A month has no rows, or only those of another type of taxi or source.
    """
    have = features.select("source", "service", "month").distinct().to_pandas()
    wanted = (have["source"] == trips.source) & (have["service"] == trips.taxi_type)
    missing = set(months) - set(have["month"][wanted])
    if missing:
        raise RideDurationError(
            f"the features hold no {trips.taxi_type} trips of {', '.join(sorted(missing))} from the source "
            f"'{trips.source}'; run all of the pipeline, ingestion and data_engineering first, "
            "with the same --env and --params"
        )


def rows_of(features: ir.Table, months: tuple[str, ...]) -> pd.DataFrame:
    """The rows of some months, ordered by `ride_id`; none for no months."""
    chosen = features.filter(features.month.isin(months)) if months else features.limit(0)
    rows: pd.DataFrame = chosen.order_by("ride_id").to_pandas()
    return rows
