"""Brings the service to what the registry says: verify, load, warm up, golden rides, swap."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ride_duration.errors import RegistryUnavailable, RideDurationError
from ride_duration.registry.reader import RegistryReader
from ride_duration.serving.control.package_cache import PackageCache
from ride_duration.serving.control.package_reader import PackageReader
from ride_duration.serving.inference.deployment import Deployment, Model
from ride_duration.trips.zone_shapes import ZoneShapes

log = logging.getLogger(__name__)

#: A version that could not be loaded is tried again after so long (seconds), or as soon as another is wanted.
_TRY_AGAIN = 30.0


class Challenge(NamedTuple):
    """A challenger, and its share of the answers; 0 for the shadow."""

    version: int
    share: float


@dataclass
class _Observation:
    """What a look at the registry has found so far; published once the look has ended."""

    reachable: bool = True
    champion: int | None = None
    challenger_problem: str | None = None
    problem: str | None = None


class Reconciler:
    """Keeps a deployment as the registry says.

    Args:
        reader: Of the registry.
        cache: Of packages.
        challenge: Returns the challenger, if there is one.
        shapes: Of the zones, as far as they are known.

    Attributes:
        deployment: Who answers; None as long as no model could be loaded.
        reachable: Whether the registry answered last.
        champion: The version that the registry names, or named when it was last reached; None if none.
        challenger_problem: Why the challenger cannot answer, or not the same rides as the champion; None if it can, or
            if the registry could not be asked for it.
        failures: How often a package was refused.
        problem: What is wrong at the moment, in words; None if nothing is.
    """

    def __init__(
        self,
        reader: RegistryReader | PackageReader,
        cache: PackageCache,
        challenge: Callable[[], Challenge | None] = lambda: None,
        shapes: ZoneShapes | None = None,
    ) -> None:
        self._reader = reader
        self._cache = cache
        self._challenge = challenge
        self._shapes = shapes
        self._lock = threading.Lock()
        self._refused: dict[tuple[int, bool], tuple[float, str, str]] = {}
        self.deployment: Deployment | None = None
        self.reachable = False
        self.champion: int | None = None
        self.challenger_problem: str | None = None
        self.failures = 0
        self.problem: str | None = None

    def reconcile(self) -> Deployment | None:
        """Look at the registry, and swap if another model should answer; what answers now stays if anything fails."""
        with self._lock:
            look = _Observation()
            champion = self._champion(look)
            if champion is not None:
                challenger, share = self._challenger(champion, look)
                self.deployment = Deployment(champion, challenger, share)
            self.reachable, self.champion = look.reachable, look.champion
            self.challenger_problem, self.problem = look.challenger_problem, look.problem
            return self.deployment

    def _champion(self, look: _Observation) -> Model | None:
        present = self.deployment.champion if self.deployment else None
        try:
            wanted = self._reader.champion()
            mark = None if wanted is None else self._reader.mark(wanted)
        except RideDurationError as error:
            look.reachable, look.problem, mark = False, str(error), None
            wanted = self.champion or (present.version if present else self._cache.last_champion())
        look.champion = wanted
        if wanted is None:
            look.problem = look.problem or f"there is no champion yet; `{self._reader.release_command}` releases one"
            return present
        if present is not None and _is(present, wanted, mark):
            return present
        challenger = self.deployment.challenger if self.deployment else None
        if challenger is not None and _is(challenger, wanted, mark):
            loaded: Model | None = challenger
        else:
            loaded = self._loaded(wanted, look, mark) or present
        last = self._cache.last_champion()
        if loaded is None and last is not None:  # a start with a bad package in the registry
            loaded = self._loaded(last, look, None)
        if loaded is not None and loaded is not present:
            self._cache.note_champion(loaded.version)
            log.info("serving version %d", loaded.version)
        return loaded

    def _challenger(self, champion: Model, look: _Observation) -> tuple[Model | None, float]:
        wanted = self._challenge()
        if wanted is None or wanted.version == champion.version:
            return None, 0.0
        present = self.deployment.challenger if self.deployment else None
        mark = self._mark(wanted.version, look)
        if present is None or not _is(present, wanted.version, mark):
            present = self._loaded(wanted.version, look, mark)
            if present is None and look.reachable:
                look.challenger_problem = self._refused[wanted.version, True][1]
        if present is not None and present.requires_more_than(champion):
            look.challenger_problem = (
                f"version {present.version} needs the distance where version {champion.version} does without, so that "
                "they cannot be compared on the same rides"
            )
            return None, 0.0
        return present, wanted.share if present else 0.0

    def _mark(self, version: int, look: _Observation) -> str | None:
        """What tells a version from another of its number; None without the registry, empty if it has none such."""
        if not look.reachable:
            return None
        try:
            return self._reader.mark(version)
        except RegistryUnavailable as error:
            look.reachable, look.problem = False, str(error)
            return None
        except RideDurationError:  # loading it says what is wrong
            return ""

    def _loaded(self, version: int, look: _Observation, mark: str | None) -> Model | None:
        """A version, as the registry has it under a mark; as the cache has it if there is none."""
        registry = mark is not None
        until, problem, refused = self._refused.get((version, registry), (0.0, "", ""))
        if time.monotonic() < until and refused == (mark or ""):
            look.problem = problem
            return None
        return self._load(version, look, mark)

    def _load(self, version: int, look: _Observation, mark: str | None) -> Model | None:
        registry = mark is not None
        try:
            package = self._cache.package(version, self._reader.released(version) if registry else None)
            released_at, cached = self._cache.released_at(version), self._cache.mark(version)
            model = Model(package, self._reader.name, released_at, cached, self._shapes)
        except RegistryUnavailable as error:  # says nothing of the package
            look.reachable, look.problem = False, str(error)
            return None
        except Exception as error:  # whatever a package does, the one before goes on answering
            self.failures += 1
            look.problem = f"version {version} cannot be served: {error}"
            self._refused[version, registry] = (time.monotonic() + _TRY_AGAIN, look.problem, mark or "")
            log.error("%s", look.problem)
            return None
        self._refused.pop((version, registry), None)
        return model


def _is(model: Model, version: int, mark: str | None) -> bool:
    """Is a model the version that the registry has under a mark? Without the registry, the number says it."""
    return model.version == version and (mark is None or mark in (model.mark, model.package.fingerprint))
