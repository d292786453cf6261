"""What the rides of one day, or of one month, have in common: weather, events, works on the streets.

Rides of a day share its traffic, so that two days differ by more than their rides' own chance. The factor of a day
comes from (seed, day) alone: a month made by itself equals the same month made among others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ride_duration.trips.simulation.ground import Floats

#: Streams of random numbers beside those of the rides.
_DAYS, _MONTHS = 101, 102
#: Days back that a day still feels: with a lag-1 correlation of 0.3 what lies further back is below 1e-10.
_LONGEST_MEMORY = 400


@dataclass(frozen=True)
class CommonEffects:
    """Factors on the durations of all rides of a day and of a month; none by default.

    Attributes:
        day_spread: Standard deviation of the logarithm of a day's factor.
        day_correlation: Lag-1 correlation of these logarithms: bad weather lasts.
        month_spread: Standard deviation of the logarithm of a month's factor.
    """

    day_spread: float = 0.0
    day_correlation: float = 0.0
    month_spread: float = 0.0


#: All days alike.
NO_EFFECTS = CommonEffects()


def draw_log_factors(days: NDArray[np.datetime64], effects: CommonEffects, seed: int) -> Floats:
    """Return the logarithm of the factor on the durations of each day.

    The days' own part is a first-order autoregression, written as the moving average of independent shocks of the days
    before, so that no day has to be the first.

    Args:
        days: Days (n,), datetime64[D], in any order.
        effects: How much days and months differ.
        seed: Of the city.

    Returns:
        Shape (n,); zero where there are no effects.
    """
    log_factors = np.zeros(len(days))
    if effects.day_spread:
        weights = _find_weights(effects.day_correlation)
        shocks: dict[int, float] = {}
        for number, day in enumerate(days.astype("datetime64[D]").astype(np.int64).tolist()):
            for back in range(len(weights)):
                if day - back not in shocks:
                    shocks[day - back] = _draw_one(seed, _DAYS, day - back)
            before = np.array([shocks[day - back] for back in range(len(weights))])
            log_factors[number] = effects.day_spread * float(weights @ before)
    if effects.month_spread:
        months, of_month = np.unique(days.astype("datetime64[M]").astype(np.int64), return_inverse=True)
        drawn = np.array([_draw_one(seed, _MONTHS, month) for month in months.tolist()])
        log_factors += effects.month_spread * drawn[of_month]
    return log_factors


def _find_weights(correlation: float) -> Floats:
    """Weights of the shocks of this day and the days before, of unit sum of squares."""
    longest = 1 if not correlation else min(_LONGEST_MEMORY, int(np.ceil(np.log(1e-10) / np.log(abs(correlation)))))
    weights = correlation ** np.arange(longest)
    return np.asarray(weights / np.sqrt(np.sum(weights**2)))


def _draw_one(seed: int, stream: int, number: int) -> float:
    # Days before 1970 count, too: entropy must not be negative.
    return float(np.random.default_rng(np.random.SeedSequence([seed, stream, number + 1_000_000])).standard_normal())
