"""A log of the days that have just passed: rides of the simulated city, as the champion answers them, and reports."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow.parquet as pq

from ride_duration.model_package import ModelPackage, Rides
from ride_duration.store.log_records import ActualRecord, PredictionRecord
from ride_duration.trips.clock import NEW_YORK
from tests.conftest import Project

#: Four whole weeks: any day has the weekday of one of them.
_MONTH, _FIRST, _DAYS = "2021-02", date(2021, 2, 1), 28


def make_answered_log(
    project: Project, model: str, last: date, days: int = 28, rides: int = 300
) -> tuple[list[PredictionRecord], list[ActualRecord]]:
    """Answer rides of February at request time, as if they began on days up to the last, and report what they took.

    Args:
        project: With a package and the raw month.
        model: Name of the registered model.
        last: Last day of the log; each day has the rides of one of February's with its weekday.
        days: Of the log.
        rides: Of a day.

    Returns:
        Answers, and reports of an hour after the drop-off; a ride's id begins with its day.
    """
    month = pq.read_table(project.data(f"01_raw/simulated/green_tripdata_{_MONTH}.parquet")).to_pandas()
    month = month[["lpep_pickup_datetime", "lpep_dropoff_datetime", "PULocationID", "DOLocationID"]].dropna()
    minutes = (month["lpep_dropoff_datetime"] - month["lpep_pickup_datetime"]).dt.total_seconds() / 60
    month = month.assign(minutes=minutes)[minutes.between(1, 60)]
    of_day = dict(tuple(month.groupby(month["lpep_pickup_datetime"].dt.date)))
    package = ModelPackage.load(project.data("06_models/model_package"))
    answered: list[PredictionRecord] = []
    reported: list[ActualRecord] = []
    for back in range(days):
        day = last - timedelta(days=back)
        source = of_day[_FIRST + timedelta(days=(day - _FIRST).days % _DAYS)]
        chosen = source.iloc[np.linspace(0, len(source) - 1, rides).astype(int)]
        ends = [chosen[name].to_numpy(np.float64) for name in ("PULocationID", "DOLocationID")]
        whens = [datetime.combine(day, pickup.time()) for pickup in chosen["lpep_pickup_datetime"]]
        answers = package.answer(Rides(*ends, np.array(whens, "datetime64[s]"), np.full(rides, np.nan)))
        columns = (*ends, answers.duration, answers.lower, answers.upper, chosen["minutes"].to_numpy(np.float64))
        for number, (when, pickup, dropoff, *answer, took) in enumerate(zip(whens, *columns, strict=True)):
            ride, at = f"{day}-{number}", when.replace(tzinfo=NEW_YORK).timestamp()
            places = (int(pickup), int(dropoff), None)
            minutes_and_bounds = tuple(float(value) for value in answer)
            answered.append(
                PredictionRecord(
                    f"{ride}-p", ride, at - 60, when, *places, *minutes_and_bounds, 1, "champion", 0.5, model, at
                )
            )
            reported.append(ActualRecord(f"{ride}-a", ride, at + 60 * float(took) + 3600, float(took)))
    return answered, reported
