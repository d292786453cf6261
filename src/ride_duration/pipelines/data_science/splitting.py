"""Features -> training, validation and test tables, by month."""

from typing import Any

import ibis.expr.types as ir
import pandas as pd

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.parameters import Experiment
from ride_duration.pipelines.parameters import TripSource


def split_features(
    features: ir.Table, experiment: Experiment, quality_report: dict[str, Any] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Split by month, each part ordered by `ride_id`; training leaves incident days out.

    The order is explicit since engines promise none, and a learner that samples rows depends on it.

    Args:
        features: Of every month.
        experiment: Says which months are for what.
        quality_report: Names the incident days; none if not given.

    Returns:
        Training, validation and test rows; the last is empty unless `test_data` names months.

    Raises:
        RideDurationError: The features lack a month, or are of another type of taxi or source; or all days of a month
            for training are incident days.
    """
    check_months(features, experiment, experiment.months)
    days = find_left_out(quality_report, experiment)
    of_day = features.pickup_datetime.strftime("%Y-%m-%d")
    for_training = features.filter(~of_day.isin(days)) if days else features
    months = experiment.splits
    train = rows_of(for_training, months["train"])
    if days and (left := sorted(set(months["train"]) - set(train["month"]))):
        raise RideDurationError(
            f"every day of {', '.join(left)} is an incident day, and training leaves those out: name other months in "
            "train_data, take marks back with `kedro monitor mark DAYS --clear`, or give "
            "--params=leave_out_incident_days=false"
        )
    return train, rows_of(features, months["val"]), rows_of(features, months["test"])


def find_left_out(quality_report: dict[str, Any] | None, experiment: Experiment) -> list[str]:
    """Return the incident days that training leaves out, in their order; a former program's report names none."""
    entries = ((quality_report or {}).get(month, {}) for month in experiment.splits["train"])
    return sorted(one["day"] for entry in entries for one in entry.get("incident_days", ()))


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
