"""The loaded models, and which of them scores which ride."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple

from ride_duration.errors import RideDurationError
from ride_duration.model_package import ModelPackage, SingleRides, golden_error
from ride_duration.rollout.traffic_split import is_in_share
from ride_duration.store.variant import Variant
from ride_duration.trips.records import DISTANCE
from ride_duration.trips.zone_locator import ZoneLocator
from ride_duration.trips.zone_shapes import ZoneShapes

#: Members of an enumeration are looked up slowly, and these for each ride.
_CHAMPION, _CHALLENGER = Variant.CHAMPION, Variant.CHALLENGER

#: Minutes that the prediction of a golden ride may be off.
_GOLDEN_MINUTES = 0.01

#: From JFK to Midtown on a Monday morning: a ride that any model scores, if it has the distance.
_RIDE = (132, 230, datetime(2021, 3, 1, 8))


class AppliedLevel(NamedTuple):
    """A published live level.

    Attributes:
        number: Of its row in the store.
        factor: What answers are multiplied by.
        since: When its quarter of an hour began (seconds since 1970-01-01 UTC).
        is_frozen: Whether what becomes known is kept out of it.
    """

    number: int
    factor: float
    since: float
    is_frozen: bool


class Model:
    """A package that has passed its golden rides.

    Args:
        package: Its hashes were compared.
        name: Of the registered model.
        released_at: Seconds since 1970 (UTC).
        mark: Tells it from another version of the same number in the registry; empty if it is not known.
        shapes: Of the zones, as far as they are known, for rides that give positions.

    Attributes:
        name: The same.
        locator: Finds the zone of a position.
        places: Where the zones of its zone table are.
        version: In the registry.
        facts: What its manifest says.
        released_at: The same.
        mark: The same.
        level: By which its answers are multiplied; None: by none.
        level_problem: Why there is none, where there should be one: absent, stale or corrupt; else empty.

    Raises:
        RideDurationError: It cannot be run, or its predictions of golden rides are off.
    """

    def __init__(
        self, package: ModelPackage, name: str, released_at: float, mark: str = "", shapes: ZoneShapes | None = None
    ) -> None:
        off = golden_error(package)  # warms the graphs up as well
        if not off <= _GOLDEN_MINUTES:
            raise RideDurationError(f"version {package.version} scores golden rides {off:.3g} minutes off")
        if package.version is None:
            raise RideDurationError("a package without a version cannot be served")
        self.package = package
        self.name = name
        self.version = package.version
        self.label = str(package.version)
        self.facts: dict[str, Any] = package.manifest
        self.needs_distance = self.facts.get("distance") == "required"
        self.answer = SingleRides(package).answer
        self._needs_valid_distance = self.needs_distance and not isfinite(self.answer(*_RIDE, 2 * DISTANCE[1]).duration)
        self.locator = ZoneLocator(package.zones, shapes)
        self.places = package.places
        self.released_at = released_at
        self.mark = mark
        self.level: AppliedLevel | None = None
        self.level_problem = ""

    def lacks_distance(self, trip_distance: float | None, problem: str | None = None) -> bool:
        """Return whether it cannot score a ride with such a distance (miles): it needs one that is given and valid.

        Args:
            trip_distance: As given.
            problem: What is wrong with it, as `find_distance_problem` says.
        """
        if not self.needs_distance:
            return False
        return trip_distance is None or (self._needs_valid_distance and problem is not None)

    @property
    def reads_any_distance(self) -> bool:
        """Return whether it reads the distance as it is given, valid or not."""
        return self.needs_distance and not self._needs_valid_distance

    def requires_more_than(self, other: Model) -> bool:
        """Return whether it needs something of rides that the other one scores without."""
        return self.needs_distance > other.needs_distance or self._needs_valid_distance > other._needs_valid_distance


@dataclass(frozen=True)
class Deployment:
    """The serving models: replaced as a whole, so that no ride sees half of a change.

    Attributes:
        champion: Scores rides, but for the challenger's share.
        challenger: Scores a share of the rides; needs no more of them than the champion.
        share: Of rides, from 0 to 1; 0 is the shadow: the challenger scores all, which is not returned to clients.
    """

    champion: Model
    challenger: Model | None = None
    share: float = 0.0

    def choose_model(self, ride_id: str) -> tuple[Model, Variant]:
        """Return who scores a ride: the same for the same id, and a challenger keeps its rides as its share grows."""
        challenger = self.challenger
        if challenger is not None and self.share and is_in_share(ride_id, self.share, challenger.label):
            return challenger, _CHALLENGER
        return self.champion, _CHAMPION

    @property
    def shadow(self) -> Model | None:
        """Return the challenger whose predictions are not returned to clients; None if there is none."""
        return None if self.share else self.challenger

    @property
    def variants(self) -> list[tuple[Variant, Model, float]]:
        """Return each variant with its model and its share of the rides."""
        if self.challenger is None:
            return [(Variant.CHAMPION, self.champion, 1.0)]
        name = Variant.CHALLENGER if self.share else Variant.SHADOW
        return [(Variant.CHAMPION, self.champion, 1.0 - self.share), (name, self.challenger, self.share)]
