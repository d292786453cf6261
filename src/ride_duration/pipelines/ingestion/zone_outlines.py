"""The TLC's zone shapes: from its shapefile to few corners in longitude and latitude."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from ride_duration.datasets.month_files import RemoteFile
from ride_duration.errors import RideDurationError
from ride_duration.pipelines.ingestion.parameters import ZoneShapeSettings
from ride_duration.pipelines.ingestion.simplification import Points, simplify_rings
from ride_duration.trips.state_plane import LONG_ISLAND, SURVEY_FOOT
from ride_duration.trips.zones import Zone, zones

log = logging.getLogger(__name__)

#: What the projection file of the shapes says, which are in New York Long Island's State Plane feet (EPSG 2263).
_PROJECTION = "New_York_Long_Island"
#: Digits of a degree that are written: a meter.
_DIGITS = 5


def source_zone_shapes(settings: ZoneShapeSettings) -> dict[str, RemoteFile]:
    """Say where the archive of the zone shapes is fetched from; nothing where the source has none."""
    address = settings.zone_shape_sources.get(settings.source)
    return {"taxi_zones": RemoteFile(address)} if address else {}


def outline_zones(archives: dict[str, bytes], settings: ZoneShapeSettings) -> dict[str, Any]:
    """Turn the archive's shapes into a GeoJSON feature collection.

    Args:
        archives: The zip archive by its name, or none.
        settings: How many corners are kept.

    Returns:
        A feature for each zone, with its polygons (WGS84) and its `LocationID`; none where there is no archive, or one
        that cannot be used, which a warning says.
    """
    for name, content in archives.items():
        try:
            shapes = _read_archive(content)
            _check_places(shapes)
        except Exception as error:  # pyshp and zipfile have their own; the shapes are optional
            log.warning("Going on without the shapes of the taxi zones: %s cannot be used (%s)", name, error)
            continue
        features = list(_features(shapes, settings.zone_shape_tolerance))
        log.info("shapes of %d taxi zones, read from %s", len(features), name)
        return _collect(features) | {"sha256": hashlib.sha256(content).hexdigest()}
    return _collect([])


def _collect(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}


#: Polygons of zones by location id: rings of corners in feet, an outline and its holes each, not closed.
Shapes = dict[int, list[list[Points]]]


def _read_archive(content: bytes) -> Shapes:
    """Read the shapes of the zones.

    Raises:
        RideDurationError: It is not a shapefile of taxi zones in the State Plane.
    """
    import shapefile

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        by_end = {name.rpartition(".")[2].lower(): name for name in archive.namelist()}
        if missing := {"shp", "dbf", "prj"} - by_end.keys():
            raise RideDurationError(f"it holds no .{min(missing)} file")
        if _PROJECTION not in archive.read(by_end["prj"]).decode("ascii", "replace"):
            raise RideDurationError("its coordinates are not of the State Plane, New York Long Island")
        parts = {end: io.BytesIO(archive.read(by_end[end])) for end in ("shp", "dbf")}
    shapes: Shapes = {}
    with shapefile.Reader(**parts) as reader:
        for record in reader.iterShapeRecords():
            geometry, fields = record.shape.__geo_interface__, record.record.as_dict()
            polygons = geometry["coordinates"]
            for rings in [polygons] if geometry["type"] == "Polygon" else polygons:
                corners = [np.array([corner[:2] for corner in ring[:-1]], dtype=float) for ring in rings]
                shapes.setdefault(_location_id(fields), []).append(corners)
    return shapes


def _location_id(fields: dict[str, Any]) -> int:
    """The zone of a record. Zones of one name (56 and 57; 103 to 105) share an id in the TLC's file, not a number."""
    table, location, number = zones(), int(fields["LocationID"]), int(fields.get("OBJECTID", 0))
    if location not in table:
        raise RideDurationError(f"there is no taxi zone {location}")
    return number if number in table and table[number].name == table[location].name else location


def _check_places(shapes: Shapes) -> None:
    """Compare the shapes with the zone table.

    Raises:
        RideDurationError: A zone lies elsewhere.
    """
    table = zones()
    for location, polygons in shapes.items():
        corners = LONG_ISLAND.to_degrees(np.concatenate([outline for outline, *_ in polygons]))
        if not _lies_within(table[location], corners):
            raise RideDurationError(f"zone {location}, {table[location].name}, does not lie where the zone table says")


def _lies_within(zone: Zone, corners: Points) -> bool:
    (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
    return bool(west <= zone.longitude <= east and south <= zone.latitude <= north)


def _features(shapes: Shapes, tolerance: float) -> Iterator[dict[str, Any]]:
    """GeoJSON features, in the order of the ids; `tolerance` in meters."""
    ends = [
        (location, n, k) for location, polygons in shapes.items() for n, p in enumerate(polygons) for k in range(len(p))
    ]
    rings = [shapes[location][n][k] for location, n, k in ends]
    simple = dict(zip(ends, simplify_rings(rings, tolerance / SURVEY_FOOT), strict=True))
    for location in sorted(shapes):
        polygons = [
            [_close(simple[location, n, k], hole=k > 0) for k in range(len(polygon)) if len(simple[location, n, k]) > 2]
            for n, polygon in enumerate(shapes[location])
            if len(simple[location, n, 0]) > 2
        ]
        # A zone of islets that are all smaller than the tolerance stays as it is.
        polygons = polygons or [[_close(ring, hole=k > 0) for k, ring in enumerate(p)] for p in shapes[location]]
        yield {
            "type": "Feature",
            "properties": {"LocationID": location},
            "geometry": {"type": "MultiPolygon", "coordinates": polygons},
        }


def _close(ring: Points, hole: bool) -> list[list[float]]:
    """A ring in degrees, closed: outlines counterclockwise and holes clockwise, as RFC 7946 has them."""
    degrees = np.round(LONG_ISLAND.to_degrees(ring), _DIGITS)
    x, y = degrees.T
    twice_area = float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    if (twice_area > 0) == hole:
        degrees = degrees[::-1]
    return [*degrees.tolist(), degrees[0].tolist()]
