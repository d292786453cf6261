"""From clean trips to the table of features."""

from datetime import timedelta
from typing import Any

import pytest

from ride_duration.pipelines.data_engineering.feature_table import compute_features
from ride_duration.pipelines.data_engineering.rules import check_records, clean_trips
from ride_duration.trips.features import FEATURES
from tests.support.trips import MONDAY, Ride, green_records, green_table, ride


def features_of(*rides: Ride) -> list[dict[str, Any]]:
    """Feature rows of rides in a file of 2021-01, in the order of the file."""
    trips = clean_trips(check_records(green_records(green_table(list(rides)))))
    return compute_features(trips).order_by("ride_id").to_pyarrow().to_pylist()


def test_a_feature_row_has_its_key_its_zones_the_duration_and_every_feature() -> None:
    [row] = features_of(ride(seconds=750, distance=2.5))
    assert set(FEATURES) <= row.keys()
    assert {name: row[name] for name in row.keys() - set(FEATURES)} == {
        "source": "tlc",
        "service": "green",
        "month": "2021-01",
        "ride_id": "green-2021-01-000000000",
        "pickup_datetime": MONDAY,
        "pickup_zone": 74,
        "dropoff_zone": 75,
        "duration": 12.5,
        "trip_distance_raw": 2.5,
        "zone_pair": "74_75",
        "borough_pair": "Manhattan - Manhattan",
    }


@pytest.mark.parametrize(
    ("zones", "pair", "boroughs"),
    [
        ((132, 230), "132_230", "Queens - Manhattan"),
        ((75, 264), "75_264", "Manhattan - Unknown"),
        ((None, 75), "_75", "Unknown - Manhattan"),
        ((75, None), "75_", "Manhattan - Unknown"),
        ((999, None), "999_", "Unknown - Unknown"),
    ],
)
def test_zone_and_borough_pairs_are_there_for_unknown_zones_too(
    zones: tuple[int | None, int | None], pair: str, boroughs: str
) -> None:
    [row] = features_of(ride(zones=zones))
    assert (row["zone_pair"], row["borough_pair"]) == (pair, boroughs)


def test_the_features_read_the_repaired_distance_and_the_raw_one_is_carried_along() -> None:
    [row] = features_of(ride(distance=2000.0))
    assert row["trip_distance_raw"] == 2000.0
    assert row["trip_distance"] is None
    assert row["detour"] is None


def test_no_trip_is_lost_or_doubled_on_the_way() -> None:
    rides = [ride(zones=(first, second)) for first in (1, 264, 266, None) for second in (1, 132, 265, None)]
    rows = features_of(*rides)
    assert [(row["pickup_zone"], row["dropoff_zone"]) for row in rows] == [one[:2] for one in rides]


def test_the_day_of_the_week_begins_with_monday_and_the_hour_has_its_minutes() -> None:
    rows = features_of(*(ride(pickup=MONDAY + timedelta(days=day, minutes=45)) for day in range(7)))
    assert [row["weekday"] for row in rows] == [0, 1, 2, 3, 4, 5, 6]
    assert {row["hour"] for row in rows} == {8.75}
