"""Rules of the live level as they are configured, and rides that it learns from."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ride_duration.level import EndedRides, LevelRules
from ride_duration.pipelines.live_level import LevelLimits

CONFIGURED: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "conf/base/parameters_level.yml").read_text())

#: 2021-03-01, midnight in UTC: a Monday.
MONDAY = 1_614_556_800.0

HOUR, DAY = 3_600.0, 86_400.0


def level_rules(delay_hours: float = 1.0, **changed: Any) -> LevelRules:
    """The configured rules, some of them changed."""
    return LevelLimits(**CONFIGURED["level"] | changed).make_rules(delay_hours)


def rides_at(times: Any, factor: Any, *, seed: int = 1, delay_hours: float = 1.0) -> EndedRides:
    """Rides that begin at instants (n,) and take a factor (or (n,) factors) of what is predicted, with noise."""
    times = np.asarray(times, dtype=np.float64)
    rng = np.random.default_rng(seed)
    predicted = rng.gamma(4.0, 4.0, len(times)).clip(2.0, 50.0)
    actual = (predicted * factor * rng.lognormal(-0.045, 0.3, len(times))).clip(1.0, 120.0)
    known_at = times + 60 * actual + delay_hours * HOUR
    return EndedRides(known_at, actual, predicted)


def select(rides: EndedRides, chosen: Any) -> EndedRides:
    """The rides of a mask or of places (n,)."""
    return EndedRides._make(values[chosen] for values in rides)
