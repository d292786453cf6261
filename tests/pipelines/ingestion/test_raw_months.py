"""Where raw months come from."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from ride_duration.datasets.month_files import RemoteFile
from ride_duration.errors import NotFound, RideDurationError
from ride_duration.pipelines.ingestion.parameters import Simulation
from ride_duration.pipelines.ingestion.raw_months import fingerprint_months, source_months
from ride_duration.trips.simulation import Kind, Scenario
from tests.conftest import REPOSITORY
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


def test_days_and_months_that_differ_make_other_files_and_former_ones_are_known() -> None:
    [plain, _] = source_months(raw_months(**SIMULATED), Simulation(seed=7)).values()
    differing = Simulation(seed=7, day_spread=0.04, day_correlation=0.3, month_spread=0.02)
    [differs, _] = source_months(raw_months(**SIMULATED), differing).values()
    assert plain.origin == differs.former == "simulated with seed 7"
    assert differs.origin == "simulated with seed 7, days of spread 0.04 (correlation 0.3), months of spread 0.02"
    assert not plain.make().equals(differs.make())


def test_scenarios_are_configured_and_placed_in_time() -> None:
    simulation = Simulation(seed=7, scenarios={"winter": {"start": 3, "end": 9, "strength": 0.1}})
    placed = simulation.place_scenario("winter", np.datetime64("2021-03-30"))
    assert placed == Scenario(Kind.WINTER, np.datetime64("2021-04-02"), np.datetime64("2021-04-08"), 0.1)
    with pytest.raises(NotFound, match=r"unknown scenario 'speed_limit'; simulation.scenarios has winter"):
        simulation.place_scenario("speed_limit", np.datetime64("2021-03-30"))


def test_every_kind_is_configured() -> None:
    configured = yaml.safe_load((REPOSITORY / "conf/base/parameters_ingestion.yml").read_text())["simulation"]
    assert list(Simulation(**configured).scenarios) == list(Kind)


@pytest.mark.parametrize(
    ("scenarios", "message"),
    [
        ({"flood": {"start": 1, "strength": 0.1}}, "unknown scenario 'flood'; there are speed_limit"),
        ({"winter": {"start": 9, "end": 9, "strength": 0.1}}, "end is 9, which is not after the start"),
        ({"silent_source": {"start": 9, "strength": 1.5}}, "it is a share, at most 1"),
        ({"winter": {"start": 9, "strength": 0}}, "strength"),
    ],
)
def test_scenarios_that_cannot_be_are_refused(scenarios: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Simulation(seed=1, scenarios=scenarios)


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
