"""Features -> training, validation and test tables, by month."""

import ibis.expr.types as ir
import pandas as pd

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.parameters import Experiment


def split_features(features: ir.Table, experiment: Experiment) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Split by month, each part ordered by `ride_id`.

    The order is explicit since engines promise none, and a learner that samples rows depends on it.

    Returns:
        Training, validation and test rows; the last is empty unless `test_data` names months.

    Raises:
        RideDurationError: The features lack a month, or are another service's or source's.
    """
    have = features.select("source", "service", "month").distinct().to_pandas()
    wanted = (have["source"] == experiment.source) & (have["service"] == experiment.service)
    missing = set(experiment.months) - set(have["month"][wanted])
    if missing:
        raise RideDurationError(
            f"the features hold no {experiment.service} trips of {', '.join(sorted(missing))} from the source "
            f"'{experiment.source}'; run all of `kedro run`, or its ingestion and data_engineering pipelines, "
            "with the same --env and --params first"
        )
    train, val, test = (_of(features, months) for months in experiment.splits.values())
    return train, val, test


def _of(features: ir.Table, months: tuple[str, ...]) -> pd.DataFrame:
    chosen = features.filter(features.month.isin(months)) if months else features.limit(0)
    rows: pd.DataFrame = chosen.order_by("ride_id").to_pandas()
    return rows
