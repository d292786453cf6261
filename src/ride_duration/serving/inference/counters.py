"""What the service counts since its start: what rollouts are decided by, and what metrics and the page show."""

from __future__ import annotations

from ride_duration.store.variant import Variant


class Counters:
    """Counts of one instance; written by the event loop alone, read by any thread.

    Attributes:
        scored: Rides that were scored, by version and variant.
        failed: Rides that a variant failed to score, by version and variant.
    """

    def __init__(self) -> None:
        self.scored: dict[tuple[int, Variant], int] = {}
        self.failed: dict[tuple[int, Variant], int] = {}

    def count_scored(self, version: int, variant: Variant) -> None:
        """Count a ride that was scored."""
        key = (version, variant)
        self.scored[key] = self.scored.get(key, 0) + 1

    def count_failed(self, version: int, variant: Variant, rides: int = 1) -> None:
        """Count rides that a variant failed to score."""
        key = (version, variant)
        self.failed[key] = self.failed.get(key, 0) + rides

    def failures(self, version: int) -> int:
        """Return how many rides a version failed to score, in whatever part."""
        return sum(rides for (of, _), rides in list(self.failed.items()) if of == version)

    @property
    def rides(self) -> int:
        """Return how many rides were answered; those of the shadow were answered by the champion."""
        return sum(rides for (_, variant), rides in list(self.scored.items()) if variant != Variant.SHADOW)
