"""Training, validation and test rows, by month and in the order of ride ids."""

from typing import Any

import ibis
import pandas as pd
import pytest

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.data_science.splitting import find_left_out, split_features
from ride_duration.trips.features import FEATURES
from tests.support.models import simulated_features
from tests.support.trips import experiment

MONTHS = ("2021-01", "2021-02", "2021-03")


def features(*months: str, **changed: Any) -> ibis.Table:
    """Feature rows of months, in no order."""
    rows = pd.concat([simulated_features(50).assign(month=month, **changed) for month in months])
    rows["ride_id"] = rows["ride_id"].str.replace("2021-01-", "") + "-" + rows["month"]
    return ibis.memtable(rows.sample(frac=1, random_state=5))


def test_each_split_has_the_rows_of_its_months() -> None:
    wanted = experiment(train_data="2021-01..2021-02", val_data="2021-03")
    train, val, test = split_features(features(*MONTHS, "2023-01"), wanted)
    assert (len(train), len(val), len(test)) == (100, 50, 0)
    assert set(train["month"]) == {"2021-01", "2021-02"}
    assert set(val["month"]) == {"2021-03"}
    assert list(test.columns) == list(train.columns)
    assert set(FEATURES) <= set(train.columns)


def test_test_months_are_split_off_too() -> None:
    wanted = experiment(train_data="2021-01", val_data="2021-02", test_data="2021-03")
    assert set(split_features(features(*MONTHS), wanted)[2]["month"]) == {"2021-03"}


def test_rows_are_in_the_order_of_their_ride_ids_whatever_order_the_engine_gives() -> None:
    wanted = experiment(train_data="2021-01..2021-02", val_data="2021-03")
    for split in split_features(features(*MONTHS), wanted)[:2]:
        assert split["ride_id"].is_monotonic_increasing
        assert split["ride_id"].is_unique


def test_a_month_that_the_features_lack_is_named_with_what_to_do() -> None:
    with pytest.raises(RideDurationError, match=r"no green trips of 2021-02 from the source 'tlc'; run all of"):
        split_features(features("2021-01"), experiment())


def test_another_services_features_are_not_taken() -> None:
    with pytest.raises(RideDurationError, match=r"no yellow trips of 2021-01, 2021-02"):
        split_features(features("2021-01", "2021-02"), experiment(taxi_type="yellow"))


def test_simulated_trips_are_not_taken_for_real_ones() -> None:
    simulated = experiment(source="simulated", sources={"simulated": None})
    with pytest.raises(RideDurationError, match=r"no green trips of 2021-01, 2021-02 from the source 'simulated'"):
        split_features(features("2021-01", "2021-02"), simulated)


def incident_days(*days: str) -> dict[str, Any]:
    report: dict[str, Any] = {month: {} for month in MONTHS}
    for day in days:
        report[day[:7]].setdefault("incident_days", []).append({"day": day, "why": "level", "trips": 1})
    return report


def test_incident_days_leave_training_out_and_not_evaluation() -> None:
    rows = features(*MONTHS).to_pandas()
    days = rows["pickup_datetime"].dt.strftime("%Y-%m-%d")
    broken = days.mode()[0]
    table = ibis.memtable(rows)
    asked = experiment(train_data="2021-01", val_data="2021-02")
    whole, val, _ = split_features(table, asked, incident_days())
    train, same_val, _ = split_features(table, asked, incident_days(broken, "2021-02-03"))
    kept = whole["pickup_datetime"].dt.strftime("%Y-%m-%d") != broken
    assert 0 < len(train) < len(whole)
    assert train.equals(whole[kept].reset_index(drop=True))
    assert same_val.equals(val)
    assert split_features(table, asked)[0].equals(whole)
    assert find_left_out(incident_days(broken, "2021-02-03"), asked) == [broken]


def test_a_month_of_incident_days_alone_cannot_be_trained_on() -> None:
    rows = features(*MONTHS).to_pandas()
    days = sorted(set(rows["pickup_datetime"].dt.strftime("%Y-%m-%d")))
    with pytest.raises(RideDurationError, match="every day of 2021-01 is an incident day"):
        split_features(ibis.memtable(rows), experiment(), incident_days(*days))
