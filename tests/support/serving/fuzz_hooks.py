"""What schemathesis cannot know: which positions lie in the city. It loads this module by its name."""

from math import isnan
from typing import Any

import schemathesis

from ride_duration.trips.zones import zones

_PLACES = [(zone.latitude, zone.longitude) for zone in zones().values() if not isnan(zone.x)]


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Move positions anywhere on Earth to the nearest zone; those outside the city have tests of their own."""
    return _moved(body)


def _moved(body: Any) -> Any:
    if isinstance(body, list):
        return [_moved(value) for value in body]
    if not isinstance(body, dict):
        return body
    latitude, longitude = body.get("latitude"), body.get("longitude")
    if set(body) == {"latitude", "longitude"} and _degrees(latitude, 90) and _degrees(longitude, 180):
        place = min(_PLACES, key=lambda place: abs(place[0] - latitude) + abs(place[1] - longitude))
        return dict(zip(("latitude", "longitude"), place, strict=True))
    return {name: _moved(value) for name, value in body.items()}


def _degrees(value: Any, most: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= most
