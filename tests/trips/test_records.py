"""Services, and how they name the columns of a trip."""

import pytest

from ride_duration.errors import RideDurationError
from ride_duration.trips.records import DISTANCE, DURATION, TAXI_TYPES, find_taxi_type


def test_there_are_the_four_services_of_the_tlc() -> None:
    assert set(TAXI_TYPES) == {"green", "yellow", "fhv", "fhvhv"}


@pytest.mark.parametrize("name", TAXI_TYPES)
def test_a_service_is_found_by_its_name_and_names_its_files(name: str) -> None:
    service = find_taxi_type(name)
    assert service.name == name
    assert service.file_stem("2021-01") == f"{name}_tripdata_2021-01"


@pytest.mark.parametrize("name", TAXI_TYPES)
def test_every_service_says_where_times_and_zones_stand(name: str) -> None:
    assert {"pickup_datetime", "dropoff_datetime", "pickup_zone", "dropoff_zone"} <= find_taxi_type(name).columns.keys()


def test_only_for_hire_vehicles_without_a_high_volume_licence_have_no_distance() -> None:
    assert [name for name, service in TAXI_TYPES.items() if "trip_distance_raw" not in service.columns] == ["fhv"]


def test_services_can_be_keys() -> None:
    assert len(set(TAXI_TYPES.values())) == 4


@pytest.mark.parametrize("name", ["purple", "", "Green", "green "])
def test_an_unknown_service_is_named_beside_those_that_there_are(name: str) -> None:
    with pytest.raises(RideDurationError) as told:
        find_taxi_type(name)
    assert f"'{name}'" in str(told.value)
    assert all(known in str(told.value) for known in TAXI_TYPES)


def test_the_population_is_the_references() -> None:
    assert DURATION == (1.0, 60.0)
    assert DISTANCE == (0.0, 100.0)
