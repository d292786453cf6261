"""From the State Plane coordinates that the TLC's zone shapes are in to longitude and latitude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Meters of a US survey foot.
SURVEY_FOOT = 1200 / 3937
#: The series of the latitude gains three digits a round.
_ROUNDS = 8


@dataclass(frozen=True)
class LambertConic:
    """A Lambert conformal conic projection with two standard parallels, on an ellipsoid.

    Attributes:
        semi_major_axis: Of the ellipsoid, in the unit of the coordinates.
        squared_eccentricity: Of the ellipsoid.
        parallels: Latitudes of the two standard parallels (degrees).
        origin: Longitude and latitude of the origin (degrees).
        false_easting: What is added to the easting, in the unit of the coordinates.
        false_northing: What is added to the northing, likewise.
    """

    semi_major_axis: float
    squared_eccentricity: float
    parallels: tuple[float, float]
    origin: tuple[float, float]
    false_easting: float = 0.0
    false_northing: float = 0.0

    def to_degrees(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the longitudes and latitudes of points.

        J. P. Snyder, Map Projections: A Working Manual, U.S. Geological Survey Professional Paper 1395 (1987), pages
        107 to 109: equations 14-11 and 14-9, 15-8 to 15-11, 14-10 and 7-9.

        Args:
            points: Eastings and northings (n, 2), in the unit of the projection.

        Returns:
            Degrees east and north (n, 2), on the projection's own datum.
        """
        cone, scale, radius = self._constants()
        east = points[:, 0] - self.false_easting
        north = radius - (points[:, 1] - self.false_northing)
        t = (np.hypot(east, north) / (self.semi_major_axis * scale)) ** (1 / cone)
        eccentricity = np.sqrt(self.squared_eccentricity)
        latitude = np.pi / 2 - 2 * np.arctan(t)
        for _ in range(_ROUNDS):
            sine = eccentricity * np.sin(latitude)
            latitude = np.pi / 2 - 2 * np.arctan(t * ((1 - sine) / (1 + sine)) ** (eccentricity / 2))
        longitude = np.arctan2(east, north) / cone + np.radians(self.origin[0])
        degrees: NDArray[np.float64] = np.degrees(np.stack([longitude, latitude], axis=1))
        return degrees

    def _constants(self) -> tuple[float, float, float]:
        """The cone's constant, the scale F, and the radius of the origin's parallel."""
        first, second = np.radians(self.parallels)
        m_first, m_second = self._m(first), self._m(second)
        t_first, t_second = self._t(first), self._t(second)
        cone = float((np.log(m_first) - np.log(m_second)) / (np.log(t_first) - np.log(t_second)))
        scale = float(m_first / (cone * t_first**cone))
        return cone, scale, float(self.semi_major_axis * scale * self._t(np.radians(self.origin[1])) ** cone)

    def _m(self, latitude: float) -> float:
        return float(np.cos(latitude) / np.sqrt(1 - self.squared_eccentricity * np.sin(latitude) ** 2))

    def _t(self, latitude: float) -> float:
        eccentricity = np.sqrt(self.squared_eccentricity)
        sine = eccentricity * np.sin(latitude)
        return float(np.tan(np.pi / 4 - latitude / 2) / ((1 - sine) / (1 + sine)) ** (eccentricity / 2))


#: New York Long Island in US survey feet (EPSG 2263) on NAD83, whose ellipsoid is GRS 80; NAD83 and WGS84 are some two
#: meters apart, which is less than the shapes are exact to.
LONG_ISLAND = LambertConic(
    semi_major_axis=6_378_137.0 / SURVEY_FOOT,
    squared_eccentricity=0.006_694_380_022_90,
    parallels=(40 + 40 / 60, 41 + 2 / 60),
    origin=(-74.0, 40 + 10 / 60),
    false_easting=300_000.0 / SURVEY_FOOT,
)
