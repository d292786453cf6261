"""Rules of rolling margins as they are configured, and rides with bounds."""

from typing import Any

import numpy as np

from ride_duration.level import BoundedRides, MarginRules
from ride_duration.model_package.intervals import Calibration
from ride_duration.pipelines.live_level import IntervalLimits
from tests.support.level import CONFIGURED, HOUR

EDGES = (1.0, 3.0)

#: Below 1 mile, 1 to 3 miles, from 3 miles, no place.
BUCKETS = len(EDGES) + 2


def margin_rules(**changed: Any) -> MarginRules:
    """The configured rules, some of them changed."""
    limits = IntervalLimits(**CONFIGURED["level"]["intervals"] | changed)
    return limits.make_rules(Calibration(coverage=0.9, edges=EDGES, margins={}))


def bounded_rides(times: Any, *, seed: int = 1, spread: float = 1.0, delay_hours: float = 1.0) -> BoundedRides:
    """Rides that begin at instants (n,), and bounds that hold nine in ten at a spread of 1, fewer where it is more.

    Logarithms of durations are normal. Seven rides in ten have bucket 1, three bucket 2; every other one is answered
    with the metered distance.
    """
    times = np.asarray(times, dtype=np.float64)
    rng = np.random.default_rng(seed)
    usual = rng.uniform(6.0, 30.0, len(times))
    actual = usual * np.exp(0.2 * spread * rng.standard_normal(len(times)))
    reach = np.exp(0.2 * 1.6449)  # the 95 % quantile
    bucket = np.where(rng.random(len(times)) < 0.7, 1, 2)
    known_at = times + 60 * actual + delay_hours * HOUR
    return BoundedRides(known_at, actual, usual / reach, usual * reach, bucket, np.arange(len(times)) % 2 == 0)


def select_bounded(rides: BoundedRides, chosen: Any) -> BoundedRides:
    """The rides of a mask or of places (n,)."""
    return BoundedRides._make(values[chosen] for values in rides)
