"""Thousands of simulated experiments, each looked at after every one of its rides."""

import numpy as np
import pytest

from ride_duration.serving.ab import LOSSES, Loss
from tests.serving.peeking import Looks, paired_looks, rate, split_looks, split_looks_of

pytestmark = pytest.mark.soak

BATCHES, BATCH, RIDES = 40, 50, 50_000


def other_shape(generator: np.random.Generator, share: float) -> Looks:
    """Losses with the same mean, and another spread."""
    shape = (BATCH, RIDES)
    challenger = generator.random(shape) < share
    return split_looks_of(
        np.where(challenger, generator.gamma(0.5, 8, shape), generator.gamma(2, 2, shape)), challenger
    )


def simulated(case: str, loss: Loss, generator: np.random.Generator) -> Looks:
    if case == "paired":
        return paired_looks(generator, (BATCH, RIDES), loss)
    if case == "same mean, other spread":
        return other_shape(generator, 0.25)
    return split_looks(generator, (BATCH, RIDES), float(case), loss)


CASES = [(case, loss) for case in ("0.05", "0.25", "0.5", "paired") for loss in LOSSES]


@pytest.mark.parametrize(("case", "loss"), [*CASES, ("same mean, other spread", "absolute error")])
def test_thousands_of_experiments_find_no_difference_where_there_is_none(case: str, loss: Loss) -> None:
    generator = np.random.default_rng(31)
    ours, fixed = [], []
    for _ in range(BATCHES):
        looks = simulated(case, loss, generator)
        ours.append(looks.decided().any(axis=1))
        fixed.append(looks.decided_by_fixed_test().any(axis=1))
    share, low, high = rate(np.concatenate(ours)[:, None])
    plain, plain_low, _ = rate(np.concatenate(fixed)[:, None])
    print(f"{loss}, {case}: {share:.2%} ({low:.2%} to {high:.2%}) of simulated experiments; a fixed test {plain:.0%}")
    assert high <= 0.05
    assert plain_low > 0.05
