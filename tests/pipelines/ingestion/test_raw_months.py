"""Where raw months come from."""

from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from ride_duration.datasets.month_files import RemoteFile
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.ingestion.parameters import Simulation
from ride_duration.pipelines.ingestion.raw_months import fingerprint_months, source_months
from tests.support.trips import raw_months

SIMULATED = {"source": "simulated", "sources": {"simulated": None}}


@pytest.mark.parametrize("service", ["green", "yellow", "fhv", "fhvhv"])
def test_the_tlcs_months_come_from_its_own_addresses(service: str) -> None:
    months = source_months(raw_months("2021-01..2021-02", "2021-03", taxi_type=service), Simulation(seed=1))
    assert months == {
        f"{service}_tripdata_{month}": RemoteFile(f"https://tlc/{service}_tripdata_{month}.parquet")
        for month in ("2021-01", "2021-02", "2021-03")
    }


def test_test_months_are_fetched_too() -> None:
    assert "green_tripdata_2023-01" in source_months(raw_months("2023-01"), Simulation(seed=1))


def test_simulated_months_are_functions_of_month_and_seed() -> None:
    january, february = source_months(raw_months(**SIMULATED), Simulation(seed=7)).values()
    [again, _] = source_months(raw_months(**SIMULATED), Simulation(seed=7)).values()
    [other, _] = source_months(raw_months(**SIMULATED), Simulation(seed=8)).values()
    table = january.make()
    assert table.equals(again.make())
    assert not table.equals(other.make())
    assert not table.equals(february.make())
    assert {"lpep_pickup_datetime", "PULocationID", "trip_distance"} <= set(table.column_names)


def test_a_seed_is_not_negative() -> None:
    with pytest.raises(ValidationError, match="seed"):
        Simulation(seed=-1)


def test_the_months_of_the_run_are_fingerprinted_and_no_others() -> None:
    files = {f"green_tripdata_2021-{month:02d}": partial(print_of, month) for month in range(1, 13)}
    assert fingerprint_months(files, raw_months()) == {
        "green_tripdata_2021-01": print_of(1),
        "green_tripdata_2021-02": print_of(2),
    }


def print_of(month: int, sha256: str = "") -> dict[str, Any]:
    """The fingerprint of a month's file."""
    return {"file": f"green_tripdata_2021-{month:02d}.parquet", "sha256": sha256 or str(month), "rows": month}


def test_two_months_with_the_same_bytes_are_refused_by_name() -> None:
    files = {f"green_tripdata_2021-0{month}": partial(print_of, month, "same") for month in (1, 2)}
    with pytest.raises(RideDurationError) as told:
        fingerprint_months(files, raw_months())
    assert "green_tripdata_2021-01.parquet and green_tripdata_2021-02.parquet hold the same bytes" in str(told.value)
    assert "delete that one and run again" in str(told.value)


def test_a_month_that_is_not_there_is_named() -> None:
    with pytest.raises(RideDurationError, match=r"green_tripdata_2021-02\.parquet is not there"):
        fingerprint_months({"green_tripdata_2021-01": dict}, raw_months())
