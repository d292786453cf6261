"""Files of zone shapes."""

import json

import pytest

from ride_duration.errors import RideDurationError
from ride_duration.trips.zone_shapes import ZoneShapes, read_zone_shapes


def test_without_features_there_are_no_shapes() -> None:
    shapes = ZoneShapes(read_zone_shapes(b'{"type": "FeatureCollection", "features": []}'))
    assert not shapes
    assert shapes.zone_at(40.7, -73.9) is None


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"{}",
        json.dumps({"features": [{"properties": {}, "geometry": {}}]}).encode(),
        json.dumps({"features": [{"properties": {"LocationID": 1}, "geometry": {"type": "Point"}}]}).encode(),
    ],
)
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(RideDurationError, match="not a GeoJSON collection of taxi zones"):
        read_zone_shapes(content)
