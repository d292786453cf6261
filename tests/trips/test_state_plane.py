"""State Plane feet to longitude and latitude, beside published figures and another program's."""

import numpy as np
import pytest

from ride_duration.trips.state_plane import LONG_ISLAND, LambertConic

#: Longitude, latitude, easting, northing in US survey feet: EPSG 2263 by PROJ 9 (pyproj 3.7.2).
LANDMARKS = {
    "JFK Airport": (-73.7781, 40.6413, 1045832.7247381022, 172997.26030957093),
    "LaGuardia Airport": (-73.874, 40.7769, 1019147.0724301334, 222347.5404850961),
    "Newark Airport": (-74.1745, 40.6895, 935856.9069518833, 190528.08051632403),
    "Statue of Liberty": (-74.0445, 40.6892, 971909.0048060217, 190373.7151159733),
    "Tottenville, the south-west": (-74.253, 40.504, 913891.806789112, 122999.0741021492),
    "Wakefield, the north": (-73.852, 40.903, 1025162.583765726, 268299.9554124957),
}


@pytest.mark.parametrize("landmark", LANDMARKS)
def test_landmarks_lie_where_another_program_finds_them(landmark: str) -> None:
    longitude, latitude, easting, northing = LANDMARKS[landmark]
    found = LONG_ISLAND.to_degrees(np.array([[easting, northing]]))
    assert found == pytest.approx(np.array([[longitude, latitude]]), abs=1e-9)


def test_snyders_numerical_example() -> None:
    """Pages 296 and 297: Clarke's ellipsoid of 1866, in meters."""
    example = LambertConic(6_378_206.4, 0.00676866, parallels=(33.0, 45.0), origin=(-96.0, 23.0))
    found = example.to_degrees(np.array([[1_894_410.9, 1_564_649.5]]))
    assert found == pytest.approx(np.array([[-75.0, 35.0]]), abs=1e-6)
