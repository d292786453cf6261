"""One rule for what is out of range, in tables and in arrays."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from ride_duration.trips.ranges import find_placed_zones, is_out_of_range

NOTHING = float("nan")


@pytest.mark.parametrize(
    ("minutes", "miles", "pickup", "dropoff", "beyond"),
    [
        (1.0, 100.0, 74, 75, False),
        (60.0, 0.01, 74, 75, False),
        (NOTHING, NOTHING, 74, 75, False),
        (0.99, 5.0, 74, 75, True),
        (60.01, NOTHING, 74, 75, True),
        (-5.0, 5.0, 74, 75, True),
        (NOTHING, 0.0, 74, 75, True),
        (10.0, 90_000.0, 74, 75, True),
        (10.0, 5.0, 264, 75, True),
        (10.0, 5.0, 74, NOTHING, True),
    ],
)
def test_the_rule_is_the_same_for_arrays_and_tables(
    minutes: float, miles: float, pickup: float, dropoff: float, beyond: bool
) -> None:
    zones = (np.array([pickup]), np.array([dropoff]))
    placed = (np.isin(end, find_placed_zones()) for end in zones)
    assert is_out_of_range(np.array([minutes]), np.array([miles]), *placed).tolist() == [beyond]
    row = pd.DataFrame({"minutes": [minutes], "miles": [miles], "pickup": [pickup], "dropoff": [dropoff]})
    types = dict.fromkeys(row.columns, "float64")
    table = ibis.memtable([tuple(None if np.isnan(value) else value for value in row.iloc[0])], schema=types)
    ends = (table[end].cast("int64").isin(find_placed_zones()).fill_null(False) for end in ("pickup", "dropoff"))
    found = is_out_of_range(table["minutes"], table["miles"], *ends).fill_null(False).name("found")
    assert table.select(found).to_pyarrow()["found"].to_pylist() == [beyond]


def test_zones_without_a_place_are_none_of_the_placed_ones() -> None:
    assert not {264, 265} & set(find_placed_zones())
    assert {74, 75, 132, 138} < set(find_placed_zones())
