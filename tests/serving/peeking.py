"""Simulated experiments that are looked at after every ride."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from ride_duration.serving.ab import MINIMUM, Loss, losses, time_uniform

Floats = NDArray[np.float64]


class Looks(NamedTuple):
    """Estimates, variances and pairs after each ride (experiments, rides); whether there are enough rides.

    `plain_variance` is what a t-test for samples of unequal variance takes.
    """

    estimate: Floats
    variance: Floats
    pairs: Floats
    enough: NDArray[np.bool_]
    plain_variance: Floats

    def decided(self) -> NDArray[np.bool_]:
        """Whether the test says after a ride that there is a difference."""
        radius, p = time_uniform(self.estimate, self.variance, self.pairs)
        outside = np.abs(self.estimate) > radius
        assert np.array_equal(outside[self.enough], (p < 0.05)[self.enough])
        return outside & self.enough

    def decided_by_fixed_test(self) -> NDArray[np.bool_]:
        """The same of a test at 5 % whose number of rides should have been fixed before."""
        return (np.abs(self.estimate) > 1.96 * np.sqrt(self.plain_variance)) & self.enough


def simulated_rides(generator: np.random.Generator, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Expected and actual minutes of simulated rides, 1 to 60: the errors are skewed and have a long tail."""
    expected = np.clip(generator.lognormal(2.4, 0.6, shape), 1, 60)
    return expected, np.clip(expected * generator.lognormal(0, 0.35, shape), 1, 60)


def split_looks(
    generator: np.random.Generator, shape: tuple[int, int], share: float, loss: Loss, scale: float = 1.0
) -> Looks:
    """Two variants of the same error, each with rides of its own; the challenger's errors are scaled."""
    expected, actual = simulated_rides(generator, shape)
    challenger = generator.random(shape) < share
    values = losses(loss, (expected - actual) * np.where(challenger, scale, 1.0))
    return split_looks_of(values, challenger)


def split_looks_of(values: Floats, challenger: NDArray[np.bool_]) -> Looks:
    """Looks at given losses."""
    (n_a, mean_a, var_a), (n_b, mean_b, var_b) = (_running(values, mine) for mine in (~challenger, challenger))
    pairs = 1 / (1 / np.maximum(n_a, 1) + 1 / np.maximum(n_b, 1))
    enough = np.minimum(n_a, n_b) >= MINIMUM
    plain_variance = var_a / np.maximum(n_a, 1) + var_b / np.maximum(n_b, 1)
    return Looks(mean_b - mean_a, np.maximum(var_a, var_b) / pairs, pairs, enough, plain_variance)


def paired_looks(generator: np.random.Generator, shape: tuple[int, int], loss: Loss, scale: float = 1.0) -> Looks:
    """Two variants that are off by different noise on the same rides; the challenger's errors are scaled."""
    expected, actual = simulated_rides(generator, shape)
    champion, challenger = (expected * generator.lognormal(0, 0.1, shape) - actual for _ in range(2))
    values = losses(loss, challenger * scale) - losses(loss, champion)
    n, mean, variance = _running(values, np.ones(shape, dtype=bool))
    return Looks(mean, variance / n, n, n >= MINIMUM, variance / n)


def _running(values: Floats, mine: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    n = np.cumsum(mine, axis=1, dtype=np.float64)
    mean = np.cumsum(values * mine, axis=1) / np.maximum(n, 1)
    squares = np.cumsum(values**2 * mine, axis=1) / np.maximum(n, 1)
    return n, mean, np.maximum(squares - mean**2, 0) * n / np.maximum(n - 1, 1)


def rate(decided: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Share of experiments that were ever decided, with exact (Clopper-Pearson) 95 % bounds."""
    ever = decided.any(axis=1)
    bounds = binomtest(int(ever.sum()), len(ever)).proportion_ci(0.95, method="exact")
    return float(ever.mean()), float(bounds.low), float(bounds.high)
